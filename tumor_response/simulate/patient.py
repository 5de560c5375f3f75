"""One simulated patient: images, contours and truth maps, written to disk."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging import check_nifti
from tumor_response.simulate import deformation
from tumor_response.simulate.anatomy import Bulge, host_hu
from tumor_response.simulate.contour import observed
from tumor_response.simulate.grid import Grid
from tumor_response.simulate.latents import SMALLEST_REMAINDER
from tumor_response.simulate.retreat import Retreat, erode
from tumor_response.simulate.scanner import Scanner, scanner_of_site
from tumor_response.simulate.settings import SimulationSettings
from tumor_response.simulate.streams import stream
from tumor_response.simulate.tumour import (
    Lesion,
    interior_hu,
    lesion_centres,
    place_lesion,
)

__all__ = ["PatientRows", "write_patient"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

FIRST_DAY = date(2020, 1, 6)


@dataclass(frozen=True)
class PatientRows:
    """A patient's rows of ``manifest.csv``, ``truth.csv`` and ``time_points.csv``."""

    manifest: list[dict[str, Any]]
    truth: list[dict[str, Any]]
    time_points: list[dict[str, Any]]


@dataclass(frozen=True)
class _Scan:
    """A CT of the patient: days since the first fraction, and what is there by then."""

    name: str
    number: int
    treatment_days: int
    masks: list[BoolArray]
    blurred: FloatArray


def write_patient(
    number: int,
    latents: Sequence[dict[str, Any]],
    seed: int,
    settings: SimulationSettings,
    directory: Path,
) -> PatientRows:
    """Write all files of a patient under ``directory`` and return its rows.

    Parameters
    ----------
    number
        Position of the patient in the cohort, from 0; with ``seed`` it determines every voxel.
    latents
        The patient's rows of :func:`tumor_response.simulate.simulate_latents`, one per lesion,
        with ``patient_id`` and ``lesion_id``.
    seed, settings, directory
        As for the cohort; the folders ``images``, ``masks`` and ``truth`` exist.
    """
    first = latents[0]
    scanner = scanner_of_site(seed, int(first["site"]), settings.n_sites)
    lesions = _lesions(number, latents, seed, scanner.grid)
    interiors = [
        interior_hu(lesion, scanner, stream(seed, "texture", number, j))
        for j, lesion in enumerate(lesions)
    ]
    bulges = [Bulge(le.centre_mm, float(le.surface_mm.table.max()) + 5.0) for le in lesions]
    host = scanner.blur(host_hu(scanner.grid, bulges, stream(seed, "anatomy", number)))

    baseline_masks = [lesion.mask for lesion in lesions]
    baseline = _with_tumours(host, lesions, baseline_masks, interiors, scanner)
    scans = [_Scan("baseline", 0, 0, baseline_masks, baseline)]
    last = settings.time_points - 1
    retreats: list[Retreat] = []
    log_jacobian: FloatArray | None = None
    for k in range(1, settings.time_points):
        days = round(int(first["treatment_days"]) * k / last)
        counts = [
            _n_voxels(lesion, row, days, final=k == last)
            for lesion, row in zip(lesions, latents, strict=True)
        ]
        if settings.mode == "erosion":
            retreats = [erode(le, n) for le, n in zip(lesions, counts, strict=True)]
            blurred = _with_tumours(host, lesions, [r.mask for r in retreats], interiors, scanner)
        else:
            (lesion,) = lesions
            radial = deformation.radial_map(lesion, counts[0] / int(lesion.mask.sum()))
            retreats = [deformation.deform(lesion, radial, counts[0])]
            blurred = deformation.warp(lesion, radial, baseline)
            log_jacobian = deformation.log_jacobian_map(lesion, radial)
        name = "follow_up" if k == last else f"time_point_{k}"
        scans.append(_Scan(name, k, days, [r.mask for r in retreats], blurred))

    writer = _Writer(number, latents, seed, settings, scanner, lesions, directory)
    return writer.write(scans, retreats, log_jacobian)


def _lesions(number: int, latents: Sequence[dict[str, Any]], seed: int, grid: Grid) -> list[Lesion]:
    volumes = [float(row["target_volume_baseline_cc"]) for row in latents]
    centres = lesion_centres(stream(seed, "shape", number), volumes)
    return [
        place_lesion(
            grid,
            centres,
            volumes,
            j,
            float(row["field_mean"]),
            stream(seed, "shape", number, j),
            stream(seed, "field", number, j),
        )
        for j, row in enumerate(latents)
    ]


def _n_voxels(lesion: Lesion, row: dict[str, Any], days: int, *, final: bool) -> int:
    if final and row["complete_response"]:
        return 0
    remainder = 1.0 - float(row["rate_latent_percent_per_day"]) * days / 100.0
    return max(1, round(int(lesion.mask.sum()) * max(remainder, SMALLEST_REMAINDER)))


def _with_tumours(
    host: FloatArray,
    lesions: list[Lesion],
    masks: list[BoolArray],
    interiors: list[FloatArray],
    scanner: Scanner,
) -> FloatArray:
    """Mix tumour into the host tissue; the share of tumour in a voxel is the blurred mask."""
    image = host.copy()
    for lesion, mask, interior in zip(lesions, masks, interiors, strict=True):
        share = scanner.blur(mask.astype(np.float32))
        view = image[lesion.box.slices]
        view += share * (interior - view)
    return image


@dataclass(frozen=True)
class _Writer:
    number: int
    latents: Sequence[dict[str, Any]]
    seed: int
    settings: SimulationSettings
    scanner: Scanner
    lesions: list[Lesion]
    directory: Path

    def write(
        self, scans: list[_Scan], retreats: list[Retreat], log_jacobian: FloatArray | None
    ) -> PatientRows:
        rows = PatientRows([], [], [])
        images: dict[str, str] = {}
        missing = bool(self.latents[0]["missing_follow_up"])
        written = scans[:-1] if missing else scans
        for scan in written:
            noise = stream(self.seed, "noise", self.number, scan.number)
            images[scan.name] = self._save(
                f"images/{self.latents[0]['patient_id']}_{scan.name}_ct",
                self.scanner.acquire(scan.blurred, noise),
            )
        for j, (row, lesion) in enumerate(zip(self.latents, self.lesions, strict=True)):
            stem = f"{row['patient_id']}_{row['lesion_id']}"
            drawn = {scan.name: self._drawn(scan, j) for scan in written}
            masks = {
                name: self._save(f"masks/{stem}_{name}", self._embed(lesion, mask, np.uint8))
                for name, mask in drawn.items()
            }
            rows.manifest.append(self._manifest_row(row, images, masks))
            rows.time_points.extend(
                self._time_point_row(row, scan, images, masks) for scan in scans[1:-1]
            )
            volumes = [float(scan.masks[j].sum()) * lesion.grid.voxel_cc for scan in scans]
            maps = {
                "field_map": self._save(
                    f"truth/{stem}_field",
                    self._embed(lesion, np.where(lesion.mask, lesion.field, 0.0), np.float32),
                ),
                "retreat_map": self._save(
                    f"truth/{stem}_retreat",
                    self._embed(lesion, retreats[j].retreat_mm, np.float32),
                ),
            }
            if log_jacobian is not None:
                maps["log_jacobian_map"] = self._save(f"truth/{stem}_log_jacobian", log_jacobian)
            rows.truth.append(
                row
                | {
                    "site": _site_name(row),
                    "volume_baseline_cc": volumes[0],
                    "volume_follow_up_cc": volumes[-1],
                    "rate_percent_per_day": 100.0
                    * (1.0 - volumes[-1] / volumes[0])
                    / int(row["treatment_days"]),
                }
                | {
                    f"contoured_volume_{name}_cc": (
                        float(drawn[name].sum()) * lesion.grid.voxel_cc if name in drawn else None
                    )
                    for name in ("baseline", "follow_up")
                }
                | maps
            )
        return rows

    def _drawn(self, scan: _Scan, j: int) -> BoolArray:
        return observed(
            scan.masks[j],
            self.scanner.grid.spacing_zyx,
            self.settings.observer_error_mm,
            stream(self.seed, "observer", self.number, j, scan.number),
        )

    def _manifest_row(
        self, row: dict[str, Any], images: dict[str, str], masks: dict[str, str]
    ) -> dict[str, Any]:
        followed = "follow_up" in images
        gone = bool(row["complete_response"])
        return {
            "patient_id": row["patient_id"],
            "lesion_id": row["lesion_id"],
            "image": images["baseline"],
            "mask": masks["baseline"],
            "date": _day(row, -int(row["planning_days"])),
            "rt_start_date": _day(row, 0),
            "follow_up_image": images.get("follow_up", ""),
            "follow_up_mask": masks.get("follow_up", ""),
            "follow_up_date": _day(row, int(row["treatment_days"])) if followed else "",
            "follow_up_status": _status(followed=followed, gone=gone),
            "site": _site_name(row),
            "age": round(float(row["age_years"]), 1),
        }

    def _time_point_row(
        self,
        row: dict[str, Any],
        scan: _Scan,
        images: dict[str, str],
        masks: dict[str, str],
    ) -> dict[str, Any]:
        return {
            "patient_id": row["patient_id"],
            "lesion_id": row["lesion_id"],
            "time_point": scan.number,
            "date": _day(row, scan.treatment_days),
            "image": images[scan.name],
            "mask": masks[scan.name],
        }

    def _embed(
        self, lesion: Lesion, values: npt.NDArray[Any], dtype: type[np.generic]
    ) -> npt.NDArray[Any]:
        whole = np.zeros(lesion.grid.shape, dtype=dtype)
        whole[lesion.box.slices] = values
        return whole

    def _save(self, name: str, array: npt.NDArray[Any]) -> str:
        path = f"{name}.nii.gz"
        file = self.directory / path
        sitk.WriteImage(self.scanner.grid.to_image(array), str(file), useCompression=True)
        try:
            check_nifti(file)  # on a full disk ITK writes what fits and says nothing
        except CaseError as error:
            raise OSError(
                errno.ENOSPC, "not written whole; is the disk full?", str(file)
            ) from error
        return path


def _status(*, followed: bool, gone: bool) -> str:
    if not followed:
        return "missing"
    return "complete_response" if gone else "measured"


def _site_name(row: dict[str, Any]) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[int(row["site"])]


def _day(row: dict[str, Any], treatment_day: int) -> str:
    start = FIRST_DAY + timedelta(int(row["baseline_day"]) + int(row["planning_days"]))
    return (start + timedelta(treatment_day)).isoformat()
