"""Dose distributions (RTDOSE).

Written after PS3.3 C.8.8.3 (RT Dose Module) and its C.8.8.3.2 (where the planes lie).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile, items, number, numbers, text
from tumor_response.imaging.dicom.series.headers import naming
from tumor_response.imaging.dicom.series.multiframe import StoredFrames
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import GRID_TOLERANCE_MM

__all__ = ["Dose", "read_dose"]

MAX_DOSE_VOXELS = 2**28
"""No dose grid may have more voxels than this: 1 GiB of 32-bit Gy."""

SUSPICIOUS_GY = 200.0
"""No external beam plan reaches this anywhere; close to brachytherapy sources it is usual."""

_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.481.2"


@dataclass(frozen=True, eq=False)
class Dose:
    """The dose of a whole plan.

    Parameters
    ----------
    image
        3-D, 32-bit float, Gy, in the patient's coordinates.
    dose_type
        ``"PHYSICAL"``, or ``"EFFECTIVE"`` where it is weighted by an RBE.
    summation
        ``"PLAN"`` or ``"MULTI_PLAN"``.
    sop_instance_uid, plan_uids, structure_set_uid, frame_of_reference_uid
        What it is and belongs to; ``""`` where absent. Whether a mask lies in the same frame of
        reference is for the caller to know: an image has no UID.
    findings
        Codes ``dose_effective`` (info) and ``dose_suspicious`` (warning).
    """

    image: sitk.Image
    dose_type: str
    summation: str
    sop_instance_uid: str
    plan_uids: tuple[str, ...]
    structure_set_uid: str
    frame_of_reference_uid: str
    findings: tuple[Finding, ...] = ()


def read_dose(file: DicomFile) -> Dose:
    """Read the dose of a whole plan, in Gy.

    Raises
    ------
    CaseError
        Codes ``file_missing``, ``not_dicom``, ``dicom_attribute``; ``sop_class`` (no dose);
        ``dose_kind``: relative units, the difference of two doses, or the dose of a beam, a
        fraction group or a session, which is not what was given to the patient; ``dose_scaling``;
        ``dose_grid``: planes that are not evenly spaced, or not where the standard allows them;
        ``pixel_data``, ``pixel_format``, ``pixel_bits`` and ``transfer_syntax``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tumor_response.imaging.dicom.treatment.dose import read_dose
    >>> from tumor_response.imaging.dicom.files import DicomFile
    >>> read_dose(DicomFile(Path("nowhere.dcm")))
    Traceback (most recent call last):
    ...
    tumor_response.exceptions.CaseError: nowhere.dcm: no such file.
    """
    try:
        return _dose(file.read(pixels=True))
    except CaseError as error:
        raise naming(file, error) from None


def _dose(dataset: Dataset) -> Dose:
    if text(dataset, "SOPClassUID") != _SOP_CLASS:
        raise CaseError(
            "this is no dose distribution (RTDOSE); give the file that holds one.",
            code="sop_class",
        )
    units, kind, summation = (
        text(dataset, keyword).upper() for keyword in ("DoseUnits", "DoseType", "DoseSummationType")
    )
    if units != "GY":
        raise _kind("its units are not Gy but relative or unnamed")
    if kind not in ("PHYSICAL", "EFFECTIVE"):
        raise _kind("it is not a physical or effective dose but a difference or unnamed")
    if summation not in ("PLAN", "MULTI_PLAN"):
        raise _kind("it is the dose of a part (a beam, a fraction group, a session), not of a plan")
    scaling = number(dataset, "DoseGridScaling")
    if scaling is None or not 0 < scaling <= 1e4:
        raise CaseError(
            "the dose has no scaling from stored values to Gy (DoseGridScaling) above 0; export "
            "it again.",
            code="dose_scaling",
        )
    stored = StoredFrames.of(dataset, (8, 16, 32))
    n_voxels = stored.n_frames * stored.rows * stored.columns
    if n_voxels > MAX_DOSE_VOXELS:
        raise _grid(f"it has {n_voxels:,} voxels; at most {MAX_DOSE_VOXELS:,} are read")
    spacing, origin, direction, backwards = _geometry(dataset, stored.n_frames)
    planes = [
        (frame * scaling).astype(np.float32) for frame in stored.frames(range(stored.n_frames))
    ]
    image = sitk.GetImageFromArray(np.stack(planes[::-1] if backwards else planes))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction)
    structures = items(dataset, "ReferencedStructureSetSequence")
    plans = items(dataset, "ReferencedRTPlanSequence")
    return Dose(
        image,
        kind,
        summation,
        text(dataset, "SOPInstanceUID"),
        tuple(text(plan, "ReferencedSOPInstanceUID") for plan in plans),
        text(structures[0], "ReferencedSOPInstanceUID") if structures else "",
        text(dataset, "FrameOfReferenceUID"),
        _findings(kind, max(float(plane.max()) for plane in planes)),
    )


def _geometry(
    dataset: Dataset, n_frames: int
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], bool]:
    """Return spacing, origin, direction, and whether the planes are stored against the normal."""
    position = numbers(dataset, "ImagePositionPatient", 3)
    orientation = numbers(dataset, "ImageOrientationPatient", 6)
    pixel_spacing = numbers(dataset, "PixelSpacing", 2)
    if position is None or orientation is None or pixel_spacing is None:
        raise _grid("it has no position, orientation or pixel spacing")
    axes = np.reshape(orientation, (2, 3))
    if np.abs(axes).max() > 2 or np.abs(axes @ axes.T - np.eye(2)).max() > 1e-3:
        raise _grid("its row and column directions are not perpendicular unit vectors")
    if max(map(abs, position)) > 1e5 or not all(1e-2 <= mm <= 100 for mm in pixel_spacing):
        raise _grid("its position or pixel spacing is beyond what a patient has room for")
    row = axes[0] / np.linalg.norm(axes[0])
    column = axes[1] - (axes[1] @ row) * row
    column /= np.linalg.norm(column)
    normal = np.cross(row, column)

    if n_frames < 2:
        raise _grid("it has a single plane, which has no spacing")
    said = numbers(dataset, "GridFrameOffsetVector", n_frames)
    if said is None:
        raise _grid("it does not say where its planes lie (GridFrameOffsetVector)")
    if said[0] != 0:
        axial = np.abs(np.subtract(orientation, (1, 0, 0, 0, 1, 0))).max() < 1e-4
        if not axial or abs(said[0] - position[2]) > GRID_TOLERANCE_MM:
            raise _grid(
                "its first frame offset is neither 0 nor, in a transverse grid, the z of its "
                "position"
            )
    if max(map(abs, said)) > 1e5:
        raise _grid("its frame offsets are beyond what a patient has room for")
    offsets = np.subtract(said, said[0])
    step = float(offsets[-1]) / (n_frames - 1)
    uneven = np.abs(offsets - step * np.arange(n_frames)).max()
    if not 1e-2 <= abs(step) <= 100 or not uneven <= GRID_TOLERANCE_MM:
        raise _grid(
            f"its planes are not evenly spaced: up to {uneven:.3g} mm beside steps of {step:.4g} mm"
        )
    first = np.array(position) + (float(offsets[-1]) if step < 0 else 0.0) * normal
    direction = np.column_stack([row, column, normal]).ravel()
    return (
        (pixel_spacing[1], pixel_spacing[0], abs(step)),
        tuple(float(v) for v in first),
        tuple(float(v) for v in direction),
        step < 0,
    )


def _findings(kind: str, largest_gy: float) -> tuple[Finding, ...]:
    found = []
    if kind == "EFFECTIVE":
        found.append(
            Finding(
                "dose_effective",
                "info",
                "The dose is an effective one: it is weighted by a relative biological "
                "effectiveness, so that it compares with photon dose only as far as that holds.",
                measured="EFFECTIVE",
                limit="PHYSICAL",
            )
        )
    if largest_gy > SUSPICIOUS_GY:
        found.append(
            Finding(
                "dose_suspicious",
                "warning",
                f"The dose reaches {largest_gy:.4g} Gy.",
                measured=f"{largest_gy:.4g} Gy",
                limit=f"{SUSPICIOUS_GY:g} Gy",
                remedy="Check that it was not exported in cGy; near brachytherapy sources it is "
                "usual.",
            )
        )
    return tuple(found)


def _kind(why: str) -> CaseError:
    return CaseError(
        f"the dose is not that of a plan in Gy: {why}. Export the dose of the whole plan (Dose "
        "Summation Type PLAN), absolute.",
        code="dose_kind",
    )


def _grid(why: str) -> CaseError:
    return CaseError(f"the dose grid is not read: {why}. Export it again.", code="dose_grid")
