"""Whether contours lie on the images that they say they were drawn on."""

from __future__ import annotations

from collections.abc import Sequence

from tumor_response.imaging.dicom.contours.contours import PlanarContour, to_index
from tumor_response.imaging.findings import Finding
from tumor_response.imaging.geometry import Geometry

__all__ = ["check_contour_images"]


def check_contour_images(
    contours: Sequence[PlanarContour], grid: Geometry, sop_uids: Sequence[str], what: str
) -> tuple[Finding, ...]:
    """Return whether contours lie on the images that they say they were drawn on.

    Parameters
    ----------
    contours
        Of one structure.
    grid
        Of the series.
    sop_uids
        SOP Instance UIDs of the series, slice by slice along the grid's third axis.
    what
        How to name the structure in messages.

    Returns
    -------
    tuple of Finding
        ``contour_image_missing``: contours drawn on images that the series does not have.
        ``contour_image_shift``: contours that lie more than half a slice from their image.
    """
    at = {uid: k for k, uid in enumerate(sop_uids)}
    linked = [c for c in contours if c.image_uids]
    known = [c for c in linked if any(uid in at for uid in c.image_uids)]
    findings = []
    if missing := len(linked) - len(known):
        findings.append(
            Finding(
                "contour_image_missing",
                "warning",
                f"{what}: {missing} of {len(linked)} contours were drawn on images that the "
                "series does not have.",
                measured=f"{missing} contours",
                limit="0",
                remedy="Check that the series is the one that was contoured, and complete.",
            )
        )
    off = []
    for contour in known:
        height = float(to_index(contour.points_mm, grid)[:, 2].mean())
        off.append(min(abs(height - at[uid]) for uid in contour.image_uids if uid in at))
    if (shifted := sum(slices > 0.5 + 1e-6 for slices in off)) > 0:
        worst_mm = max(off) * grid.spacing_mm[2]
        findings.append(
            Finding(
                "contour_image_shift",
                "error",
                f"{what}: {shifted} of {len(known)} contours lie up to {worst_mm:.1f} mm from the "
                "image they were drawn on.",
                measured=f"{worst_mm:.3g} mm",
                limit=f"{grid.spacing_mm[2] / 2:.3g} mm",
                remedy="The contours or the series were moved; export both again.",
            )
        )
    return tuple(findings)
