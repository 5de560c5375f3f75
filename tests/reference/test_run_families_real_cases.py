"""Run, zone, dependence and grey tone difference features of real tumours equal PyRadiomics'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics import imageoperations
from radiomics.gldm import RadiomicsGLDM
from radiomics.glrlm import RadiomicsGLRLM
from radiomics.glszm import RadiomicsGLSZM
from radiomics.ngtdm import RadiomicsNGTDM

from tumor_response.features.radiomics.families import gldm, glrlm, glszm, ngtdm
from tumor_response.features.radiomics.settings import quiet_pyradiomics

CASES = {
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd"),
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd"),
    "STS_002": ("sts/nifti/STS_002/CT_image.nii.gz", "sts/nifti/STS_002/CT_mask.nii.gz"),
}


@pytest.mark.needs("data")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "setting",
    [
        {"binWidth": 25},
        {
            "binWidth": 5,
            "force2D": True,
            "distances": [1, 2],
            "gldm_a": 1,
            "weightingNorm": "euclidean",
        },
    ],
    ids=["preset", "planes"],
)
def test_real_tumour(shared_data: Path, case: str, setting: dict[str, Any]) -> None:
    image, mask = (sitk.ReadImage(str(shared_data / path)) for path in CASES[case])
    mask = sitk.Cast(mask != 0, sitk.sitkUInt8)
    mask.CopyInformation(image)
    box, _ = imageoperations.checkMask(image, mask)
    image, mask = imageoperations.cropToTumorMask(image, mask, box)
    inside = sitk.GetArrayFromImage(mask) == 1
    bins, _ = imageoperations.binImage(sitk.GetArrayFromImage(image), inside, **setting)
    levels = np.ascontiguousarray(np.where(inside, bins, 0).astype(np.int32))
    n_levels = int(levels.max())
    spacing_mm = image.GetSpacing()[::-1]
    found = {
        RadiomicsGLRLM: glrlm.pyradiomics_features(levels, n_levels, setting, spacing_mm),
        RadiomicsGLSZM: glszm.pyradiomics_features(levels, n_levels, setting),
        RadiomicsGLDM: gldm.pyradiomics_features(levels, n_levels, setting),
        RadiomicsNGTDM: ngtdm.pyradiomics_features(levels, n_levels, setting),
    }
    for theirs, values in found.items():
        with quiet_pyradiomics():
            expected = theirs(image, mask, **setting).execute()
        assert list(values) == list(expected)
        np.testing.assert_allclose(
            list(values.values()),
            [float(value) for value in expected.values()],
            rtol=1e-6,
            atol=1e-9,
        )
