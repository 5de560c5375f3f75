"""Attention maps as DICOM: numbers and regions that a viewer lays over the planning CT."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from tumor_response.cohort import Case, Cohort
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.case_attention import CaseAttention, Key
from tumor_response.explanation.attention.folders import whole_folder
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.imaging.dicom.parametric_map import write_parametric_map
from tumor_response.imaging.dicom.segments.seg_writer import write_seg
from tumor_response.imaging.dicom.series.series import DicomSeries
from tumor_response.outcomes.local_maps import file_stem

__all__ = ["top_part", "write_dicom_maps"]

_ENDINGS = ("_attention.dcm", "_attention_regions.dcm")


def write_dicom_maps(
    maps: AttentionMaps,
    directory: str | Path,
    cohort: Cohort,
    *,
    percentile: float = 75.0,
    written: dt.datetime | None = None,
    uid_seed: str | None = None,
) -> None:
    """Write maps as DICOM; see :meth:`AttentionMaps.write_dicom`."""
    _check_percentile(percentile)
    series = _series_of(maps, cohort)
    name = maps.method.replace("_", " ")
    with whole_folder(directory, lambda found: found.endswith(_ENDINGS)) as folder:
        for key, case in maps.items():
            stem = file_stem(*key)
            coverage = case.coverage
            write_parametric_map(
                folder / f"{stem}{_ENDINGS[0]}",
                case.map,
                coverage,
                series[key],
                label="Attention",
                explanation=f"{name} of {maps.model}"[:64],
                written=written,
                uid_seed=uid_seed,
            )
            regions = {"shown to the network": sitk.Cast(coverage > 0, sitk.sitkUInt8)}
            top = top_part(case, percentile)
            if top is not None:
                regions = {f"attention, top {100 - percentile:g} %": top} | regions
            write_seg(
                folder / f"{stem}{_ENDINGS[1]}",
                regions,
                series[key],
                algorithm=f"{name} {maps.settings_sha256[:8]}",
                kind="region",
                written=written,
                uid_seed=uid_seed,
            )


def top_part(case: CaseAttention, percentile: float = 75.0) -> sitk.Image | None:
    """Return where a map is largest: 0 and 1 on the CT's grid; ``None`` for a map of zeros.

    Parameters
    ----------
    case
        The lesion's.
    percentile
        A voxel belongs to the part if the map's absolute value there is above 0 and at least this
        percentile of those of all voxels that were shown.

    Raises
    ------
    ExplanationError
        Code ``settings``.
    """
    _check_percentile(percentile)
    size = np.abs(case.box.values)
    shown = case.box.coverage > 0
    top = shown & (size > 0) & (size >= np.percentile(size[shown], percentile))
    return case.box.on_grid(top.astype(np.uint8)) if top.any() else None


def _check_percentile(percentile: float) -> None:
    if not 0 <= percentile < 100:
        raise ExplanationError(
            f"percentile={percentile!r}: expected 0 to 100, without 100.", code="settings"
        )


def _series_of(maps: AttentionMaps, cohort: Cohort) -> dict[Key, DicomSeries]:
    """Return the series that each lesion's CT came from, before anything is written."""
    cases: dict[Key, Case] = {case.key: case for case in cohort}
    missing = [key for key in maps if key not in cases]
    if missing:
        raise ExplanationError(
            f"The cohort has no lesion {missing[0]!r}, of which there is a map; give the cohort "
            "that the maps are of.",
            code="unknown_lesion",
        )
    series = {key: cases[key].image for key in maps}
    others = [key for key, image in series.items() if not isinstance(image, DicomSeries)]
    if others:
        raise ExplanationError(
            f"The CT of {others[0]!r} is no DICOM series ({len(others)} of {len(series)} lesions), "
            "so that a DICOM object has no images to refer to. Make the cohort from the scanner's "
            "files (tr.Cohort.from_dicom, or a manifest whose images are folders of a series), or "
            "use save(), whose NIfTI files viewers open over the CT.",
            code="no_dicom_series",
        )
    return series  # type: ignore[return-value]  # looked at above
