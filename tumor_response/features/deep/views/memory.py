"""How much memory the views of a case take."""

from __future__ import annotations

from tumor_response.features.deep.views.settings import ViewSettings
from tumor_response.features.memory import Extent

__all__ = ["views_bytes"]

_BYTES_OF_A_POINT = 40
"""Of the plane being sampled: three copies of its intensities, and what is outside or masked."""
_BYTES_OF_A_PIXEL = 32
"""Of the finished views: while they are scaled, put together, flipped and written."""


def views_bytes(settings: ViewSettings, size_px: int, extent: Extent) -> int:
    """Return an upper bound of what :func:`cut_views` takes beside image and mask, in bytes.

    Examples
    --------
    >>> extent = Extent(256 * 256 * 100, (40.0, 40.0, 30.0), (1.0, 1.0, 3.0))
    >>> views_bytes(ViewSettings(), 224, extent) < 30_000_000
    True
    """
    n_views = {"largest": 1, "orthogonal": 3, "equally_spaced": settings.n_slices or 1}.get(
        settings.slices,
        max(round(box / step) for box, step in zip(extent.box_mm, extent.spacing_mm, strict=True)),
    )
    widest = max(extent.box_mm)
    side_mm = max(
        widest / (settings.tumour_share or 1.0) + 2 * (settings.margin_mm or 0.0),
        settings.field_of_view_mm or 0.0,
    )
    points = (size_px + side_mm / min(extent.spacing_mm)) ** 2
    pixels = n_views * (settings.n_channels + 1) * size_px**2
    # percentiles sort a copy of the image, a rim measures distances around the tumour
    percentiles = 12 * extent.image_voxels if settings.percentiles is not None else 0
    rim_mm = settings.rim_mm or 0.0
    rim = 2 * extent.image_voxels + 16 * extent.box_voxels(margin_mm=rim_mm) if rim_mm else 0
    return int(_BYTES_OF_A_POINT * points + _BYTES_OF_A_PIXEL * pixels + percentiles + rim)
