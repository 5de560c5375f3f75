"""What PyRadiomics hands to its feature classes, and what the fast engine hands to its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.featureextractor import RadiomicsFeatureExtractor

from tumor_response.features.radiomics.fast.image_types import image_types
from tumor_response.features.radiomics.fast.prepare import prepare
from tumor_response.features.radiomics.settings import quiet_pyradiomics

Seen = list[tuple[str, np.ndarray, np.ndarray, tuple[float, ...]]]


class _Recorder(RadiomicsFeatureExtractor):  # type: ignore[misc]
    """PyRadiomics up to the feature classes: keeps what they would be given."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__({**parameters, "featureClass": {"firstorder": ["Mean"]}})
        self.seen: Seen = []

    def _keep(self, name: str, image: sitk.Image, mask: sitk.Image) -> None:
        inside = sitk.GetArrayFromImage(mask) == 1
        self.seen.append((name, sitk.GetArrayFromImage(image), inside, image.GetSpacing()[::-1]))

    def computeShape(self, image, mask, box, **_):  # noqa: N802
        self._keep("shape", *imageoperations.cropToTumorMask(image, mask, box))
        return {}

    def computeFeatures(self, image, mask, name, **_):  # noqa: N802
        self._keep(name, image, mask)
        return {}


def of_pyradiomics(image: sitk.Image, mask: sitk.Image, parameters: Mapping[str, Any]) -> Seen:
    tolerances = (
        sitk.ProcessObject.GetGlobalDefaultCoordinateTolerance(),
        sitk.ProcessObject.GetGlobalDefaultDirectionTolerance(),
    )
    try:
        with quiet_pyradiomics():
            recorder = _Recorder(parameters)
            recorder.execute(image, mask, label=1)
    finally:
        sitk.ProcessObject.SetGlobalDefaultCoordinateTolerance(tolerances[0])
        sitk.ProcessObject.SetGlobalDefaultDirectionTolerance(tolerances[1])
    return recorder.seen


def of_fast(image: sitk.Image, mask: sitk.Image, parameters: Mapping[str, Any]) -> Seen:
    prepared = prepare(image, mask, parameters["setting"])
    shape = prepared.shape_region
    seen: Seen = [("shape", shape.values, shape.mask, shape.spacing_mm)]
    for name, region in image_types(prepared, parameters):
        values = region.values.astype(region.pixel_type)
        np.testing.assert_array_equal(values.astype(np.float64), region.values)
        seen.append((name, values, region.mask, region.spacing_mm))
    return seen


def assert_same(image: sitk.Image, mask: sitk.Image, parameters: Mapping[str, Any]) -> None:
    """Compare voxel by voxel: to 1e-11 of the image's spread in the region, and the type."""
    theirs = of_pyradiomics(image, mask, parameters)
    ours = of_fast(image, mask, parameters)
    assert [seen[0] for seen in ours] == [seen[0] for seen in theirs]
    for (name, values, inside, spacing), (_, wanted, region, mm) in zip(ours, theirs, strict=True):
        assert name == "shape" or values.dtype == wanted.dtype, name
        np.testing.assert_array_equal(inside, region, err_msg=name)
        np.testing.assert_allclose(spacing, mm, rtol=1e-15, err_msg=name)
        expected = wanted[region].astype(np.float64)
        spread = np.nanmax(np.abs(expected)) if np.isfinite(expected).any() else 0.0
        np.testing.assert_allclose(
            values[inside].astype(np.float64), expected, rtol=0, atol=1e-11 * spread, err_msg=name
        )
