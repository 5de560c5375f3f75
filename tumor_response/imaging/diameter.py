"""The longest axial diameter of a lesion and its short axis, as RECIST 1.1 measures them.

A mask says which voxels are inside, not where between two voxel centres the edge lies. The outline
goes through the middles between inside and outside pixel centres: through the centres it would
lose a pixel's width on average, through the outer corners of the pixels it would gain up to one
(measured in docs/guide/volumes.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

from tumor_response.exceptions import CaseError
from tumor_response.imaging.volume import bounding_box

__all__ = ["MAX_TILT_DEGREES", "AxialDiameters", "axial_diameters"]

PointMm = tuple[float, float, float]

MAX_TILT_DEGREES = 20.0
"""Between the slices' axis and head-feet; scans with a tilted gantry stay below, oblique MR not."""

TIE_MM = 1e-6
"""Chords whose lengths differ by less are equally long: only rounding tells them apart."""


@dataclass(frozen=True)
class AxialDiameters:
    """The longest diameter of a mask in an axial slice, and the short axis in that slice.

    Parameters
    ----------
    longest_mm
        Longest distance between two points of the outline of one connected part in one slice.
    short_axis_mm
        Longest chord perpendicular to it, on the convex hull of the same outline.
    slice_axis, slice_index
        The grid axis (0, 1, 2 = x, y, z) that counts the slices, and the slice that was measured.
    ends_mm, short_ends_mm
        The two ends of either chord, LPS coordinates in mm.
    n_parts
        Connected parts of the mask in that slice; above 1, only one of them was measured.
    """

    longest_mm: float
    short_axis_mm: float
    slice_axis: int
    slice_index: int
    ends_mm: tuple[PointMm, PointMm]
    short_ends_mm: tuple[PointMm, PointMm]
    n_parts: int


@dataclass(frozen=True)
class _Chords:
    """Both chords of one part; ends in mm from the first pixel of the cropped slice, (2, 2)."""

    longest_mm: float
    short_axis_mm: float
    ends: np.ndarray
    short_ends: np.ndarray


@dataclass(frozen=True)
class _Candidate:
    chords: _Chords
    slice_index: int
    n_parts: int


def axial_diameters(mask: sitk.Image) -> AxialDiameters:
    """Return the longest axial diameter of a mask and its short axis, as in RECIST 1.1.

    The slices are those of the grid axis nearest to head-feet; the slice is the one with the
    longest diameter. Target lesions are measured by ``longest_mm``, lymph nodes by
    ``short_axis_mm``.

    Parameters
    ----------
    mask
        3-D image; non-zero voxels are inside.

    Returns
    -------
    AxialDiameters
        Of chords that are equally long, the one with the longer short axis counts, then the one
        in the slice of the lowest index.

    Raises
    ------
    CaseError
        ``mask_empty``: no voxel; a complete response has no diameter to measure, declare it.
        ``not_axial``: the slices' axis is tilted by more than 20 degrees against head-feet.

    Notes
    -----
    Parts of the mask that do not touch in the slice (not even at a pixel's corner) are measured
    each by itself, and the longest counts: a chord across healthy tissue is nobody's diameter, and
    a stray voxel would decide it. RECIST adds up the diameters of a lesion that fell apart; give
    each fragment a mask of its own for that.

    Within a part the chord may leave the lesion where the outline is concave, as a ruler laid on a
    film does.

    References
    ----------
    Eisenhauer et al., Eur J Cancer 2009;45:228 (RECIST 1.1); Schwartz et al., Eur J Cancer
    2009;45:261 (lymph nodes).

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging.diameter import axial_diameters
    >>> mask = sitk.Image(30, 20, 5, sitk.sitkUInt8)
    >>> mask[5:25, 8:12, 2] = 1
    >>> mask.SetSpacing((1.0, 1.0, 3.0))
    >>> found = axial_diameters(mask)
    >>> round(found.longest_mm, 1), round(found.short_axis_mm, 1), found.slice_index
    (20.2, 4.0, 2)
    """
    box = bounding_box(mask)
    if box is None:
        raise CaseError(
            "axial_diameters: the mask has no voxel. A lesion that is gone has no diameter: "
            "declare it a complete response.",
            code="mask_empty",
        )
    axis = _slice_axis(mask)
    in_plane = [a for a in (0, 1, 2) if a != axis]
    array = sitk.GetArrayViewFromImage(mask)
    cropped = np.asarray(array[tuple(slice(first, last + 1) for first, last in reversed(box))] != 0)
    # numpy's axes are z, y, x; here: slices first, then the two grid axes of the slice
    slices = np.transpose(cropped, [2 - axis, *(2 - a for a in in_plane)])
    steps_mm = np.array([mask.GetSpacing()[a] for a in in_plane])

    best = _longest(slices, steps_mm)
    corner = np.array([first for first, _ in box], dtype=float)
    corner[axis] += best.slice_index

    def in_patient(ends: np.ndarray) -> tuple[PointMm, PointMm]:
        points = []
        for end in ends / steps_mm:
            index = corner.copy()
            index[in_plane] += end
            points.append(mask.TransformContinuousIndexToPhysicalPoint(index.tolist()))
        return points[0], points[1]

    return AxialDiameters(
        longest_mm=best.chords.longest_mm,
        short_axis_mm=best.chords.short_axis_mm,
        slice_axis=axis,
        slice_index=int(corner[axis]),
        ends_mm=in_patient(best.chords.ends),
        short_ends_mm=in_patient(best.chords.short_ends),
        n_parts=best.n_parts,
    )


def _slice_axis(mask: sitk.Image) -> int:
    """Return the grid axis nearest to head-feet, the third axis of LPS."""
    along = np.abs(np.array(mask.GetDirection()).reshape(3, 3)[2])
    axis = int(along.argmax())
    tilt = float(np.degrees(np.arccos(min(1.0, along[axis]))))
    if tilt > MAX_TILT_DEGREES:
        raise CaseError(
            "axial_diameters: the grid axis nearest to head-feet is tilted by "
            f"{tilt:.0f} degrees, more than {MAX_TILT_DEGREES:g}: its slices are not axial. "
            "Resample the mask to a grid along the patient's axes with tr.resample_mask(...).",
            code="not_axial",
        )
    return axis


def _longest(slices: np.ndarray, steps_mm: np.ndarray) -> _Candidate:
    """Measure slices (first axis) in the order of what they could hold, until none could win."""
    bounds = _bounds_mm(slices, steps_mm)
    candidates: list[_Candidate] = []
    longest = 0.0
    for k in np.argsort(-bounds, kind="stable"):
        if bounds[k] < longest - TIE_MM:
            break
        labels, n_parts = ndimage.label(slices[k], structure=np.ones((3, 3)))
        for label, window in enumerate(ndimage.find_objects(labels), start=1):
            extent = [side.stop - side.start for side in window]
            if np.linalg.norm(extent * steps_mm) < longest - TIE_MM:
                continue
            offset_mm = [side.start for side in window] * steps_mm
            chords = _chords(_outline_mm(labels[window] == label, steps_mm) + offset_mm)
            candidates.append(_Candidate(chords, int(k), n_parts))
            longest = max(longest, chords.longest_mm)
    tied = [c for c in candidates if c.chords.longest_mm >= longest - TIE_MM]
    short = max(c.chords.short_axis_mm for c in tied)
    tied = [c for c in tied if c.chords.short_axis_mm >= short - TIE_MM]
    return min(tied, key=lambda c: c.slice_index)


def _bounds_mm(slices: np.ndarray, steps_mm: np.ndarray) -> np.ndarray:
    """Return the diagonal of each slice's bounding box: no chord in it is longer."""
    squares = np.zeros(len(slices))
    for others, step in ((2, steps_mm[0]), (1, steps_mm[1])):
        hit = np.any(slices, axis=others)
        extent = hit.shape[1] - hit.argmax(axis=1) - hit[:, ::-1].argmax(axis=1)
        squares += np.where(hit.any(axis=1), extent * step, 0.0) ** 2
    return np.asarray(np.sqrt(squares))


def _outline_mm(part: np.ndarray, steps_mm: np.ndarray) -> np.ndarray:
    """Return the outermost points of the outline of every row and column, shape (n, 2), mm.

    The outline runs through the middles between inside and outside pixels; the convex hull of the
    outermost ones is the convex hull of all.
    """
    points = []
    for along, order in ((part, 1), (part.T, -1)):
        lines = np.flatnonzero(along.any(axis=1))
        hit = along[lines]
        first = hit.argmax(axis=1)
        behind = hit.shape[1] - hit[:, ::-1].argmax(axis=1)
        points += [np.column_stack((lines, end - 0.5)[::order]) for end in (first, behind)]
    return np.asarray(np.concatenate(points) * steps_mm)


def _chords(points_mm: np.ndarray) -> _Chords:
    """Return the longest chord of a convex hull and the longest one perpendicular to it."""
    hull = points_mm[ConvexHull(points_mm).vertices]
    distances = squareform(pdist(hull))
    longest = float(distances.max())
    found: _Chords | None = None
    for i, j in np.argwhere(np.triu(distances >= longest - TIE_MM, k=1)):
        short_ends = _widest_across(hull, (hull[j] - hull[i]) / distances[i, j])
        short = float(np.linalg.norm(short_ends[1] - short_ends[0]))
        if found is None or short > found.short_axis_mm + TIE_MM:
            found = _Chords(float(distances[i, j]), short, hull[[i, j]], short_ends)
    if found is None:  # pragma: no cover - the longest distance is one of the distances
        raise AssertionError("a hull without a longest chord")
    return found


def _widest_across(hull: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return the ends of the longest chord of a convex polygon across a direction, (2, 2).

    The chord's length is a concave, piecewise linear function of where it crosses, with its kinks
    at the corners of the polygon: the longest one goes through a corner.
    """
    across = np.array([-direction[1], direction[0]])
    t, s = hull @ direction, hull @ across
    t_next, s_next = np.roll(t, -1), np.roll(s, -1)
    run = t_next - t
    flat = np.abs(run) > TIE_MM  # sides along the chord end at corners that other sides share
    where = (t[:, None] - t[flat]) / run[flat]
    height = s[flat] + where * (s_next - s)[flat]
    met = (where > -TIE_MM) & (where < 1 + TIE_MM)
    upper = np.where(met, height, -np.inf).max(axis=1)
    lower = np.where(met, height, np.inf).min(axis=1)
    k = int((upper - lower).argmax())
    return np.array([t[k] * direction + h * across for h in (lower[k], upper[k])])
