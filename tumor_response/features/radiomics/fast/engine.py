"""One case through the fast engine: prepared once, filtered once, binned once per image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import SimpleITK as sitk

from tumor_response.features.radiomics.columns import image_names
from tumor_response.features.radiomics.families import (
    first_order,
    glcm,
    gldm,
    glrlm,
    glszm,
    ngtdm,
)
from tumor_response.features.radiomics.fast.discretise import discretise
from tumor_response.features.radiomics.fast.image_types import image_types
from tumor_response.features.radiomics.fast.prepare import Prepared, prepare
from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.fast.shape import shape_features
from tumor_response.features.radiomics.fast.shape2d import shape2d_features
from tumor_response.features.radiomics.matrices.flat import Layout

__all__ = ["SIZELESS", "execute", "features_of"]

# distances between voxels weigh the directions of these
_DIRECTIONAL: Mapping[str, Callable[..., dict[str, float]]] = {
    "glcm": glcm.pyradiomics_features,
    "glrlm": glrlm.pyradiomics_features,
}
_UNDIRECTED: Mapping[str, Callable[..., dict[str, float]]] = {
    "glszm": glszm.pyradiomics_features,
    "gldm": gldm.pyradiomics_features,
    "ngtdm": ngtdm.pyradiomics_features,
}

SIZELESS = ("shape", "shape2D", "firstorder")
"""Classes that are defined for any region: of texture there is none in a voxel or a line."""


def execute(image: sitk.Image, mask: sitk.Image, parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return the values that PyRadiomics gives, under PyRadiomics' keys.

    Parameters
    ----------
    image
        Scalar, three-dimensional, of any pixel type.
    mask
        The region of interest is where it is 1.
    parameters
        :meth:`RadiomicsSettings.parameters`.

    Returns
    -------
    dict
        ``"original_firstorder_Mean"`` ... -> number; NaN where PyRadiomics gives NaN. All features
        of a class that is asked for are there.

    Raises
    ------
    ValueError
        Where PyRadiomics refuses the region.
    """
    prepared = prepare(image, mask, parameters["setting"])
    if prepared.too_small:
        raise ValueError(prepared.too_small)
    return features_of(prepared, parameters)


def features_of(prepared: Prepared, parameters: Mapping[str, Any]) -> dict[str, float]:
    """Return the values of a case that is prepared.

    Of a region that PyRadiomics refuses for its size those of :data:`SIZELESS` alone.

    Parameters
    ----------
    prepared
        The case.
    parameters
        As :func:`execute`.
    """
    setting = prepared.setting
    classes = parameters["featureClass"]
    if prepared.too_small:
        classes = {name: classes[name] for name in classes if name in SIZELESS}
    values: dict[str, float] = {}
    if "shape" in classes:
        _add(values, "original_shape", shape_features(prepared.shape_region))
    if "shape2D" in classes:
        axis = setting.get("force2Ddimension", 0)
        # PyRadiomics' own gate: it takes the axis, counted from z, for one counted from x, and
        # leaves the class out where that side is one voxel long
        if prepared.shape_region.mask.shape[::-1][axis] > 1:
            _add(values, "original_shape2D", shape2d_features(prepared.shape_region, axis))
    own = {
        name: {**setting, **of_type}
        for image_type, of_type in parameters["imageType"].items()
        for name in image_names(image_type, {**setting, **of_type})
    }
    layout: Layout | None = None
    for name, region in image_types(prepared, parameters):
        reach = _reach(own[name], prepared.mask.shape)
        if layout is None or layout.reach != reach:
            layout = Layout.around(prepared.mask, reach)
        for feature_class, numbers in _of_image(region, layout, classes, own[name]).items():
            _add(values, f"{name}_{feature_class}", numbers)
    return values


def _reach(setting: Mapping[str, Any], shape: Sequence[int]) -> int:
    """Return how far neighbours are looked for: never farther than the box is long."""
    return max(1, min(max(setting.get("distances", (1,)), default=1), max(shape) - 1))


def _of_image(
    region: Region, layout: Layout, classes: Mapping[str, Any], setting: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return the values of every class but shape on one image: binned once for all of them."""
    asked = [name for name in classes if not name.startswith("shape")]
    if not asked:
        return {}
    binned = discretise(region, setting, region.pixel_type)
    levels, n_levels = layout.filled(binned.levels), binned.n_levels
    found: dict[str, dict[str, float]] = {}
    for name in asked:
        if name == "firstorder":
            found[name] = first_order.pyradiomics_features(
                region.values[region.mask], setting, binned, region.voxel_volume_mm3
            )
        elif name in _DIRECTIONAL:
            found[name] = _DIRECTIONAL[name](levels, n_levels, setting, region.spacing_mm)
        else:
            found[name] = _UNDIRECTED[name](levels, n_levels, setting)
    return found


def _add(values: dict[str, float], prefix: str, numbers: Mapping[str, float]) -> None:
    for feature, number in numbers.items():
        values[f"{prefix}_{feature}"] = number
