"""To which slice a contour belongs.

To the one nearest to its plane, if that is within half a slice: contours are drawn on slices, and
a plane off them by the rounding of coordinates still means its slice. Where contours lie closer
together than the slices of the grid, a slice shows the plane nearest to its centre, as a voxel
belongs to a structure by its centre.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.contours.contours import PLANE_TOLERANCE, index_runs
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry

__all__ = ["assign"]

_FLAT = 1e-6  # voxels: thinner than this encloses nothing


def assign(
    index: Sequence[np.ndarray], grid: Geometry, what: str, findings: list[Finding]
) -> dict[int, list[np.ndarray]]:
    """Return the contours of each slice.

    Parameters
    ----------
    index
        Points of each closed contour in voxel indices (x, y, z), shape (n, 3).
    grid
        The voxel grid; the contours are parallel to its slices.
    what
        How to name the structure in messages.
    findings
        Findings are appended.

    Returns
    -------
    dict
        Slice index -> its contours as (x, y), each of shape (n, 2).

    Raises
    ------
    CaseError
        Code ``roi_outside_image``.
    """
    n_slices, spacing_mm = grid.size[2], grid.spacing_mm[2]
    heights = np.array([points[:, 2].mean() for points in index])
    inside = (heights >= -0.5 - _FLAT) & (heights <= n_slices - 0.5 + _FLAT)
    if not inside.any():
        distance = float(np.maximum(-heights, heights - (n_slices - 1)).min()) * spacing_mm
        raise CaseError(
            f"{what} lies outside the image: its {len(index)} contours begin {distance:.1f} mm "
            "beyond the first or last slice. It was drawn on another series; check the pair.",
            code="roi_outside_image",
        )
    if not inside.all():
        findings.append(
            Finding(
                "contour_outside_slices",
                "error",
                f"{what}: {(~inside).sum()} of {len(index)} contours lie more than half a slice "
                "beyond the first or last slice and are lost.",
                measured=f"{(~inside).sum()} contours",
                limit=f"{spacing_mm / 2:.3g} mm beyond the slices",
                remedy="Use the whole series that was contoured.",
            )
        )
    flat = np.array([_is_flat(points[:, :2]) for points in index])
    if flat.any():
        findings.append(
            Finding(
                "contour_degenerate",
                "info",
                f"{what}: {flat.sum()} of {len(index)} closed contours have fewer than three "
                "different points, or all on one line; they enclose nothing and are left out.",
                measured=f"{flat.sum()} contours",
            )
        )
    # half-way between two slices, the lower index gets it
    nearest = np.clip(np.ceil(heights - 0.5), 0, n_slices - 1).astype(int)
    used = inside & ~flat
    off = np.abs(heights - nearest)
    on_slices: dict[int, list[np.ndarray]] = {}
    crowded = []
    for k in np.unique(nearest[used]):
        here = np.flatnonzero(used & (nearest == k))
        plane = heights[here[np.argmin(off[here])]]
        on_plane = np.abs(heights[here] - plane) <= PLANE_TOLERANCE
        if not on_plane.all():
            crowded.append(int(k))
        on_slices[int(k)] = [index[i][:, :2] for i in here[on_plane]]
        used[here[~on_plane]] = False
    if crowded:
        findings.append(
            Finding(
                "contour_planes_per_slice",
                "warning",
                f"{what}: contours lie closer together than the slices; of several planes in one "
                f"slice the nearest to its centre counts (slice indices {index_runs(crowded)}).",
                measured=f"{len(crowded)} of {len(on_slices)} slices",
                limit="one plane per slice",
                remedy="Use the series on which the contours were drawn.",
            )
        )
    if used.any() and off[used].max() > PLANE_TOLERANCE:
        findings.append(
            Finding(
                "contour_between_slices",
                "warning",
                f"{what}: contours lie up to {off[used].max() * spacing_mm:.2f} mm from the slice "
                "nearest to them, to which they are assigned.",
                measured=f"{off[used].max() * spacing_mm:.3g} mm",
                limit=f"{PLANE_TOLERANCE * spacing_mm:.3g} mm",
                remedy="Use the series on which the contours were drawn.",
            )
        )
    return on_slices


def _is_flat(points: np.ndarray) -> bool:
    """Return whether all points lie on one line."""
    arms = points - points[0]
    far = arms[np.argmax((arms**2).sum(axis=1))]
    length = float(np.hypot(*far))
    if length <= _FLAT:
        return True
    return bool(np.abs(arms[:, 0] * far[1] - arms[:, 1] * far[0]).max() <= _FLAT * length)
