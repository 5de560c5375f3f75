"""A follow-up for a real CT: the tumour's surface moves inwards by a known, uneven distance.

Near the surface tissue moves along the outward normal of the baseline contour by ``retreat`` mm,
uneven over the surface (a smooth random field). The movement fades to nothing over ``FADE_MM`` on
both sides, and bone stays where it is. Image and contour are taken through the same map, so that
they fit each other. How far the surface moves is found by bisection: the follow-up has the volume
that was asked for.

It is a geometric shrinkage. Nothing in the tissue decides it, density and texture are only carried
along, and no real tumour is known to behave so.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.optimize import brentq

FADE_MM = 25.0
UNEVEN = 0.3
"""SD of the retreat over the surface, relative to its mean."""
SMOOTH_MM = 15.0
BONE_HU = 200


def shrunk(
    image: sitk.Image, mask: sitk.Image, remainder: float, seed: int
) -> tuple[sitk.Image, sitk.Image, float]:
    """Return the follow-up image and mask, and the mean retreat of the surface in mm.

    ``remainder`` is the follow-up volume over the baseline volume; above 1 the tumour grows.
    """
    spacing = mask.GetSpacing()[::-1]
    hu = sitk.GetArrayFromImage(image)
    inside = sitk.GetArrayFromImage(mask) > 0
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    depth -= ndimage.distance_transform_edt(~inside, sampling=spacing)
    depth -= 0.5 * min(spacing) * np.sign(depth)
    # a smoothed depth has smooth normals, and no ridge along the tumour's middle
    smooth = ndimage.gaussian_filter(depth, [3.0 / step for step in spacing])
    outwards = [-part / step for part, step in zip(np.gradient(smooth), spacing, strict=True)]
    noise = np.random.default_rng(seed).standard_normal(inside.shape)
    field = ndimage.gaussian_filter(noise, [SMOOTH_MM / step for step in spacing])
    uneven = np.clip(1.0 + UNEVEN * field / field.std(), 0.2, 1.8)
    share = np.clip(1.0 - np.abs(depth) / FADE_MM, 0.0, 1.0)
    # bone stays where it is
    soft = 1.0 - ndimage.gaussian_filter((hu > BONE_HU) * 1.0, [3.0 / step for step in spacing])
    along = uneven * share * share * (3.0 - 2.0 * share) * soft**4
    index = np.indices(inside.shape, dtype=np.float32)

    def source(retreat_mm: float) -> list[np.ndarray]:
        # the tissue that lies here now lay further out before
        return [
            at + retreat_mm * along * towards / step
            for at, towards, step in zip(index, outwards, spacing, strict=True)
        ]

    def left(retreat_mm: float) -> np.ndarray:
        moved = ndimage.map_coordinates(depth, source(retreat_mm), order=1, mode="nearest")
        return moved > 0

    def excess(retreat_mm: float) -> float:
        return float(left(retreat_mm).sum()) / float(inside.sum()) - remainder

    retreat_mm = float(brentq(excess, -12.0, 12.0, xtol=0.02, maxiter=30, disp=False))
    moved_hu = ndimage.map_coordinates(
        hu.astype(np.float32), source(retreat_mm), order=1, mode="nearest"
    )
    follow_up = sitk.GetImageFromArray(np.round(moved_hu).astype(np.int16))
    contour = sitk.GetImageFromArray(left(retreat_mm).astype(np.uint8))
    follow_up.CopyInformation(image)
    contour.CopyInformation(mask)
    return follow_up, contour, retreat_mm
