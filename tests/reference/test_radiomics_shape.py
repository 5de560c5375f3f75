"""The fast shape features are PyRadiomics' on real outlines."""

import numpy as np
import pytest
import SimpleITK as sitk
from radiomics.shape import RadiomicsShape

from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.fast.shape import shape_features
from tumor_response.features.radiomics.settings import quiet_pyradiomics


@pytest.mark.needs("data")
@pytest.mark.parametrize(
    "path",
    [
        "pyradiomics/lung1_label.nrrd",
        "pyradiomics/lung2_label.nrrd",
        "sts/nifti/STS_002/CT_mask.nii.gz",
        "open_kbp/pt_202/PTV70.nii.gz",
        "open_kbp/pt_208/PTV70.nii.gz",
    ],
)
def test_real_outline(shared_data, path):
    mask = sitk.ReadImage(str(shared_data / path)) != 0
    measure = sitk.LabelShapeStatisticsImageFilter()
    measure.Execute(mask)
    box = measure.GetBoundingBox(1)
    mask = sitk.RegionOfInterest(mask, box[3:], box[:3])
    array = sitk.GetArrayFromImage(mask).astype(bool)
    ours = shape_features(Region(np.zeros(array.shape), array, mask.GetSpacing()[::-1]))
    with quiet_pyradiomics():
        theirs = RadiomicsShape(mask, mask, label=1).execute()
    assert len(theirs) == 14
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(float(value), rel=1e-9), name
