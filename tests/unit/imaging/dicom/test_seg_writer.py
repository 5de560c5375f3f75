from __future__ import annotations

import datetime as dt

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import dicom_factory as factory
from tests.dicom_faults_rt import SIZE, block, ct
from tumor_response.exceptions import CaseError, GeometryError, SettingsError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments, read_segmentation
from tumor_response.imaging.dicom.segments.seg_writer import write_seg
from tumor_response.imaging.dicom.series.series import DicomSeries, read_series_geometry

WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return ct(tmp_path_factory.mktemp("series"), origin_mm=(-5.5, 3.25, 100.0))


def grid_of(files):
    return read_series_geometry([DicomFile(file) for file in files]).grid


def on(files, voxels):
    grid = grid_of(files)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image


def back(path, files, number=1):
    mask = SegSegment(DicomFile(path), number, "").read(grid_of(files))
    return sitk.GetArrayFromImage(mask)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), filled=st.floats(0.01, 0.9))
def test_any_masks_come_back_bit_by_bit(series, tmp_path_factory, seed, filled):
    rng = np.random.default_rng(seed)
    masks = {name: (rng.random(SIZE[::-1]) < filled).astype(np.uint8) for name in ("GTVp", "GTVn")}
    for mask in masks.values():
        mask[rng.integers(SIZE[2]), 0, 0] = 1
    path = tmp_path_factory.mktemp("seg") / "seg.dcm"
    write_seg(path, {name: on(series, mask) for name, mask in masks.items()}, series)
    for segment in list_segments(DicomFile(path)):
        np.testing.assert_array_equal(
            back(path, series, segment.number), masks[segment.label], strict=True
        )


@pytest.mark.parametrize(
    "orientation", [(-1, 0, 0, 0, -1, 0), (1, 0, 0, 0, -1, 0), (0, 1, 0, 0, 0, -1)]
)
def test_other_orientations(orientation, tmp_path):
    files = ct(tmp_path, orientation=orientation)
    write_seg(tmp_path / "seg.dcm", {"GTV": on(files, block())}, files[::-1])
    np.testing.assert_array_equal(back(tmp_path / "seg.dcm", files), block())


@pytest.mark.parametrize("fractional", ["PROBABILITY", "OCCUPANCY"])
def test_shares_come_back_to_half_a_step(series, tmp_path, fractional):
    shares = np.random.default_rng(1).random(SIZE[::-1]).astype(np.float32)
    path = write_seg(
        tmp_path / "seg.dcm", {"GTV": on(series, shares)}, series, fractional=fractional
    )
    assert read_segmentation(DicomFile(path)).fractional_type == fractional
    found = SegSegment(DicomFile(path), 1, "GTV").read_fraction(grid_of(series))
    np.testing.assert_allclose(sitk.GetArrayFromImage(found), shares, atol=0.5 / 255 + 1e-6)


def test_the_folder_the_files_and_the_series_are_the_same(series, tmp_path):
    masks = {"GTV": on(series, block())}
    given_as = [
        series[0].parent,
        str(series[0].parent),
        series[::-1],
        DicomSeries(tuple(DicomFile(file) for file in series)),
    ]
    written = [
        write_seg(tmp_path / f"{i}.dcm", masks, one, written=WRITTEN, uid_seed="same").read_bytes()
        for i, one in enumerate(given_as)
    ]
    assert len(set(written)) == 1


def test_what_else_lies_in_the_folder_is_passed_over(tmp_path):
    files = ct(tmp_path)
    folder = files[0].parent
    (folder / "notes.txt").write_text("drawn twice")
    square = np.array([[4, 4, 6], [8, 4, 6], [8, 8, 6]], float)
    factory.rtstruct(folder / "rs.dcm", files, {"GTV": [square]})
    path = write_seg(folder / "seg.dcm", {"GTV": on(files, block())}, folder)
    np.testing.assert_array_equal(back(path, files), block())


def test_it_is_filed_with_the_series_and_refers_to_the_images_of_its_frames(series, tmp_path):
    path = write_seg(
        tmp_path / "seg.dcm", {"GTV": on(series, block())}, series, algorithm="a model 1.0"
    )
    written = pydicom.dcmread(path)
    images = [pydicom.dcmread(file) for file in series]
    same = ["PatientID", "PatientName", "PatientBirthDate", "StudyInstanceUID", "StudyDate"]
    for keyword in [*same, "AccessionNumber", "FrameOfReferenceUID"]:
        assert written[keyword].value == images[0][keyword].value
    assert written.Modality == "SEG"
    assert written.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    assert written.SegmentSequence[0].SegmentAlgorithmName == "a model 1.0"
    header = read_segmentation(DicomFile(path))
    assert set(header.sop_instance_uids) == {str(image.SOPInstanceUID) for image in images}
    # the nth image of this sequence is taken for that of the nth frame by some viewers
    assert "SourceImageSequence" not in written
    positions = {image.SOPInstanceUID: image.ImagePositionPatient for image in images}
    referred = set()
    for frame in written.PerFrameFunctionalGroupsSequence:
        [source] = frame.DerivationImageSequence[0].SourceImageSequence
        at = frame.PlanePositionSequence[0].ImagePositionPatient
        assert at == positions[source.ReferencedSOPInstanceUID]
        referred.add(source.ReferencedSOPInstanceUID)
    assert referred == {image.SOPInstanceUID for image in images[2:6]}


def test_a_patient_whose_name_is_no_name_by_the_standard(tmp_path):
    def odd(dataset, _):
        dataset.PatientName = "Jos\u00e9^Mar\u00eda"
        dataset.StudyDate = ""

    files = ct(tmp_path, edit=odd)
    path = write_seg(tmp_path / "seg.dcm", {"GTV": on(files, block())}, files)
    assert str(pydicom.dcmread(path).PatientName) == "Jos\u00e9^Mar\u00eda"


def test_a_seed_gives_the_same_bytes_and_another_mask_or_label_another_object(series, tmp_path):
    def wrote(name, label, mask, **options):
        image = on(series, mask)
        path = tmp_path / name
        return write_seg(path, {label: image}, series, written=WRITTEN, **options).read_bytes()

    first = wrote("1.dcm", "GTV", block(), uid_seed="s")
    assert wrote("2.dcm", "GTV", block(), uid_seed="s") == first
    moved = np.roll(block(), 1, axis=2)
    wrote("3.dcm", "GTV", moved, uid_seed="s")
    wrote("4.dcm", "GTVp", block(), uid_seed="s")
    wrote("5.dcm", "GTV", block(), uid_seed="t")
    wrote("6.dcm", "GTV", block())
    wrote("7.dcm", "GTV", block())
    written = [pydicom.dcmread(tmp_path / f"{i}.dcm") for i in (1, 3, 4, 5, 6, 7)]
    assert len({dataset.SOPInstanceUID for dataset in written}) == 6
    assert len({dataset.SeriesInstanceUID for dataset in written}) == 6


def test_nothing_is_written_over_unless_that_is_asked_for(series, tmp_path):
    path = tmp_path / "seg.dcm"
    path.write_bytes(b"mine")
    masks = {"GTV": on(series, block())}
    with pytest.raises(SettingsError, match="is there already"):
        write_seg(path, masks, series)
    assert path.read_bytes() == b"mine"
    write_seg(path, masks, series, overwrite=True)
    np.testing.assert_array_equal(back(path, series), block())
    assert list(tmp_path.iterdir()) == [path]


def test_a_mask_of_several_labels_is_no_union(series, tmp_path):
    with pytest.raises(CaseError) as refused:
        write_seg(tmp_path / "seg.dcm", {"GTV": on(series, block() * 2)}, series)
    assert refused.value.code == "mask_not_integer"


def test_a_series_of_multi_frame_objects_is_refused(series, tmp_path):
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    enhanced = LegacyConvertedEnhancedCTImage(
        [pydicom.dcmread(file) for file in series], "2.25.1", 1, "2.25.2", 1
    )
    enhanced.save_as(tmp_path / "enhanced.dcm")
    with pytest.raises(CaseError) as refused:
        write_seg(tmp_path / "seg.dcm", {"GTV": on(series, block())}, [tmp_path / "enhanced.dcm"])
    assert refused.value.code == "multi_frame"


def test_a_failed_write_leaves_nothing(series, tmp_path, monkeypatch):
    def full(self, path, **_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pydicom.Dataset, "save_as", full)
    with pytest.raises(OSError, match="No space"):
        write_seg(tmp_path / "seg.dcm", {"GTV": on(series, block())}, series)
    assert list(tmp_path.iterdir()) == []


def test_another_grid_is_refused(series, tmp_path):
    mask = on(series, block())
    mask.SetOrigin((0.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="'GTV' does not lie on the image's grid"):
        write_seg(tmp_path / "seg.dcm", {"GTV": mask}, series)


def test_an_empty_mask_is_refused(series, tmp_path):
    empty = on(series, np.zeros(SIZE[::-1], np.uint8))
    faint = on(series, np.full(SIZE[::-1], 0.001, np.float32))
    for mask, fractional in ((empty, None), (empty, "PROBABILITY"), (faint, "PROBABILITY")):
        with pytest.raises(CaseError) as refused:
            write_seg(tmp_path / "seg.dcm", {"GTV": mask}, series, fractional=fractional)
        assert refused.value.code == "mask_empty"


def test_a_label_in_any_script(series, tmp_path):
    path = write_seg(tmp_path / "seg.dcm", {"Tumör 腫瘍": on(series, block())}, series)
    assert [segment.label for segment in list_segments(DicomFile(path))] == ["Tumör 腫瘍"]


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_shares_lie_between_0_and_1(series, tmp_path, value):
    shares = np.full(SIZE[::-1], 0.5, np.float32)
    shares[0, 0, 0] = value
    with pytest.raises(CaseError) as refused:
        write_seg(tmp_path / "seg.dcm", {"GTV": on(series, shares)}, series, fractional="OCCUPANCY")
    assert refused.value.code == "mask_not_share"


@pytest.mark.parametrize("labels", [[], [""], ["x" * 65], ["a\\b"]])
def test_labels_that_no_segment_can_have(series, tmp_path, labels):
    masks = {label: on(series, block()) for label in labels}
    with pytest.raises(SettingsError, match="write_seg"):
        write_seg(tmp_path / "seg.dcm", masks, series)


def test_a_misspelt_kind_of_share(series, tmp_path):
    with pytest.raises(SettingsError, match="fractional=True"):
        write_seg(tmp_path / "seg.dcm", {"GTV": on(series, block())}, series, fractional=True)
