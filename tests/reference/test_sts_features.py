"""The same patients from DICOM and from NIfTI: the same features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import tumor_response as tr

PATIENTS = ("STS_002", "STS_008")  # the two smallest


@pytest.mark.needs("data")
def test_features_do_not_depend_on_the_format(shared_data: Path, tmp_path: Path) -> None:
    sts = shared_data / "sts"
    found = tr.Cohort.from_dicom(sts / "dicom", "GTV.*", index=tmp_path / "index.sqlite")
    from_dicom = tr.Cohort([case for case in found if case.patient_id in PATIENTS])
    # PyRadiomics resamples integers to integers: the voxels have to be of one kind as well
    for name in PATIENTS:
        image = sitk.ReadImage(str(sts / "nifti" / name / "CT_image.nii.gz"))
        sitk.WriteImage(sitk.Cast(image, sitk.sitkInt16), str(tmp_path / f"{name}.nii.gz"))
    rows = [
        {
            "patient_id": name,
            "lesion_id": "GTV_Mass_CT",
            "image": tmp_path / f"{name}.nii.gz",
            "mask": sts / "nifti" / name / "CT_mask.nii.gz",
        }
        for name in PATIENTS
    ]
    from_nifti = tr.Cohort.from_frame(pd.DataFrame(rows))
    extractors = [tr.Radiomics("minimal"), tr.ClinicalFactors(["volume_cc"])]
    one, other = (tr.extract(c, extractors).data for c in (from_dicom, from_nifti))
    columns = [name for name in one if not name.startswith("meta__")]
    assert len(columns) == 108
    # NIfTI keeps spacing and origin in 32 bits; a voxel at the edge of rounding moves by 1 HU
    np.testing.assert_allclose(one[columns], other[columns], rtol=1e-4, atol=1e-6)
    assert (one["clinical__volume_cc"] / other["clinical__volume_cc"]).to_numpy() == pytest.approx(
        1.0, abs=1e-6
    )


@pytest.mark.needs("data")
def test_integers_and_floats_are_resampled_otherwise(shared_data: Path, tmp_path: Path) -> None:
    """What the guide says of mixing them: PyRadiomics resamples integers to integers."""
    folder = shared_data / "sts" / "nifti" / PATIENTS[0]
    image = sitk.ReadImage(str(folder / "CT_image.nii.gz"))
    rows = []
    for name, kind in (("float", sitk.sitkFloat32), ("integer", sitk.sitkInt16)):
        path = tmp_path / f"{name}.nii.gz"
        sitk.WriteImage(sitk.Cast(image, kind), str(path))
        rows.append({"patient_id": name, "image": path, "mask": folder / "CT_mask.nii.gz"})
    table = tr.extract(tr.Cohort.from_frame(pd.DataFrame(rows)), [tr.Radiomics("minimal")])
    features = table.data.filter(like="radiomics__")
    change = (features.iloc[1] / features.iloc[0] - 1).abs()
    assert change.max() > 0.1
