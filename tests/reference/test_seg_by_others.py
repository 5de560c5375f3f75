"""Segmentations against highdicom, which writes and reads them by other ways than ours."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from tests.conftest import data_directory
from tests.dicom_factory import ct_series
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments
from tumor_response.imaging.dicom.segments.seg_writer import write_seg
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.geometry import Geometry

SHAPE = (9, 34, 36)  # slices, rows, columns; GDCM compresses no odd number of pixels
OBLIQUE = (0.96, 0.28, 0.0, -0.224, 0.768, 0.6)


@pytest.fixture(scope="module", params=[(1, 0, 0, 0, 1, 0), OBLIQUE], ids=["axial", "oblique"])
def series(request, tmp_path_factory):
    return ct_series(
        tmp_path_factory.mktemp("ct"),
        n_slices=SHAPE[0],
        size=SHAPE[:0:-1],
        spacing_mm=(0.9, 1.1, 2.5),
        origin_mm=(-17.0, 4.0, 300.0),
        orientation=request.param,
        edit=with_type_2_attributes,
    )


def with_type_2_attributes(dataset, _):
    dataset.ReferringPhysicianName = ""


def grid_of(files):
    return read_series_geometry([DicomFile(file) for file in files]).grid


def masks():
    z, y, x = np.indices(SHAPE)
    ball = ((z - 4) * 2.5) ** 2 + (y - 15) ** 2 + (x - 16) ** 2 < 90
    other = ((z - 5) * 2.5) ** 2 + (y - 19) ** 2 + (x - 20) ** 2 < 60
    return np.stack([ball, other], axis=-1).astype(np.uint8)


def described(n):
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    return [
        SegmentDescription(
            segment_number=number,
            segment_label=f"lesion {number}",
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Neoplasm,
            algorithm_type="MANUAL",
        )
        for number in range(1, n + 1)
    ]


def by_highdicom(path, series, voxels, **options):
    from highdicom.seg import Segmentation
    from highdicom.uid import UID

    Segmentation(
        source_images=[pydicom.dcmread(file) for file in series],
        pixel_array=voxels.copy(),  # highdicom scales shares of 0 and 1 in place
        segment_descriptions=described(2),
        series_instance_uid=UID(),
        series_number=1,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
        **options,
    ).save_as(path)
    return path


RLE, JPEG_LS = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.80",
)


@pytest.mark.parametrize(
    ("kind", "syntax"),
    [
        ("BINARY", "1.2.840.10008.1.2.1"),
        ("BINARY", "1.2.840.10008.1.2"),
        ("FRACTIONAL", "1.2.840.10008.1.2.1"),
        ("FRACTIONAL", RLE),
        ("FRACTIONAL", JPEG_LS),
        ("LABELMAP", "1.2.840.10008.1.2.1"),
        ("LABELMAP", RLE),
    ],
)
def test_what_highdicom_wrote_is_read(kind, syntax, series, tmp_path):
    voxels = masks()
    if kind == "LABELMAP":
        voxels[..., 1] *= 1 - voxels[..., 0]
    path = by_highdicom(
        tmp_path / "seg.dcm", series, voxels, segmentation_type=kind, transfer_syntax_uid=syntax
    )
    for segment in list_segments(DicomFile(path)):
        mask = SegSegment(DicomFile(path), segment.number, segment.label).read(grid_of(series))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), voxels[..., segment.number - 1])


def test_highdicom_reads_the_same_shares(series, tmp_path):
    shares = masks() * np.random.default_rng(0).random((*SHAPE, 2)).astype(np.float32)
    path = by_highdicom(tmp_path / "seg.dcm", series, shares, segmentation_type="FRACTIONAL")
    for number in (1, 2):
        found = SegSegment(DicomFile(path), number, "").read_fraction(grid_of(series))
        np.testing.assert_allclose(
            sitk.GetArrayFromImage(found), shares[..., number - 1], atol=0.5 / 255 + 1e-6
        )


@pytest.mark.parametrize("fractional", [None, "PROBABILITY"])
def test_highdicom_reads_what_was_written(fractional, series, tmp_path):
    from highdicom.seg import segread

    grid = grid_of(series)
    voxels = masks()
    images = {}
    for number in (1, 2):
        image = sitk.GetImageFromArray(voxels[..., number - 1])
        image.SetSpacing(grid.spacing_mm)
        image.SetOrigin(grid.origin_mm)
        image.SetDirection(grid.direction)
        images[f"lesion {number}"] = image
    path = write_seg(tmp_path / "seg.dcm", images, series, fractional=fractional)
    segmentation = segread(path)
    assert [segment.label for segment in list_segments(DicomFile(path))] == list(images)
    uids = [pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in series]
    found = segmentation.get_pixels_by_source_instance(uids, ignore_spatial_locations=False)
    np.testing.assert_array_equal(found, voxels)
    # and where it puts the first and last drawn voxel in the patient, without the source images
    volume = segmentation.get_volume()
    drawn = np.argwhere(volume.array[..., 0] > 0)
    places = volume.map_indices_to_reference(drawn[[0, -1]])
    ours = np.argwhere(voxels[..., 0])
    image = images["lesion 1"]
    expected = {
        tuple(np.round(image.TransformIndexToPhysicalPoint(zyx[::-1].tolist()), 3)) for zyx in ours
    }
    assert len(drawn) == len(ours)
    assert {tuple(np.round(place, 3)) for place in places} <= expected


@pytest.mark.needs("data")
@pytest.mark.parametrize("patient", [f"STS_{n:03d}" for n in (1, 2, 3, 4, 6, 8)])
def test_a_sarcoma_there_and_back(patient, tmp_path):
    """From the NIfTI mask to a SEG of the DICOM series, and back on the NIfTI's own grid."""
    folder = data_directory() / "sts"
    stored = sitk.ReadImage(str(folder / "nifti" / patient / "CT_mask.nii.gz"))
    mask = sitk.Cast(stored > 0, sitk.sitkUInt8)
    path = write_seg(
        tmp_path / "seg.dcm", {"GTV": mask}, folder / "dicom" / patient / "CT" / "image"
    )
    found = SegSegment(DicomFile(path), 1, "GTV").read(Geometry.of(mask))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(mask))
