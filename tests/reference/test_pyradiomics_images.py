"""Resampled and filtered images of real cases, against PyRadiomics' own, voxel by voxel."""

from __future__ import annotations

import pytest
import SimpleITK as sitk

from tests.unit.features.radiomics.fast.referee import assert_same

IMAGES = {"Original": {}, "LoG": {"sigma": [1.0, 5.0]}, "Wavelet": {}}

CASES = {
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd"),
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd"),
    "STS_002": ("sts/nifti/STS_002/CT_image.nii.gz", "sts/nifti/STS_002/CT_mask.nii.gz"),
    "pt_202": ("open_kbp/pt_202/CT.nii.gz", "open_kbp/pt_202/PTV70.nii.gz"),
}


@pytest.mark.needs("data")
@pytest.mark.parametrize(
    ("case", "spacing"),
    [("lung1", 1.0), ("lung2", 1.0), ("STS_002", 1.0), ("pt_202", 2.0), ("pt_202", None)],
)
def test_images_are_those_of_pyradiomics(case, spacing, shared_data):
    image, mask = (sitk.ReadImage(str(shared_data / path)) for path in CASES[case])
    setting = {} if spacing is None else {"resampledPixelSpacing": [spacing] * 3}
    mask = sitk.Cast(mask == 1, sitk.sitkUInt8)
    assert_same(image, mask, {"imageType": IMAGES, "setting": {"additionalInfo": False, **setting}})
