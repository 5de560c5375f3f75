"""Contours of one structure become a mask on a voxel grid.

A voxel belongs to a structure if its centre does (IBSI: a ROI mask by "voxel centre inside"); a
contour belongs to the slice nearest to it. What that leaves open - several contours on a plane,
several planes in a slice, slices without contours, contours beyond the image - follows one rule
each, and is told as a finding with the numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.contours.assignment import assign
from tumor_response.imaging.dicom.contours.contours import (
    CLOSED_TYPES,
    OPEN_TYPES,
    PlanarContour,
    check_parallel,
    index_runs,
    to_index,
)
from tumor_response.imaging.dicom.contours.gaps import gaps
from tumor_response.imaging.dicom.contours.planes import Region, area_outside, combine
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry

__all__ = ["CUT_LIMIT", "rasterise"]

CUT_LIMIT = 0.01
"""Share of a structure's area outside the image from which the finding is an error."""

_EDGE = 1e-3  # voxels: a contour along the edge of the image is beyond it by rounding alone


def rasterise(
    contours: Sequence[PlanarContour],
    grid: Geometry,
    *,
    what: str = "the structure",
    fill_gaps: bool = False,
    gaps_declared: bool = False,
) -> tuple[sitk.Image, tuple[Finding, ...]]:
    """Return the mask that the contours of one structure enclose, and what is to be known of it.

    The contours are taken to the grid's own axes, so that oblique, flipped and feet-first grids
    need no rule of their own. On each plane, the region is that of
    :func:`tumor_response.imaging.dicom.contours.planes.combine`.

    Parameters
    ----------
    contours
        Of one structure.
    grid
        Grid of the mask; need not be that of the series the contours were drawn on, as long as
        the slices are parallel to them.
    what
        How to name the structure in messages.
    fill_gaps
        Whether slices without contours between others are filled
        (:func:`tumor_response.imaging.dicom.contours.gaps.between`).
    gaps_declared
        Whether the file says that it has contours wherever the structure is
        (Source Pixel Planes Characteristics, PS3.3 C.8.8.6.4).

    Returns
    -------
    SimpleITK.Image
        uint8, 0 and 1, on ``grid``.
    tuple of Finding
        Codes ``contour_hole``, ``contour_overlap``, ``contour_duplicate``, ``contour_open``,
        ``contour_degenerate``, ``contour_on_centres``, ``contour_between_slices``,
        ``contour_planes_per_slice``, ``contour_outside_slices``, ``contour_outside_image``,
        ``contour_gap``, ``contour_gap_filled``.

    Raises
    ------
    CaseError
        Codes ``roi_empty``, ``roi_not_closed``, ``roi_outside_image``, ``roi_no_voxel``,
        ``contour_type``, ``contour_types_mixed``, ``contour_not_planar``,
        ``contour_not_parallel``, ``contour_too_many``.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.imaging import Geometry
    >>> from tumor_response.imaging.dicom.contours.contours import PlanarContour
    >>> grid = Geometry((8, 8, 3), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    >>> square = np.array([(1.5, 1.5, 3.0), (4.5, 1.5, 3.0), (4.5, 4.5, 3.0), (1.5, 4.5, 3.0)])
    >>> mask, findings = rasterise([PlanarContour(square)], grid)
    >>> int(sitk.GetArrayViewFromImage(mask).sum()), findings
    (9, ())
    """
    findings: list[Finding] = []
    closed, exclusive = _closed(contours, what, findings)
    index = np.split(
        to_index(np.concatenate([c.points_mm for c in closed]), grid),
        np.cumsum([len(c.points_mm) for c in closed])[:-1],
    )
    check_parallel(closed, index, grid, what)
    on_slices = assign(index, grid, what, findings)

    columns, rows, slices = grid.size
    volume = np.zeros((slices, rows, columns), dtype=np.uint8)
    met: Counter[str] = Counter()
    for k in sorted(on_slices):
        region = combine(on_slices[k], (rows, columns), exclusive=exclusive, what=what)
        volume[k][region.box] = region.mask
        _count(met, region)
    _tell_combined(met, exclusive, grid, what, findings)
    _tell_cut(on_slices, (rows, columns), what, findings, empty=not met["voxels"])
    if not met["voxels"]:
        raise CaseError(
            f"{what}: its contours enclose no voxel centre of the image. It is smaller than a "
            "voxel, or drawn for another image; check the pair.",
            code="roi_no_voxel",
        )
    drawn = sorted(on_slices)
    findings += gaps(volume, drawn, grid, what, fill=fill_gaps, declared=gaps_declared)

    mask = sitk.GetImageFromArray(volume)
    mask.SetSpacing(grid.spacing_mm)
    mask.SetOrigin(grid.origin_mm)
    mask.SetDirection(grid.direction)
    return mask, tuple(findings)


def _closed(
    contours: Sequence[PlanarContour], what: str, findings: list[Finding]
) -> tuple[list[PlanarContour], bool]:
    """Return the closed contours, and whether they are combined by exclusive disjunction."""
    if not contours:
        raise CaseError(
            f"{what} has no contours. If nothing is left of the tumour at follow-up, declare "
            "follow_up_status = complete_response; otherwise draw it, or choose another structure.",
            code="roi_empty",
        )
    types = Counter(contour.geometric_type for contour in contours)
    for name in types:
        if name not in CLOSED_TYPES + OPEN_TYPES:
            raise CaseError(
                f"{what}: contour type {name[:40]!r} is none of {', '.join(CLOSED_TYPES)}, "
                f"{', '.join(OPEN_TYPES)}. Export the structure set again.",
                code="contour_type",
            )
    n_open = sum(types[name] for name in OPEN_TYPES)
    told = ", ".join(f"{types[name]} {name}" for name in OPEN_TYPES if types[name])
    if n_open == len(contours):
        raise CaseError(
            f"{what} consists of points and open lines ({told}), which enclose nothing. Choose a "
            "structure drawn with closed contours.",
            code="roi_not_closed",
        )
    if n_open:
        findings.append(
            Finding(
                "contour_open",
                "info",
                f"{what}: {told} beside the closed contours enclose nothing and are left out.",
                measured=f"{n_open} of {len(contours)} contours",
            )
        )
    if all(types[name] for name in CLOSED_TYPES):
        raise CaseError(
            f"{what} mixes CLOSED_PLANAR ({types['CLOSED_PLANAR']}) with CLOSEDPLANAR_XOR "
            f"({types['CLOSEDPLANAR_XOR']}) contours; the standard combines all contours of a "
            "structure in one way. Export the structure set again.",
            code="contour_types_mixed",
        )
    return [c for c in contours if c.geometric_type in CLOSED_TYPES], not types["CLOSED_PLANAR"]


def _count(met: Counter[str], region: Region) -> None:
    met["voxels"] += region.n_voxels
    met["on_path"] += region.n_on_path
    met["in_holes"] += region.n_in_holes
    for name in ("nested", "overlapping", "repeated"):
        if number := getattr(region, name):
            met[name] += number
            met[f"{name}_slices"] += 1


def _tell_combined(
    met: Counter[str],
    exclusive: bool,
    grid: Geometry,
    what: str,
    findings: list[Finding],
) -> None:
    """Tell what the combination of contours on one plane did to the volume."""
    voxel_cc = float(np.prod(grid.spacing_mm)) / 1000
    if met["nested"]:
        findings.append(
            Finding(
                "contour_hole",
                "warning",
                f"{what}: {met['nested']} contours wholly inside another are read as holes and "
                f"islands in them ({met['nested_slices']} slices); the holes take away "
                f"{met['in_holes'] * voxel_cc:.3g} cc.",
                measured=f"{met['in_holes'] * voxel_cc:.3g} cc",
                remedy="If they are no holes, delete the inner contours.",
            )
        )
    if met["overlapping"]:
        findings.append(
            Finding(
                "contour_overlap",
                "warning",
                f"{what}: {met['overlapping']} contours overlap another on the same plane in part "
                f"and are united ({met['overlapping_slices']} slices).",
                measured=f"{met['overlapping']} contours",
                remedy="Look at these contours; overlaps are drawing faults.",
            )
        )
    if met["repeated"]:
        findings.append(
            Finding(
                "contour_duplicate",
                "error" if exclusive else "info",
                f"{what}: {met['repeated']} contours repeat another on the same plane"
                + (
                    "; of type CLOSEDPLANAR_XOR, they cancel each other out."
                    if exclusive
                    else " and are taken once."
                ),
                measured=f"{met['repeated']} contours",
                remedy="Export the structure set again." if exclusive else "",
            )
        )
    if met["on_path"]:
        share = 100 * met["on_path"] / met["voxels"]
        findings.append(
            Finding(
                "contour_on_centres",
                "warning",
                f"{what}: {met['on_path']} voxels ({share:.1f} % of its volume) have their centres "
                "exactly on a contour. The standard counts them as inside, and so does this; other "
                "software may leave some of them out.",
                measured=f"{share:.3g} %",
                remedy="Compare volumes only with software that counts them as well.",
            )
        )


def _tell_cut(
    on_slices: dict[int, list[np.ndarray]],
    shape: tuple[int, int],
    what: str,
    findings: list[Finding],
    *,
    empty: bool,
) -> None:
    """Tell what lies beyond the edges of the slices; refuse a structure that wholly does."""
    first, last = -0.5 - _EDGE, np.array(shape)[::-1] - 0.5 + _EDGE
    beyond = {
        k: any((points < first).any() or (points > last).any() for points in polygons)
        for k, polygons in on_slices.items()
    }
    if not any(beyond.values()):
        return
    areas = np.array(
        [area_outside(points, shape) for polygons in on_slices.values() for points in polygons]
    ).sum(axis=0)
    share = float(areas[1] / areas[0]) if areas[0] else 1.0
    cut = [k for k, is_beyond in beyond.items() if is_beyond]
    if empty and share > 0.5:
        raise CaseError(
            f"{what} lies outside the image: all of its contours are beyond the edges of the "
            "slices. It was drawn on another series; check the pair.",
            code="roi_outside_image",
        )
    findings.append(
        Finding(
            "contour_outside_image",
            "error" if share > CUT_LIMIT else "warning",
            f"{what}: contours reach beyond the edges of the image (slice indices "
            f"{index_runs(cut)}); {100 * share:.2g} % of their area is cut off.",
            measured=f"{100 * share:.2g} %",
            limit=f"{100 * CUT_LIMIT:g} %",
            remedy="Use a series whose field of view holds the whole structure.",
        )
    )
