"""A PyRadiomics feature of the cube around each voxel, by PyRadiomics itself.

Loading, resampling, normalisation, filters and bins are those of the column: the same functions of
PyRadiomics in the same order, with the settings of the extractor. Bins are those of the whole
tumour, so that a grey level means the same in every cube.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.feature_maps.settings import FeatureMapSettings
from tumor_response.features.radiomics.columns import image_names
from tumor_response.features.radiomics.settings import RadiomicsSettings, quiet_pyradiomics
from tumor_response.imaging.geometry import slice_axis

__all__ = ["voxel_values"]

_COPIES = 6
"""Of a batch's matrices, in what PyRadiomics makes of them."""


def voxel_values(
    image: sitk.Image,
    mask: sitk.Image,
    radiomics: RadiomicsSettings,
    key: str,
    settings: FeatureMapSettings,
) -> sitk.Image:
    """Return a feature of the cube around each of the tumour's voxels.

    Parameters
    ----------
    image, mask
        Of the case.
    radiomics
        The extractor's.
    key
        PyRadiomics' name of the value: image, class and feature.
    settings
        Cube, voxels and limits.

    Returns
    -------
    SimpleITK.Image
        float64, on the grid that the feature is computed on, around the tumour; NaN where there
        is no value.

    Raises
    ------
    ExplanationError
        Code ``too_many_voxels``.
    ValueError, RuntimeError
        What PyRadiomics refuses.
    """
    image_name, class_name, feature = key.rsplit("_", 2)
    with quiet_pyradiomics(), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # 0/0 in cubes of one voxel: NaN says it
        filtered, region, setting = _filtered(image, mask, radiomics, image_name, settings)
        inside = sitk.GetArrayFromImage(region) == 1
        if settings.slices == "largest":
            inside &= _slice_of(region, mask)
        return _computed(filtered, region, setting, class_name, feature, inside, settings)


def _filtered(
    image: sitk.Image,
    mask: sitk.Image,
    radiomics: RadiomicsSettings,
    image_name: str,
    settings: FeatureMapSettings,
) -> tuple[sitk.Image, sitk.Image, dict[str, Any]]:
    """Return the image that the column is computed on, cropped to the tumour, and its settings."""
    from radiomics import imageoperations

    extractor = radiomics.build()
    setting = {
        **extractor.settings,
        "voxelBased": True,
        "kernelRadius": settings.kernel_radius,
        "maskedKernel": settings.masked_kernel,
        "initValue": float("nan"),
    }
    image, mask = extractor.loadImage(image, mask, None, **setting)
    box, corrected = imageoperations.checkMask(image, mask, **setting)
    mask = mask if corrected is None else corrected
    if setting.get("resegmentRange") is not None:
        mask = imageoperations.resegmentMask(image, mask, **setting)
        box, _ = imageoperations.checkMask(image, mask, **setting)
    image_type, own = _image_type(extractor.enabledImagetypes, setting, image_name)
    make = getattr(imageoperations, f"get{image_type}Image")
    for filtered, name, found in make(image, mask, **{**setting, **own}):
        if name == image_name:
            part, region = imageoperations.cropToTumorMask(
                filtered, mask, box, padDistance=settings.kernel_radius
            )
            return part, region, found
    raise ValueError(f"PyRadiomics made no image {image_name!r} (image too small?)")


def _image_type(
    enabled: Mapping[str, Mapping[str, Any]], setting: Mapping[str, Any], image_name: str
) -> tuple[str, dict[str, Any]]:
    """Return the type of image that gives one of that name, and its settings for it alone."""
    for image_type, own in enabled.items():
        if image_name in image_names(image_type, {**setting, **own}):
            if image_type != "LoG":
                return image_type, dict(own)
            widths = {**setting, **own}["sigma"]
            [one] = [s for s in widths if image_names("LoG", {"sigma": [s]}) == [image_name]]
            return image_type, {**own, "sigma": [one]}
    raise ValueError(f"no image type gives {image_name!r}")


def _slice_of(region: sitk.Image, mask: sitk.Image) -> npt.NDArray[np.bool_]:
    """Return the slice of the computed grid that is nearest to the CT's with most of the tumour."""
    axis = slice_axis(mask)
    counts = np.count_nonzero(sitk.GetArrayViewFromImage(mask), axis=tuple({0, 1, 2} - {2 - axis}))
    index = [0, 0, 0]
    index[axis] = int(counts.argmax())
    place = region.TransformPhysicalPointToContinuousIndex(
        mask.TransformIndexToPhysicalPoint(index)
    )[axis]  # PyRadiomics resamples along the image's own axes
    size = region.GetSize()[::-1]
    chosen = np.zeros(size, bool)
    chosen[(slice(None),) * (2 - axis) + (min(int(np.floor(place + 0.5)), size[2 - axis] - 1),)] = 1
    return chosen


def _computed(
    filtered: sitk.Image,
    region: sitk.Image,
    setting: Mapping[str, Any],
    class_name: str,
    feature: str,
    inside: npt.NDArray[np.bool_],
    settings: FeatureMapSettings,
) -> sitk.Image:
    from radiomics import getFeatureClasses

    coordinates = np.array(np.nonzero(inside))
    n = coordinates.shape[1]
    if n > settings.max_voxels:
        raise ExplanationError(
            f"The map would have {n} voxels, more than max_voxels={settings.max_voxels}. Take "
            "slices='largest', or raise max_voxels and wait; radiomics settings with a larger "
            "resampledPixelSpacing have fewer voxels, but are another feature.",
            code="too_many_voxels",
        )
    values = getFeatureClasses()[class_name](filtered, region, **setting)
    values.labelledVoxelCoordinates = coordinates
    size = _bytes_per_voxel(class_name, values, settings.kernel_radius, setting)
    values.settings["voxelBatch"] = int(max(1, settings.memory_mb * 1e6 // size))
    values.enableFeatureByName(feature)
    found: sitk.Image = values.execute()[feature]
    return found


def _bytes_per_voxel(
    class_name: str, values: Any, kernel_radius: int, setting: Mapping[str, Any]
) -> float:
    """Return what PyRadiomics needs for one voxel's cube."""
    cube = (2 * kernel_radius + 1) ** 3
    levels = int(values.coefficients.get("Ng", 1))
    directions = 13 * len(setting.get("distances", [1]))
    longest = int(max(values.imageArray.shape))
    elements = {
        "firstorder": cube + levels,
        "glcm": levels**2 * directions,
        "glrlm": levels * longest * directions,
        "glszm": levels * cube,
        "gldm": levels * (cube + 1),
        "ngtdm": levels * 3,
    }[class_name]
    return 8.0 * _COPIES * max(elements, cube)
