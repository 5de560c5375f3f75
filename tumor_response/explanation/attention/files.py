"""Attention maps on the disk: NIfTI on the CT's grid, one JSON, and nothing that was changed.

``attention.json`` says what the maps are and has the SHA-256 of each file, and its own. A lesion
has four NIfTI files, named by its identifiers: ``..._attention`` and ``..._coverage`` on the CT's
grid, which viewers lay over it, and ``..._views`` and ``..._view_tumour``, the maps of its views as
a stack of pictures. NIfTI keeps a grid in 32-bit floats; the JSON has it to the last digit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk

from tumor_response.exceptions import BundleError, ExplanationError, GeometryError
from tumor_response.explanation.attention.boxed import BoxedMap
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.folders import whole_folder
from tumor_response.explanation.attention.maps import FAILURE_COLUMNS, AttentionMaps
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.features.deep.views import ViewSettings
from tumor_response.features.deep.views.sampling import PlaneGrid
from tumor_response.imaging import Geometry, adopt_grid
from tumor_response.outcomes.local_maps import file_stem, write_checked
from tumor_response.settings import canonical_json, sha256_of_json

__all__ = ["RECORD", "load_maps", "save_maps"]

RECORD = "attention.json"
_FORMAT = 1
_ENDINGS = ("attention", "coverage", "views", "view_tumour")
_VECTORS = ("middle_mm", "right", "down", "across")


def save_maps(maps: AttentionMaps, directory: str | Path) -> None:
    """Write maps; see :meth:`AttentionMaps.save`."""
    with whole_folder(directory, _is_ours) as folder:
        content: dict[str, Any] = {
            "format": _FORMAT,
            "method": maps.method,
            "model": maps.model,
            "mode": maps.mode,
            "views": maps.views.model_dump(mode="json"),
            "settings_sha256": maps.settings_sha256,
            "provenance": maps.provenance,
            "failures": maps.failures.to_dict("records"),
            "lesions": [_saved(case, folder) for case in maps.values()],
        }
        content["sha256"] = sha256_of_json(content)
        (folder / RECORD).write_text(canonical_json(content), encoding="utf-8")


def load_maps(directory: str | Path) -> AttentionMaps:
    """Read maps; see :meth:`AttentionMaps.load`."""
    folder = Path(directory)
    content = _record(folder)
    cases = [_loaded(lesion, folder) for lesion in content["lesions"]]
    failures = pd.DataFrame(content["failures"], columns=list(FAILURE_COLUMNS), dtype="str")
    return AttentionMaps(
        cases={case.key: case for case in cases},
        views=ViewSettings(**content["views"]),
        failures=failures,
        **{k: content[k] for k in ("method", "model", "mode", "settings_sha256", "provenance")},
    )


def _is_ours(name: str) -> bool:
    return name == RECORD or name.endswith(tuple(f"_{one}.nii.gz" for one in _ENDINGS))


def _saved(case: CaseAttention, folder: Path) -> dict[str, Any]:
    """Write a lesion's images; return its entry."""
    looked = case.view_maps
    images = (
        case.map,
        case.coverage,
        *(sitk.GetImageFromArray(stack) for stack in (looked.maps, looked.tumour)),
    )
    stem = file_stem(*case.key)
    return {
        "key": list(case.key),
        "files": {
            name: write_checked(image, folder / f"{stem}_{name}.nii.gz")
            for name, image in zip(_ENDINGS, images, strict=True)
        },
        "grid": dataclasses.asdict(case.grid),
        "planes": [_plane_record(plane) for plane in looked.grids],
        "view_weights": looked.view_weights.tolist(),
        "output": looked.output,
    }


def _plane_record(plane: PlaneGrid) -> dict[str, Any]:
    vectors = {name: getattr(plane, name).tolist() for name in _VECTORS}
    return vectors | {"side_mm": plane.side_mm, "size_px": plane.size_px, "parts": plane.parts}


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        told = content.pop("sha256")
        whole = told == sha256_of_json(content)
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}); expected a folder that AttentionMaps.save "
            "wrote.",
            code="maps_missing",
        ) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        whole = False
    if not whole or content["format"] != _FORMAT:
        raise _changed(path)
    return content


def _loaded(lesion: dict[str, Any], folder: Path) -> CaseAttention:
    key = tuple(lesion["key"])
    image, coverage, views, tumour = (
        _image(folder / f"{file_stem(*key)}_{name}.nii.gz", lesion["files"][name])
        for name in _ENDINGS
    )
    grid = Geometry(**{name: tuple(value) for name, value in lesion["grid"].items()})
    looked = ViewMaps(
        maps=sitk.GetArrayFromImage(views),
        tumour=sitk.GetArrayFromImage(tumour),
        grids=tuple(
            PlaneGrid(**plane | {name: np.array(plane[name]) for name in _VECTORS})
            for plane in lesion["planes"]
        ),
        view_weights=np.array(lesion["view_weights"]),
        output=lesion["output"],
    )
    try:
        box = BoxedMap.of_images(
            *(adopt_grid(one, grid, f"the map of {key!r}") for one in (image, coverage))
        )
    except (GeometryError, ExplanationError):  # the sums agree, so it was made up
        raise _changed(folder / RECORD) from None
    return CaseAttention(key, looked, box)


def _image(path: Path, digest: str) -> sitk.Image:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}); compute or copy the maps again.",
            code="maps_missing",
        ) from None
    if found != digest:
        raise _changed(path)
    return sitk.ReadImage(str(path))


def _changed(path: Path) -> BundleError:
    return BundleError(
        f"{path} is not what was saved: its SHA-256 is another one. Compute the maps again, or "
        "copy the whole folder again.",
        code="maps_changed",
    )
