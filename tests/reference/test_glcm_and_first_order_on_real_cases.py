"""Bins, first-order and co-occurrence features equal PyRadiomics' on the lung CTs."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.firstorder import RadiomicsFirstOrder
from radiomics.glcm import RadiomicsGLCM

from tumor_response.features.radiomics.families import first_order, glcm
from tumor_response.features.radiomics.fast.discretise import discretise
from tumor_response.features.radiomics.fast.region import Region

logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)


@pytest.mark.needs("data")
@pytest.mark.parametrize("width", [25, 3])
@pytest.mark.parametrize("case", ["lung1", "lung2"])
def test_lung(shared_data: Path, case: str, width: int) -> None:
    image = sitk.ReadImage(str(shared_data / "pyradiomics" / f"{case}_image.nrrd"))
    label = sitk.ReadImage(str(shared_data / "pyradiomics" / f"{case}_label.nrrd"))
    label.CopyInformation(image)
    # the image itself (int16) and one filtered in float32, as PyRadiomics has them
    laplacian = sitk.LaplacianRecursiveGaussian(image, sigma=2.0)
    bounds, _ = imageoperations.checkMask(image, label)
    laplacian, _ = imageoperations.cropToTumorMask(laplacian, label, bounds)
    image, label = imageoperations.cropToTumorMask(image, label, bounds)
    mask = sitk.GetArrayFromImage(label) == 1
    spacing_mm = image.GetSpacing()[::-1]
    for volume in (image, laplacian):
        values = sitk.GetArrayFromImage(volume)
        region = Region(values.astype(np.float64), mask, spacing_mm, values.dtype)
        setting = {"binWidth": width}
        binned = discretise(region, setting, region.pixel_type)
        theirs, _ = imageoperations.binImage(values, mask, **setting)
        assert np.array_equal(binned.levels, theirs)
        found = {
            **first_order.pyradiomics_features(
                region.values[mask], setting, binned, region.voxel_volume_mm3
            ),
            **glcm.pyradiomics_features(binned.levels, binned.n_levels, setting, spacing_mm),
        }
        for room in (RadiomicsFirstOrder, RadiomicsGLCM):
            for name, value in room(volume, label, **setting).execute().items():
                assert found[name] == pytest.approx(float(value), rel=1e-9, abs=1e-9), name
