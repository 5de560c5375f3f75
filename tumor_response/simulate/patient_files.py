"""The files of one simulated patient: images, contours and truth maps, and their rows."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging import check_nifti
from tumor_response.simulate.grid import Grid
from tumor_response.simulate.patient import Patient, Scan
from tumor_response.simulate.tumour import Lesion

__all__ = ["PatientRows", "write_patient"]

FIRST_DAY = date(2020, 1, 6)

Row = dict[str, Any]


@dataclass(frozen=True)
class PatientRows:
    """A patient's rows of ``manifest.csv``, ``truth.csv`` and ``time_points.csv``."""

    manifest: list[Row]
    truth: list[Row]
    time_points: list[Row]


def write_patient(patient: Patient, directory: Path) -> PatientRows:
    """Write all files of a patient and return its rows.

    Parameters
    ----------
    patient
        From :func:`tumor_response.simulate.patient.simulate_patient`.
    directory
        The cohort's folder; its folders ``images``, ``masks`` and ``truth`` exist.

    Raises
    ------
    OSError
        If a file could not be written whole.
    """
    rows = PatientRows([], [], [])
    first, grid = patient.latents[0], patient.grid
    written = patient.scans[:-1] if first["missing_follow_up"] else patient.scans
    images = {
        scan.name: _save(
            directory, f"images/{first['patient_id']}_{scan.name}_ct", scan.image, grid
        )
        for scan in written
    }
    for j, (row, lesion) in enumerate(zip(patient.latents, patient.lesions, strict=True)):
        stem = f"{row['patient_id']}_{row['lesion_id']}"
        masks = {
            scan.name: _save(
                directory,
                f"masks/{stem}_{scan.name}",
                _on_whole_grid(lesion, scan.contours[j], np.uint8),
                grid,
            )
            for scan in written
        }
        rows.manifest.append(_manifest_row(row, images, masks))
        rows.time_points.extend(
            _time_point_row(row, scan, images, masks) for scan in patient.scans[1:-1]
        )
        maps = _save_truth(patient, j, directory, stem)
        rows.truth.append(_truth_row(row, patient, j, written) | maps)
    return rows


def _save_truth(patient: Patient, j: int, directory: Path, stem: str) -> dict[str, str]:
    lesion, grid = patient.lesions[j], patient.grid
    field = np.where(lesion.mask, lesion.field, 0.0)
    retreat = patient.retreats[j].retreat_mm
    maps = {
        "field_map": _save(
            directory, f"truth/{stem}_field", _on_whole_grid(lesion, field, np.float32), grid
        ),
        "retreat_map": _save(
            directory, f"truth/{stem}_retreat", _on_whole_grid(lesion, retreat, np.float32), grid
        ),
    }
    if patient.log_jacobian is not None:
        maps["log_jacobian_map"] = _save(
            directory, f"truth/{stem}_log_jacobian", patient.log_jacobian, grid
        )
    return maps


def _truth_row(row: Row, patient: Patient, j: int, written: list[Scan]) -> Row:
    voxel_cc = patient.grid.voxel_cc
    volumes = [float(scan.masks[j].sum()) * voxel_cc for scan in patient.scans]
    contoured = {scan.name: float(scan.contours[j].sum()) * voxel_cc for scan in written}
    return row | {
        "site": _site_name(row),
        "volume_baseline_cc": volumes[0],
        "volume_follow_up_cc": volumes[-1],
        "rate_percent_per_day": 100.0
        * (1.0 - volumes[-1] / volumes[0])
        / int(row["treatment_days"]),
        "contoured_volume_baseline_cc": contoured["baseline"],
        "contoured_volume_follow_up_cc": contoured.get("follow_up"),
    }


def _manifest_row(row: Row, images: dict[str, str], masks: dict[str, str]) -> Row:
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


def _time_point_row(row: Row, scan: Scan, images: dict[str, str], masks: dict[str, str]) -> Row:
    return {
        "patient_id": row["patient_id"],
        "lesion_id": row["lesion_id"],
        "time_point": scan.number,
        "date": _day(row, scan.treatment_days),
        "image": images[scan.name],
        "mask": masks[scan.name],
    }


def _on_whole_grid(
    lesion: Lesion, values: npt.NDArray[Any], dtype: type[np.generic]
) -> npt.NDArray[Any]:
    whole = np.zeros(lesion.grid.shape, dtype=dtype)
    whole[lesion.box.slices] = values
    return whole


def _save(directory: Path, name: str, array: npt.NDArray[Any], grid: Grid) -> str:
    path = f"{name}.nii.gz"
    file = directory / path
    sitk.WriteImage(grid.to_image(array), str(file), useCompression=True)
    try:
        check_nifti(file)  # on a full disk ITK writes what fits and says nothing
    except CaseError as error:
        raise OSError(errno.ENOSPC, "not written whole; is the disk full?", str(file)) from error
    return path


def _status(*, followed: bool, gone: bool) -> str:
    if not followed:
        return "missing"
    return "complete_response" if gone else "measured"


def _site_name(row: Row) -> str:
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[int(row["site"])]


def _day(row: Row, treatment_day: int) -> str:
    start = FIRST_DAY + timedelta(int(row["baseline_day"]) + int(row["planning_days"]))
    return (start + timedelta(treatment_day)).isoformat()
