"""Six sarcoma patients whose contours somebody else has rasterised (IBSI validation set)."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from tumor_response.imaging import Geometry, read_mask
from tumor_response.imaging.dicom.contours.rtstruct import RtstructRoi, read_structures
from tumor_response.imaging.dicom.contours.rtstruct_writer import write_rtstruct
from tumor_response.imaging.dicom.derived import as_series
from tumor_response.imaging.dicom.files import DicomFile

PATIENTS = ("STS_001", "STS_002", "STS_003", "STS_004", "STS_006", "STS_008")

pytestmark = pytest.mark.needs("data")


@pytest.mark.parametrize("patient", PATIENTS)
def test_contours_give_the_mask_to_the_voxel_and_come_back(patient, shared_data, tmp_path):
    folder = shared_data / "sts" / "dicom" / patient / "CT"
    truth = read_mask(shared_data / "sts" / "nifti" / patient / "CT_mask.nii.gz")
    expected = sitk.GetArrayFromImage(truth)
    file = DicomFile(folder / "mask" / "RS.dcm")
    structures = read_structures(file)
    assert [roi.name for roi in structures.rois] == ["GTV_Mass_CT"]
    source = RtstructRoi(file, structures.rois[0].number, "GTV_Mass_CT")

    series = as_series(folder / "image")
    grid = series.geometry()
    # whoever cropped the images gave them new SOP Instance UIDs; series and frame still agree
    image = series.files[0].read()
    assert structures.referenced_series_uid == image.SeriesInstanceUID
    assert structures.frame_of_reference_uids == (image.FrameOfReferenceUID,)
    for one in (grid, Geometry.of(truth)):  # the DICOM series, and the NIfTI with 32-bit floats
        mask, findings = source.load(one)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), expected)
        assert findings == ()

    path = write_rtstruct(tmp_path / "RS.dcm", {"GTV": source.read(grid)}, series)
    back, findings = RtstructRoi(DicomFile(path), 1, "GTV").load(grid)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back), expected)
    assert findings == ()
