"""Six real CT series against the NIfTI files of the same images, and against SimpleITK.

The NIfTI files were converted by others (IBSI validation set). They keep floats of 32 bits for
the voxel grid, so that positions agree to some 1e-5 mm and not to the last bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from tumor_response.imaging import Geometry
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import read_series, read_series_geometry

PATIENTS = ("STS_001", "STS_002", "STS_003", "STS_004", "STS_006", "STS_008")

pytestmark = pytest.mark.needs("data")


@pytest.mark.parametrize("patient", PATIENTS)
def test_series_equals_its_nifti_and_simpleitk(shared_data: Path, patient: str):
    folder = shared_data / "sts" / "dicom" / patient / "CT" / "image"
    files = [DicomFile(path) for path in sorted(folder.glob("*.dcm"))]
    ours = read_series(files)
    nifti = sitk.ReadImage(str(shared_data / "sts" / "nifti" / patient / "CT_image.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ours.image), sitk.GetArrayFromImage(nifti))
    grid = Geometry.of(ours.image)
    assert grid.corner_distance_mm(Geometry.of(nifti)) < 1e-4
    assert read_series_geometry(files).grid == grid
    assert ours.findings == ()
    assert ours.image.GetPixelID() == sitk.sitkInt16

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    theirs = reader.Execute()
    np.testing.assert_array_equal(
        sitk.GetArrayFromImage(ours.image), sitk.GetArrayFromImage(theirs)
    )
    assert grid.corner_distance_mm(Geometry.of(theirs)) < 1e-9
