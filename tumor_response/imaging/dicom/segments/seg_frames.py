"""Where the frames of a segmentation lie on a voxel grid, or why they do not lie on it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError, GeometryError
from tumor_response.imaging.dicom.files import items, numbers
from tumor_response.imaging.dicom.series.spacing import POSITION_TOLERANCE_MM
from tumor_response.imaging.geometry import GRID_TOLERANCE_MM, Geometry

__all__ = ["OFF_SLICE_MM", "FrameSpot", "damaged", "group", "locate", "mismatch", "paint"]

OFF_SLICE_MM = POSITION_TOLERANCE_MM + GRID_TOLERANCE_MM
"""How far a frame of the very same slice may be off (mm).

A slice of an accepted series may lie the first off the series' grid, and the grid's header may be
rounded by the second.
"""

_STEP_SHARE = 0.1
"""Share of the slice spacing by which a header may state another one."""

_FAR = 1e6  # voxels: beyond any image, and where rounding to a voxel stays exact


@dataclass(frozen=True)
class FrameSpot:
    """Where a frame lies on a grid.

    Parameters
    ----------
    axes
        Of the grid: along the frame's rows, down its columns, and across its plane.
    signs
        Whether the grid's index grows (1) or falls (-1) with the frame's column and row.
    start
        Index, along the first two axes, of the frame's first pixel.
    height
        Index along the third axis, not rounded.
    beside_mm
        How far the frame's pixels lie beside the grid's voxels, within the plane.
    tilt_mm
        How far the frame's corners lie out of a plane of the grid.
    """

    axes: tuple[int, int, int]
    signs: tuple[int, int]
    start: tuple[int, int]
    height: float
    beside_mm: float
    tilt_mm: float

    @property
    def level(self) -> int:
        """The slice of the grid nearest to the frame."""
        return round(self.height)


def locate(
    frames: Mapping[int, Dataset], shared: Dataset, size: tuple[int, int], grid: Geometry
) -> tuple[dict[int, FrameSpot], float]:
    """Find the slice of the grid that each frame of one segment lies on.

    Parameters
    ----------
    frames
        The items of the Per-frame Functional Groups Sequence by their index.
    shared
        The item of the Shared Functional Groups Sequence.
    size
        Columns and rows of every frame.
    grid
        Of the image.

    Returns
    -------
    spots
        By the same index.
    off_slice_mm
        The largest distance of a frame from its slice.

    Raises
    ------
    GeometryError
        Code ``geometry_mismatch``: frames whose pixels are not the grid's, that are tilted
        against its slices, lie between them, are spaced otherwise, or share one.
    CaseError
        Codes ``segmentation_damaged`` and ``dicom_attribute``.
    """
    spots = {i: _spot(frame, shared, i, size, grid) for i, frame in frames.items()}
    beside = {i: s.beside_mm for i, s in spots.items() if s.beside_mm > OFF_SLICE_MM}
    if beside:
        raise mismatch(
            list(beside),
            f"have pixels up to {max(beside.values()):.3g} mm beside the image's (tolerance "
            f"{OFF_SLICE_MM:g} mm)",
        )
    across = Counter(s.axes[2] for s in spots.values()).most_common(1)[0][0]
    tilted = [i for i, s in spots.items() if s.tilt_mm > OFF_SLICE_MM or s.axes[2] != across]
    if tilted:
        raise mismatch(tilted, "are not parallel to the image's slices")
    spacing_mm = grid.spacing_mm[across]
    off = {i: s.height - s.level for i, s in spots.items()}
    between = [i for i in off if abs(off[i]) * spacing_mm > 0.45 * spacing_mm]
    if between:
        raise mismatch(between, "lie half-way between two slices of the image")
    # the slices of an accepted series are even to a tenth of their spacing
    jitter_mm = 2 * min(OFF_SLICE_MM, spacing_mm / 10)
    usual = float(np.median(list(off.values())))
    uneven = [i for i in off if abs(off[i] - usual) * spacing_mm > jitter_mm]
    if uneven:
        raise mismatch(uneven, "are spaced otherwise than the slices of the image")
    taken = Counter(s.level for s in spots.values())
    twice = [i for i, s in spots.items() if taken[s.level] > 1]
    if twice:
        raise mismatch(twice, "share a slice of the image with another frame of the segment")
    _check_step(sorted(taken), _said_step_mm(next(iter(frames.values())), shared), spacing_mm)
    return spots, max(abs(v) for v in off.values()) * spacing_mm


def paint(voxels: np.ndarray, frame: np.ndarray, spot: FrameSpot) -> bool:
    """Put a frame, shape (rows, columns), in its place among voxels of shape (z, y, x).

    Returns whether all of its pixels that are not 0 lie on the grid.
    """
    a, b, c = spot.axes
    size = voxels.shape[::-1]
    columns = spot.start[0] + spot.signs[0] * np.arange(frame.shape[1])
    rows = spot.start[1] + spot.signs[1] * np.arange(frame.shape[0])
    fits_columns = (columns >= 0) & (columns < size[a])
    fits_rows = (rows >= 0) & (rows < size[b])
    if not 0 <= spot.level < size[c]:
        return not frame.any()
    inside = frame[np.ix_(fits_rows, fits_columns)]
    xyz: list[int | np.ndarray] = [0, 0, 0]
    xyz[a], xyz[b] = columns[fits_columns][None, :], rows[fits_rows][:, None]
    xyz[c] = spot.level
    voxels[xyz[2], xyz[1], xyz[0]] = inside
    return int(np.count_nonzero(inside)) == int(np.count_nonzero(frame))


def group(frame: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """Return a functional group of a frame: its own before the shared one (PS3.3 C.7.6.16)."""
    return next(iter(items(frame, keyword) or items(shared, keyword)), Dataset())


def mismatch(frames: list[int], what: str) -> GeometryError:
    """Return the error that names these frames (by index) as not lying on the image's grid."""
    shown = ", ".join(str(i + 1) for i in frames[:10]) + (", ..." if len(frames) > 10 else "")
    return GeometryError(
        f"{len(frames)} of the segment's frames ({shown}) {what}. Use the series that the "
        "segmentation was drawn on, or resample the segmentation first.",
        code="geometry_mismatch",
    )


def damaged(why: str) -> CaseError:
    """Return the error of a segmentation that contradicts itself or the standard."""
    return CaseError(
        f"the segmentation cannot be read: {why}. Export it again.", code="segmentation_damaged"
    )


def _spot(
    frame: Dataset, shared: Dataset, index: int, size: tuple[int, int], grid: Geometry
) -> FrameSpot:
    plane = group(frame, shared, "PlanePositionSequence")
    position = numbers(plane, "ImagePositionPatient", 3)
    plane = group(frame, shared, "PlaneOrientationSequence")
    orientation = numbers(plane, "ImageOrientationPatient", 6)
    spacing = numbers(group(frame, shared, "PixelMeasuresSequence"), "PixelSpacing", 2)
    if position is None or orientation is None or spacing is None:
        raise damaged(f"frame {index + 1} has no position, orientation or pixel spacing")
    matrix = np.reshape(grid.direction, (3, 3)) * np.asarray(grid.spacing_mm)
    with np.errstate(all="ignore"):  # hostile numbers are refused by the result
        row, column = (
            np.multiply(orientation[:3], spacing[1]),
            np.multiply(orientation[3:], spacing[0]),
        )
        first = np.subtract(position, grid.origin_mm)
        # steps to the next column and row, and the first pixel, in voxels of the grid
        solved = np.linalg.solve(matrix, np.column_stack([row, column, first])).T
    if not (np.abs(solved) < _FAR).all():
        raise mismatch([index], "lie far from the image")
    u, v, first = solved
    a, b = int(np.abs(u).argmax()), int(np.abs(v).argmax())
    if a == b or min(abs(u[a]), abs(v[b])) < 0.5:
        raise mismatch([index], "do not lie along the image's axes, or have smaller pixels")
    signs = (int(np.sign(u[a])), int(np.sign(v[b])))
    start = (round(float(first[a])), round(float(first[b])))
    u[a] -= signs[0]
    v[b] -= signs[1]
    first[[a, b]] -= start
    # of a frame of one column the next one's place is looked at, so that its spacing counts
    far = [max(n - 1, 1) for n in size]
    apart = np.array([first + i * u + j * v for i in (0, far[0]) for j in (0, far[1])])
    c = 3 - a - b
    heights = apart[:, c].copy()
    apart[:, c] = 0
    return FrameSpot(
        (a, b, c),
        signs,
        start,
        float(heights.mean()),
        float(np.linalg.norm(apart @ matrix.T, axis=1).max()),
        float(np.ptp(heights) / 2 * grid.spacing_mm[c]),
    )


def _said_step_mm(frame: Dataset, shared: Dataset) -> float | None:
    said = numbers(group(frame, shared, "PixelMeasuresSequence"), "SpacingBetweenSlices", 1)
    return None if said is None else abs(said[0])


def _check_step(levels: list[int], said_mm: float | None, spacing_mm: float) -> None:
    """Refuse slices thicker than the image's: between them the mask would have gaps.

    Empty slices may be left out, so that distant frames alone prove nothing; then the header
    decides, and where it says nothing either, nobody knows.
    """
    if any(later - earlier == 1 for earlier, later in itertools.pairwise(levels)):
        return
    if said_mm is None and len(levels) == 1:
        return
    if said_mm is None or abs(said_mm - spacing_mm) > _STEP_SHARE * spacing_mm:
        apart = "more than one slice" if said_mm is None else f"{said_mm:.4g} mm"
        raise GeometryError(
            f"the segmentation's slices lie {apart} apart, the image's {spacing_mm:.4g} mm. Use "
            "the series that the segmentation was drawn on, or resample the segmentation first.",
            code="geometry_mismatch",
        )
