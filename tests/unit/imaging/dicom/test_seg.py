from __future__ import annotations

import pickle
from itertools import permutations, product

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from tests import dicom_factory as factory
from tests import dicom_factory_rt as factory_rt
from tests.dicom_faults_rt import SIZE, block, ct
from tumor_response.exceptions import CaseError, GeometryError, SettingsError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments, read_segmentation
from tumor_response.imaging.dicom.series.multiframe import StoredFrames
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.geometry import Geometry


def grid_of(files):
    return read_series_geometry([DicomFile(file) for file in files]).grid


def voxels(image):
    return sitk.GetArrayFromImage(image)


def other_block():
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[4:7, 5:9, 2:6] = 1  # overlaps block() and shares slices with it
    return mask


OBLIQUE = (0.96, 0.28, 0.0, -0.224, 0.768, 0.6)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, -1, 0), OBLIQUE])
def test_the_mask_comes_back_on_its_series(kind, orientation, tmp_path):
    series = ct(
        tmp_path, orientation=orientation, origin_mm=(-3.0, 7.0, 11.0), spacing_mm=(0.9, 1.3, 2.5)
    )
    path = factory_rt.seg(tmp_path / "seg.dcm", series, {"GTV": block()}, kind=kind)
    mask = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))
    assert mask.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(voxels(mask), block())
    assert grid_of(series) == Geometry.of(mask)


@pytest.mark.parametrize(
    "transfer_syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEGLSLossless]
)
def test_shares_in_other_encodings(transfer_syntax, tmp_path):
    series = ct(tmp_path)
    shares = block() * np.linspace(0.2, 1, SIZE[0])
    path = factory_rt.seg(
        tmp_path / "seg.dcm",
        series,
        {"GTV": shares},
        kind="FRACTIONAL",
        transfer_syntax=transfer_syntax,
    )
    found = SegSegment(DicomFile(path), 1, "GTV").read_fraction(grid_of(series))
    np.testing.assert_allclose(voxels(found), shares, atol=0.5 / 255 + 1e-6)


def test_overlapping_segments_stay_apart(tmp_path):
    series = ct(tmp_path)
    masks = {"GTVp": block(), "GTVn": other_block()}
    assert (block() & other_block()).any()
    path = factory_rt.seg(tmp_path / "seg.dcm", series, masks)
    for segment in list_segments(DicomFile(path)):
        mask = SegSegment(DicomFile(path), segment.number, segment.label).read(grid_of(series))
        np.testing.assert_array_equal(voxels(mask), masks[segment.label])


def test_one_label_of_a_labelmap(tmp_path):
    series = ct(tmp_path)
    apart = other_block() * (1 - block())
    path = factory_rt.seg(
        tmp_path / "seg.dcm", series, {"GTVp": block(), "GTVn": apart}, kind="LABELMAP"
    )
    mask = SegSegment(DicomFile(path), 2, "GTVn").read(grid_of(series))
    np.testing.assert_array_equal(voxels(mask), apart)


def test_frames_of_no_whole_number_of_bytes(tmp_path):
    series = ct(tmp_path)
    rng = np.random.default_rng(0)
    for columns, rows in [(5, 3), (7, 7), (3, 1), (13, 11)]:
        folder = tmp_path / f"{columns}x{rows}"
        series = factory.ct_series(folder, n_slices=6, size=(columns, rows))
        mask = rng.integers(0, 2, (6, rows, columns)).astype(np.uint8)
        mask[:, 0, 0] = 1
        path = factory_rt.seg(folder.with_suffix(".dcm"), series, {"GTV": mask})
        found = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))
        np.testing.assert_array_equal(voxels(found), mask)


def test_the_same_tumour_on_every_way_to_store_the_same_grid(tmp_path):
    """NIfTI of a series may have its axes flipped and exchanged; SimpleITK is the truth here."""
    series = ct(tmp_path, orientation=OBLIQUE, spacing_mm=(0.9, 1.3, 2.5))
    path = factory_rt.seg(tmp_path / "seg.dcm", series, {"GTV": block()})
    grid = grid_of(series)
    drawn = sitk.GetImageFromArray(block())
    drawn.SetSpacing(grid.spacing_mm)
    drawn.SetOrigin(grid.origin_mm)
    drawn.SetDirection(grid.direction)
    for order, flips in product(permutations(range(3)), product([False, True], repeat=3)):
        stored = sitk.Flip(sitk.PermuteAxes(drawn, order), flips)
        mask = SegSegment(DicomFile(path), 1, "GTV").read(Geometry.of(stored))
        np.testing.assert_array_equal(voxels(mask), voxels(stored))


def test_a_frame_smaller_than_the_image_and_one_larger(tmp_path):
    series = ct(tmp_path)
    part = factory.ct_series(
        tmp_path / "part", n_slices=6, size=(7, 6), origin_mm=(3.0, 2.0, 3.0), frame_uid="2.25.1"
    )
    path = factory_rt.seg(tmp_path / "part.dcm", part, {"GTV": block()[1:7, 2:8, 3:10]})
    mask = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))
    np.testing.assert_array_equal(voxels(mask), block())
    path = factory_rt.seg(tmp_path / "whole.dcm", series, {"GTV": block()}, omit_empty=False)
    mask = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(part))
    np.testing.assert_array_equal(voxels(mask), block()[1:7, 2:8, 3:10])


def test_a_tumour_beyond_the_border_within_the_plane_is_refused(tmp_path):
    series = ct(tmp_path)
    part = factory.ct_series(tmp_path / "part", n_slices=8, size=(6, 10))
    path = factory_rt.seg(tmp_path / "seg.dcm", series, {"GTV": block()})
    with pytest.raises(GeometryError, match=r"frames \(1, 2, 3, 4\).*outside"):
        SegSegment(DicomFile(path), 1, "GTV").read(grid_of(part))


def test_the_order_of_frames_is_of_no_matter(tmp_path):
    series = ct(tmp_path)

    def shuffled(dataset: Dataset) -> None:
        frames = np.frombuffer(dataset.PixelData, np.uint8).reshape(4, -1)
        order = [2, 0, 3, 1]
        dataset.PixelData = frames[order].tobytes()
        dataset.PerFrameFunctionalGroupsSequence = Items(
            [dataset.PerFrameFunctionalGroupsSequence[i] for i in order]
        )

    path = factory_rt.seg(
        tmp_path / "seg.dcm", series, {"GTV": block()}, kind="FRACTIONAL", edit=shuffled
    )
    mask = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))
    np.testing.assert_array_equal(voxels(mask), block())


def test_what_a_frame_says_goes_before_what_all_share(tmp_path):
    series = ct(tmp_path)

    def contradicted(dataset: Dataset) -> None:
        [shared] = dataset.SharedFunctionalGroupsSequence
        for frame in dataset.PerFrameFunctionalGroupsSequence:
            frame.PlaneOrientationSequence = shared.PlaneOrientationSequence
        other = Dataset()
        other.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
        shared.PlaneOrientationSequence = Items([other])

    path = factory_rt.seg(tmp_path / "seg.dcm", series, {"GTV": block()}, edit=contradicted)
    mask = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))
    np.testing.assert_array_equal(voxels(mask), block())


def test_a_segment_without_frames_is_empty(tmp_path):
    series = ct(tmp_path)
    masks = {"GTVp": block(), "gone": np.zeros_like(block())}
    path = factory_rt.seg(tmp_path / "seg.dcm", series, masks)
    assert not voxels(SegSegment(DicomFile(path), 2, "gone").read(grid_of(series))).any()


def test_two_distant_slices_are_told_from_thick_ones_by_the_header(tmp_path):
    series = ct(tmp_path)
    mask = block()
    mask[3:5] = 0  # slices 2 and 5 are left: 9 mm apart

    def unsaid(dataset: Dataset) -> None:
        del dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices

    path = factory_rt.seg(tmp_path / "said.dcm", series, {"GTV": mask})
    found = SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))
    np.testing.assert_array_equal(voxels(found), mask)
    path = factory_rt.seg(tmp_path / "unsaid.dcm", series, {"GTV": mask}, edit=unsaid)
    with pytest.raises(GeometryError, match="more than one slice apart"):
        SegSegment(DicomFile(path), 1, "GTV").read(grid_of(series))


@pytest.mark.parametrize(("threshold", "n"), [(0.25, 4), (0.26, 3), (0.5, 3), (0.75, 2), (1.0, 1)])
def test_a_share_of_the_threshold_is_inside(threshold, n, tmp_path):
    series = ct(tmp_path)
    shares = np.zeros(SIZE[::-1])
    shares[2, 3, 2:6] = (0.25, 0.5, 0.75, 1.0)
    shares[3] = shares[2]
    path = factory_rt.seg(
        tmp_path / "seg.dcm",
        series,
        {"GTV": shares},
        kind="FRACTIONAL",
        largest=4,
        fractional_type="OCCUPANCY",
    )
    segment = SegSegment(DicomFile(path), 1, "GTV", threshold=threshold)
    mask, [finding] = segment.load(grid_of(series))
    assert voxels(mask).sum() == 2 * n
    assert finding.code == "segment_fractional"
    assert f"{2 * n * 0.003:.4g} cc, where the shares add up to 0.015 cc" in finding.message


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01, float("nan")])
def test_a_threshold_out_of_range(threshold, tmp_path):
    with pytest.raises(SettingsError, match="threshold"):
        SegSegment(DicomFile(tmp_path / "seg.dcm"), 1, "GTV", threshold=threshold)


def test_what_a_segmentation_says_of_itself(tmp_path):
    series = ct(tmp_path)
    path = factory_rt.seg(tmp_path / "seg.dcm", series, {"GTVp": block(), "GTVn": other_block()})
    header = read_segmentation(DicomFile(path))
    images = [pydicom.dcmread(file, stop_before_pixels=True) for file in series]
    assert [(s.number, s.label) for s in header.segments] == [(1, "GTVp"), (2, "GTVn")]
    assert header.segments[0].category == "Morphologically Abnormal Structure"
    assert header.segments[0].property_type == "Neoplasm"
    assert header.series_uids == (images[0].SeriesInstanceUID,)
    assert header.sop_instance_uids == tuple(image.SOPInstanceUID for image in images)
    assert header.frame_of_reference_uid == images[0].FrameOfReferenceUID
    assert "SECRET" not in repr(header)


def test_a_mask_source_travels_to_workers(tmp_path):
    segment = SegSegment(DicomFile(tmp_path / "seg.dcm"), 1, "GTV", 0.3)
    assert pickle.loads(pickle.dumps(segment)) == segment
    with pytest.raises(CaseError, match=r"seg\.dcm: no such file") as refused:
        list_segments(segment.file)
    assert refused.value.code == "file_missing"


@given(
    n=st.integers(1, 40),
    columns=st.integers(1, 9),
    rows=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_bits_unpack_as_they_were_packed(n, columns, rows, seed):
    stored = np.random.default_rng(seed).integers(0, 2, (n, rows, columns), dtype=np.uint8)
    dataset = Dataset()
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, n
    dataset.BitsAllocated = 1
    dataset.PixelData = np.packbits(stored.ravel(), bitorder="little").tobytes()
    frames = list(StoredFrames.of(dataset, (1,)).frames(range(n)))
    np.testing.assert_array_equal(frames, stored)
