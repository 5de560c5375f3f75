"""A contour on its image at a glance: three planes through its centre."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging.png import indexed_png
from tumor_response.imaging.volume import tumour_box
from tumor_response.style import CONTOUR

__all__ = ["BAR_MM", "VIEW_PIXELS", "thumbnail"]

VIEW_PIXELS = 200
"""Sides of a view."""

GAP_PIXELS = 4

BAR_MM = 20.0
"""Length of the white bar at the lower left of each view."""

WINDOW_HU = (-160.0, 240.0)
"""Centre 40, width 400: soft tissue."""

N_GREYS = 48
"""As fine as the eye can tell in a noisy picture this small."""

FIELD_MM = (60.0, 400.0)
"""Smallest and largest side of what is shown; in between, twice the tumour."""


def thumbnail(image: sitk.Image, mask: sitk.Image, *, in_hu: bool) -> bytes:
    """Return a PNG of the axial, coronal and sagittal plane through a contour's centre.

    The patient's right is on the left of the first two views, as radiologists look at it; the
    third looks from the patient's left, with the front on the left. The outline is that of the
    voxels, the white bar is 20 mm long.

    Parameters
    ----------
    image
        On any grid, also oblique.
    mask
        On the same, not empty.
    in_hu
        Whether to show the soft-tissue window; otherwise from the 1st to the 99th percentile of
        what is shown.
    """
    centre, side = _centre_and_side(mask)
    # the axis of the patient that the plane cuts: z, y, x
    planes = [_plane(image, mask, centre, side, across) for across in (2, 1, 0)]
    low, high = WINDOW_HU
    if not in_hu:
        low, high = np.nanpercentile(np.stack([grey for grey, _ in planes]), (1, 99))
    views = []
    for grey, outline in planes:
        scaled = (np.nan_to_num(grey, nan=low) - low) / max(float(high - low), 1e-6)
        view = np.clip(scaled * (N_GREYS - 1), 0, N_GREYS - 1).round().astype(np.uint8)
        view[outline] = N_GREYS
        view[-10:-7, 8 : 8 + round(BAR_MM / side * VIEW_PIXELS)] = N_GREYS - 1
        views += [view, np.zeros((VIEW_PIXELS, GAP_PIXELS), dtype=np.uint8)]
    greys = [(round(255 * k / (N_GREYS - 1)),) * 3 for k in range(N_GREYS)]
    return indexed_png(np.hstack(views[:-1]), [*greys, _rgb(CONTOUR)])


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return red, green, blue


def _centre_and_side(mask: sitk.Image) -> tuple[np.ndarray, float]:
    """Return a voxel of the contour near its middle (LPS, mm) and how much to show of it (mm)."""
    box = tumour_box(mask)
    index = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1]
    spacing = np.array(mask.GetSpacing())
    middle = index.mean(axis=0)
    nearest = index[(((index - middle) * spacing) ** 2).sum(axis=1).argmin()]
    centre = np.array(mask.TransformIndexToPhysicalPoint([int(v) for v in nearest]))
    extent = max((last - first + 1) * s for (first, last), s in zip(box, spacing, strict=True))
    return centre, float(np.clip(2.0 * extent, *FIELD_MM))


def _plane(
    image: sitk.Image,
    mask: sitk.Image,
    centre: np.ndarray,
    side: float,
    across: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return grey values (NaN beyond the image) and outline of a plane across one axis."""
    step = side / VIEW_PIXELS
    size = [VIEW_PIXELS] * 3
    size[across] = 1
    origin = [float(c) - (n - 1) / 2 * step for c, n in zip(centre, size, strict=True)]
    grid = ([step] * 3, np.eye(3).ravel().tolist())
    grey = sitk.Resample(
        *(image, size, sitk.Transform(), sitk.sitkLinear, origin, *grid, float("nan")),
        sitk.sitkFloat32,
    )
    drawn = sitk.Resample(
        *(mask, size, sitk.Transform(), sitk.sitkNearestNeighbor, origin, *grid, 0),
        sitk.sitkUInt8,
    )
    values = sitk.GetArrayFromImage(grey).squeeze(axis=2 - across)
    inside = sitk.GetArrayFromImage(drawn).squeeze(axis=2 - across) != 0
    if across != 2:  # rows run upwards along the patient; screens run downwards
        values, inside = values[::-1], inside[::-1]
    return values, inside & ~ndimage.binary_erosion(inside, border_value=1)
