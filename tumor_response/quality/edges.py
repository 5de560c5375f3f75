"""Whether the image's edges lie where the contour says: contours shifted by a voxel.

Where a row of voxels along an axis leaves the tumour, the profile of intensities across the contour
is compared with the step that the contour claims: inside the value three voxels in, outside the
value three voxels out. The area between profile and step, over the step's height, is how far the
image's edge lies beyond the contour; the mean over a side of the tumour weights each row with the
square of its height, as least squares does. A contour drawn too wide or too narrow moves the edges
of opposite sides in opposite directions, a shifted one moves both in the same direction. So only
what both sides agree on counts as shift.

Soft tissue often shows no edge where a tumour ends, and clinicians know more than the image shows.
The estimate is therefore put to the same contour moved by one voxel to either side: the *response*
says how much of a known shift is seen at all (1: all of it, 0: none).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tumor_response.imaging import Finding
from tumor_response.quality.region import Region
from tumor_response.quality.settings import QualitySettings

__all__ = ["Shift", "common_shift", "measure_shifts", "shift_findings"]

REACH = 3
"""Voxels to either side of the contour that a profile has."""

WINDOW_HU = (-160.0, 240.0)
"""Soft-tissue window: an edge to lung or bone must not outweigh all others."""

MIN_STEP_HU = 25.0
"""Height of an edge that counts; the noise of a voxel is 10 to 20 HU."""

MIN_ROWS = 10
"""Rows with an edge, on each side."""

SECTORS = 8
"""Parts of a side whose errors are taken as independent."""

MIN_PATIENTS = 10
"""For a common shift; fewer give no standard error worth the name."""


@dataclass(frozen=True)
class Shift:
    """How far the edges of an image lie from a contour, along one axis (voxels).

    Parameters
    ----------
    axis
        ``"x"``, ``"y"`` or ``"z"`` of the image; positive is towards higher indices.
    spacing_mm
        Along it.
    mean
        Mean of both sides: what moves when the contour moves.
    agreed
        The part that both sides agree on; 0 where they point in opposite directions.
    t
        ``mean`` over its standard error.
    response
        By how much ``mean`` changes when the contour is moved by one voxel.
    """

    axis: str
    spacing_mm: float
    mean: float
    agreed: float
    t: float
    response: float


def measure_shifts(region: Region) -> tuple[Shift, ...]:
    """Estimate the shift of a contour along each axis.

    Parameters
    ----------
    region
        A CT, in HU.

    Returns
    -------
    tuple of Shift
        Of the axes along which both sides of the tumour show edges; may be empty.

    Examples
    --------
    >>> values = np.full((20, 20, 20), -100, dtype=np.float32)
    >>> values[5:15, 5:15, 5:15] = 60
    >>> mask = np.zeros((20, 20, 20), dtype=bool); mask[5:15, 5:15, 6:16] = True  # one too far
    >>> shifts = measure_shifts(Region(values, mask, (3.0, 1.0, 1.0), ("z", "y", "x")))
    >>> [(s.axis, round(s.agreed, 3)) for s in shifts]
    [('z', 0.0), ('y', 0.0), ('x', -1.0)]
    """
    values = np.clip(region.values, *WINDOW_HU)
    found = []
    for a, (axis, step) in enumerate(zip(region.axes, region.spacing_mm, strict=True)):
        # the axis in question last: rows are then contiguous
        rows, inside = np.moveaxis(values, a, -1), np.moveaxis(region.mask, a, -1)
        if inside[..., 0].any() or inside[..., -1].any():
            continue  # cut off by the image: there is no edge on one side
        here, before, after = (_both_sides(rows, np.roll(inside, by, axis=-1)) for by in (0, -1, 1))
        if here is None or before is None or after is None:
            continue
        high, low, error = here
        agreed = float(np.sign(high)) * min(abs(high), abs(low)) if high * low > 0 else 0.0
        mean = (high + low) / 2
        response = (before[0] + before[1] - after[0] - after[1]) / 4
        found.append(Shift(axis, step, mean, agreed, mean / error, response))
    return tuple(found)


def _both_sides(rows: np.ndarray, inside: np.ndarray) -> tuple[float, float, float] | None:
    """Return the distance of the edges on the high and the low side, and the mean's error."""
    high = _side(rows, inside)
    low = _side(rows[..., ::-1], inside[..., ::-1])
    if high is None or low is None:
        return None
    # the low side was looked at in a mirror: what is outwards there is negative here
    return high[0], -low[0], max(float(np.hypot(high[1], low[1])) / 2, 1e-3)


def _side(rows: np.ndarray, inside: np.ndarray) -> tuple[float, float] | None:
    """Return how far outwards the edges lie where rows leave the tumour, with its error."""
    leaves = np.argwhere(inside[..., :-1] & ~inside[..., 1:])
    last = leaves[:, 2]
    leaves = leaves[(last - REACH + 1 >= 0) & (last + REACH < rows.shape[-1])]
    i, j, k = leaves[:, 0, None], leaves[:, 1, None], leaves[:, 2, None]
    along = np.arange(1 - REACH, REACH + 1)  # inside up to 0, outside from 1
    claimed = inside[i, j, k + along]
    whole = claimed[:, :REACH].all(axis=1) & ~claimed[:, REACH:].any(axis=1)
    leaves, profile = leaves[whole], rows[i, j, k + along][whole].astype(np.float64)
    height = profile[:, 0] - profile[:, -1]
    clear = np.abs(height) >= MIN_STEP_HU
    if np.count_nonzero(clear) < MIN_ROWS:
        return None
    leaves, profile, height = leaves[clear], profile[clear], height[clear]
    beyond = (profile - profile[:, -1:]).sum(axis=1) / height - REACH
    beyond = np.clip(beyond, -REACH, REACH)
    weight = height**2
    mean = float((beyond * weight).sum() / weight.sum())
    return mean, _clustered_error((beyond - mean) * weight, leaves[:, :2]) / float(weight.sum())


def _clustered_error(deviation: np.ndarray, place: np.ndarray) -> float:
    """Return the error of a sum whose terms hang together within sectors around the middle."""
    offset = place - place.mean(axis=0)
    angle = (np.arctan2(offset[:, 0], offset[:, 1]) + np.pi) / (2 * np.pi)
    sector = np.minimum((angle * SECTORS).astype(int), SECTORS - 1)
    sums = np.bincount(sector, weights=deviation, minlength=SECTORS)
    return float(np.sqrt((sums**2).sum()))


def shift_findings(shifts: Sequence[Shift], settings: QualitySettings) -> list[Finding]:
    """Return ``contour_shifted`` if the edges of one lesion clearly lie elsewhere."""
    sure = [
        shift
        for shift in shifts
        if abs(shift.agreed) > settings.max_shift_voxels and abs(shift.t) > settings.min_shift_t
    ]
    if not sure:
        return []
    worst = max(sure, key=lambda shift: abs(shift.agreed))
    return [
        Finding(
            "contour_shifted",
            "warning",
            f"On both sides the image's edges lie {abs(worst.agreed):.2g} voxels or more "
            f"({abs(worst.agreed) * worst.spacing_mm:.2g} mm) from the contour, towards "
            f"{'higher' if worst.agreed > 0 else 'lower'} {worst.axis}.",
            measured=f"{worst.agreed:+.2g} voxels along {worst.axis}",
            limit=f"{settings.max_shift_voxels:g} voxels",
            remedy="Look at the contour on its image. If both were converted, check that voxel "
            "centres and not corners were taken as positions.",
        )
    ]


def common_shift(shifts: Sequence[Sequence[Shift]], axis: str) -> tuple[float, float, int] | None:
    """Estimate the shift that all contours have in common.

    Parameters
    ----------
    shifts
        One entry per patient: the estimates of all lesions and time points.
    axis
        ``"x"``, ``"y"`` or ``"z"``.

    Returns
    -------
    (float, float, int) or None
        Shift in voxels, its ratio to its standard error (jackknife over patients), and the number
        of patients; ``None`` for fewer than ten of them. With means m and responses r it is
        sum(r m) / sum(r²): lesions whose edges are not seen have no say.
    """
    sums = []
    for of_patient in shifts:
        seen = [s for s in of_patient if s.axis == axis and s.response > 0]
        if seen:
            sums.append((sum(s.response * s.mean for s in seen), sum(s.response**2 for s in seen)))
    if len(sums) < MIN_PATIENTS:
        return None
    above, below = np.array(sums).T
    estimate = float(above.sum() / below.sum())
    without = (above.sum() - above) / (below.sum() - below)
    n = len(sums)
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return estimate, estimate / max(error, 1e-3), n
