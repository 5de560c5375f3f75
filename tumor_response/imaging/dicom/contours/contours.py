"""Contours as an RTSTRUCT holds them: points in the patient, and what kind of line they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tumor_response.exceptions import CaseError
from tumor_response.imaging.geometry import Geometry

__all__ = [
    "CLOSED_TYPES",
    "MAX_COORDINATE_MM",
    "OPEN_TYPES",
    "PLANE_TOLERANCE",
    "PlanarContour",
    "check_parallel",
    "index_runs",
    "to_index",
]

CLOSED_TYPES = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
"""The types that enclose an area (PS3.3 C.8.8.6.1)."""

OPEN_TYPES = ("POINT", "OPEN_PLANAR", "OPEN_NONPLANAR")
"""The types that do not."""

PLANE_TOLERANCE = 0.1
"""How far a point may lie off its contour's plane, as a share of the slice spacing."""

MAX_COORDINATE_MM = 1e5
"""Coordinates beyond a hundred metres are damage."""


@dataclass(frozen=True, eq=False)
class PlanarContour:
    """One item of an ROI's Contour Sequence.

    Parameters
    ----------
    points_mm
        Vertices in the patient (LPS), shape (n, 3), mm; the first is not repeated at the end.
    geometric_type
        ``"CLOSED_PLANAR"``, ``"CLOSEDPLANAR_XOR"``, ``"POINT"``, ``"OPEN_PLANAR"`` or
        ``"OPEN_NONPLANAR"``.
    image_uids
        SOP Instance UIDs of the images it was drawn on, where the file says so.

    Raises
    ------
    CaseError
        Code ``contour_damaged``: points that are not finite, or nowhere near a patient.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.imaging.dicom.contours.contours import PlanarContour
    >>> PlanarContour(np.zeros((4, 3))).geometric_type
    'CLOSED_PLANAR'
    """

    points_mm: np.ndarray
    geometric_type: str = "CLOSED_PLANAR"
    image_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        points = np.asarray(self.points_mm, dtype=float)
        # NaN compares as false
        near = points.ndim == 2 and points.shape[1] == 3 and len(points) > 0
        if not near or not bool((np.abs(points) <= MAX_COORDINATE_MM).all()):
            raise CaseError(
                "its points are not finite positions (x, y, z) within "
                f"{MAX_COORDINATE_MM / 1000:g} m of the origin. The file is damaged; export the "
                "structure set again.",
                code="contour_damaged",
            )
        object.__setattr__(self, "points_mm", points)


def to_index(points_mm: np.ndarray, grid: Geometry) -> np.ndarray:
    """Return positions in the patient as continuous voxel indices (x, y, z) of a grid.

    The centre of voxel (i, j, k) is at (i, j, k), however the grid is turned or flipped.

    Parameters
    ----------
    points_mm
        Shape (n, 3), mm.
    grid
        The voxel grid.

    Returns
    -------
    numpy.ndarray
        Shape (n, 3).
    """
    matrix = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_mm)
    offset = np.asarray(points_mm, dtype=float) - np.array(grid.origin_mm)
    return np.asarray(np.linalg.solve(matrix, offset.T).T)


def check_parallel(
    contours: Sequence[PlanarContour], index: Sequence[np.ndarray], grid: Geometry, what: str
) -> None:
    """Refuse contours that do not lie in a plane parallel to the slices of a grid.

    Parameters
    ----------
    contours
        Closed contours.
    index
        Their points as :func:`to_index` gives them.
    grid
        The voxel grid.
    what
        How to name the structure in the error.

    Raises
    ------
    CaseError
        Codes ``contour_not_planar`` and ``contour_not_parallel``.
    """
    spread = np.array([np.ptp(points[:, 2]) for points in index])
    wrong = np.flatnonzero(spread > 2 * PLANE_TOLERANCE)
    if not len(wrong):
        return
    axes = np.array(grid.direction).reshape(3, 3).T
    first = contours[wrong[0]].points_mm
    normal, off_plane_mm = _best_plane(first)
    limit_mm = PLANE_TOLERANCE * grid.spacing_mm[2]
    counted = f"{len(wrong)} of {len(contours)} contours"
    if off_plane_mm > limit_mm:
        raise CaseError(
            f"{what}: {counted} are not planar: points lie up to {off_plane_mm:.3g} mm off the "
            f"plane of their contour, at most {limit_mm:.3g} mm are taken as rounding. Export the "
            "structure set again with contours on the slices.",
            code="contour_not_planar",
        )
    angle = float(np.degrees(np.arccos(np.clip(abs(normal @ axes[2]), 0.0, 1.0))))
    raise CaseError(
        f"{what}: {counted} do not lie parallel to the slices: the first is {_named(normal)}, the "
        f"slices are {_named(axes[2])}, {angle:.0f} degrees apart. Contours are rasterised on the "
        "series they were drawn on: use that series, or export the structure set for this one.",
        code="contour_not_parallel",
    )


def index_runs(indices: Sequence[int]) -> str:
    """Return slice indices (counted from 0) in words, at most six runs of them.

    Examples
    --------
    >>> index_runs([3, 4, 5, 8])
    '3-5, 8'
    """
    parts: list[list[int]] = []
    for number in sorted(indices):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    named = [f"{a}" if a == b else f"{a}-{b}" for a, b in parts]
    return ", ".join(named[:6]) + (f" and {len(named) - 6} more" if len(named) > 6 else "")


def _best_plane(points_mm: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the unit normal of the plane nearest to the points, and how far they lie off it."""
    centred = points_mm - points_mm.mean(axis=0)
    normal = np.linalg.svd(centred, full_matrices=True)[2][2]
    return normal, float(np.abs(centred @ normal).max())


def _named(normal: np.ndarray) -> str:
    """Return the anatomical name of planes with that normal."""
    axis = int(np.abs(normal).argmax())
    name = ("sagittal", "coronal", "axial")[axis]
    return name if abs(normal[axis]) > 0.999 else f"oblique (nearest to {name})"
