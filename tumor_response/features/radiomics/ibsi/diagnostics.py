"""What IBSI asks to report of the image processing itself: sizes, counts, intensities by step."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tumor_response.features.radiomics.ibsi.processing import IbsiImage, interpolated, resegmented
from tumor_response.features.radiomics.ibsi.settings import IbsiSettings

__all__ = ["diagnostics"]


def diagnostics(image: sitk.Image, mask: sitk.Image, settings: IbsiSettings) -> dict[str, float]:
    """Return the diagnostic features of every step of the image processing, keyed by IBSI tag.

    The whole image is processed, which features do without: use it to check a set-up.

    Returns
    -------
    dict
        Tags end on the step: ``_init_img``, ``_interp_img`` (dimensions, voxel size in mm, mean,
        minimum and maximum intensity), ``_init_roi``, ``_interp_roi``, ``_reseg_roi`` (dimensions,
        bounding boxes and voxel counts of both masks, intensities of the intensity mask).

    References
    ----------
    Zwanenburg et al., arXiv:1612.07003 (diagnostic features).

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.features.radiomics.ibsi.diagnostics import diagnostics
    >>> from tumor_response.features.radiomics.ibsi.settings import IbsiSettings
    >>> image = sitk.Image(6, 5, 4, sitk.sitkFloat32)
    >>> mask = sitk.Image(6, 5, 4, sitk.sitkUInt8) + 1
    >>> found = diagnostics(image, mask, IbsiSettings(spacing_mm=(2, 2, 2), bin_size=25))
    >>> found["img_dim_x_init_img"], found["img_dim_x_interp_img"]
    (6.0, 3.0)
    """
    # without a spacing, interpolation is the identity
    as_is = IbsiSettings(bin_size=1)
    initial = interpolated(image, mask, as_is, margin_mm=None)
    after = interpolated(image, mask, settings, margin_mm=None)
    return {
        **_of_image(initial, "init_img"),
        **_of_image(after, "interp_img"),
        **_of_region(initial, "init_roi"),
        **_of_region(after, "interp_roi"),
        **_of_region(resegmented(after, settings), "reseg_roi"),
    }


def _of_image(image: IbsiImage, step: str) -> dict[str, float]:
    found = {}
    for axis, name in enumerate("zyx"):
        found[f"img_dim_{name}_{step}"] = float(image.values.shape[axis])
        found[f"vox_dim_{name}_{step}"] = image.spacing_mm[axis]
    found[f"mean_int_{step}"] = float(image.values.mean())
    found[f"min_int_{step}"] = float(image.values.min())
    found[f"max_int_{step}"] = float(image.values.max())
    return found


def _of_region(image: IbsiImage, step: str) -> dict[str, float]:
    found = {}
    for axis, name in enumerate("zyx"):
        found[f"int_mask_dim_{name}_{step}"] = float(image.intensity_mask.shape[axis])
    for kind, mask in (("int", image.intensity_mask), ("morph", image.morphological_mask)):
        for axis, name in enumerate("zyx"):
            hits = np.flatnonzero(mask.any(axis=tuple(a for a in (0, 1, 2) if a != axis)))
            found[f"{kind}_mask_bb_dim_{name}_{step}"] = float(hits[-1] - hits[0] + 1)
        found[f"{kind}_mask_vox_count_{step}"] = float(np.count_nonzero(mask))
    found[f"int_mask_mean_int_{step}"] = float(image.intensities.mean())
    found[f"int_mask_min_int_{step}"] = float(image.intensities.min())
    found[f"int_mask_max_int_{step}"] = float(image.intensities.max())
    return found
