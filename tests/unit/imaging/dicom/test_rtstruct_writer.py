"""Masks to structure sets and back."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from tests import dicom_factory as factory
from tests.dicom_factory import phantom
from tumor_response.exceptions import CaseError, GeometryError, SettingsError
from tumor_response.imaging import Geometry
from tumor_response.imaging.dicom.contours.rtstruct import RtstructRoi, read_structures
from tumor_response.imaging.dicom.contours.rtstruct_writer import write_rtstruct
from tumor_response.imaging.dicom.derived import set_text
from tumor_response.imaging.dicom.files import DicomFile, text
from tumor_response.imaging.dicom.series.series import DicomSeries

OBLIQUE = (0.96, 0.28, 0.0, -0.224, 0.768, 0.6)


@pytest.fixture
def ct(tmp_path):
    return factory.ct_series(tmp_path / "ct")


def series_of(files) -> DicomSeries:
    return DicomSeries(tuple(DicomFile(f) for f in files))


def mask_on(grid: Geometry, inside: np.ndarray) -> sitk.Image:
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing(grid.spacing_mm)
    mask.SetOrigin(grid.origin_mm)
    mask.SetDirection(grid.direction)
    return mask


def ellipsoid(grid: Geometry, centre=(15.3, 16.2, 4.4), radii=(10.0, 7.0, 3.9)) -> np.ndarray:
    z, y, x = np.indices(grid.size[::-1])
    distance = [(a - c) / r for a, c, r in zip((x, y, z), centre, radii, strict=True)]
    return np.sum(np.square(distance), axis=0) <= 1


def shell_with_core(grid: Geometry) -> np.ndarray:
    """Holes, an island in the hole, pixels that touch at corners alone, and a gap."""
    inside = ellipsoid(grid, radii=(12.0, 12.0, 4.2)) & ~ellipsoid(grid, radii=(8.0, 8.0, 3.0))
    inside |= ellipsoid(grid, radii=(4.0, 4.0, 2.0))
    inside[4, ::2, 1::2] ^= True
    inside[6] = False
    return inside


@pytest.mark.parametrize("shape", [ellipsoid, shell_with_core])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"orientation": OBLIQUE},
        {"orientation": (-1, 0, 0, 0, 1, 0), "origin_mm": (50, -7, 900)},
    ],
    ids=["axial", "oblique", "feet first"],
)
def test_a_mask_comes_back_to_the_voxel(shape, options, tmp_path):
    series = series_of(factory.ct_series(tmp_path / "ct", **options))
    grid = series.geometry()
    inside = shape(grid)
    path = write_rtstruct(tmp_path / "RS.dcm", {"GTV": mask_on(grid, inside)}, series)
    back, findings = RtstructRoi(DicomFile(path), 1, "GTV").load(grid)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back).astype(bool), inside)
    # the file says itself that its gaps are gaps
    assert {f.code for f in findings} == ({"contour_gap"} if shape is shell_with_core else set())
    assert {f.severity for f in findings} <= {"info"}


def test_the_contours_enclose_the_volume_of_the_voxels(ct, tmp_path):
    """As a planning system measures it: area of the polygons by slice spacing."""
    series = series_of(ct)
    inside = shell_with_core(series.geometry())
    path = write_rtstruct(tmp_path / "RS.dcm", {"GTV": mask_on(series.geometry(), inside)}, series)
    area = 0.0
    for item in pydicom.dcmread(path).ROIContourSequence[0].ContourSequence:
        x, y, _ = np.array(item.ContourData, float).reshape(-1, 3).T
        area += abs(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    assert area * 3.0 == pytest.approx(inside.sum() * 3.0)


def test_every_mandatory_attribute_is_there(ct, tmp_path):
    grid = series_of(ct).geometry()
    masks = {"GTVp": mask_on(grid, ellipsoid(grid)), "GTVn": mask_on(grid, ~ellipsoid(grid))}
    path = write_rtstruct(
        tmp_path / "RS.dcm",
        masks,
        tmp_path / "ct",
        label="follow-up",
        interpreted_types={"GTVp": "GTV"},
        colours={"GTVn": (1, 2, 3)},
        written=dt.datetime(2024, 5, 6, 7, 8, 9),
    )
    dataset, image = pydicom.dcmread(path), pydicom.dcmread(ct[0])
    type_1 = (
        "SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality StructureSetLabel"
    )
    type_2 = (
        "PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime StudyID "
        "ReferringPhysicianName AccessionNumber SeriesNumber OperatorsName Manufacturer "
        "StructureSetDate StructureSetTime"
    )
    assert all(dataset.get(keyword) for keyword in type_1.split())
    assert all(keyword in dataset for keyword in type_2.split())
    for same in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyID"):
        assert dataset[same].value == image[same].value
    assert dataset.FrameOfReferenceUID == image.FrameOfReferenceUID
    assert dataset.SeriesInstanceUID != image.SeriesInstanceUID
    assert (dataset.StructureSetDate, dataset.StructureSetTime) == ("20240506", "070809")
    first, second = dataset.ROIContourSequence
    assert list(second.ROIDisplayColor) == [1, 2, 3]
    assert [o.RTROIInterpretedType for o in dataset.RTROIObservationsSequence] == ["GTV", ""]
    for item in first.ContourSequence:
        assert item.ContourGeometricType == "CLOSED_PLANAR"
        assert item.NumberOfContourPoints * 3 == len(item.ContourData)
        assert all(len(str(value)) <= 16 for value in item.ContourData)
        z = float(item.ContourData[2])
        named = item.ContourImageSequence[0].ReferencedSOPInstanceUID
        assert named == pydicom.dcmread(ct[round(z / 3)]).SOPInstanceUID
    found = read_structures(DicomFile(path))
    assert [roi.name for roi in found.rois] == ["GTVp", "GTVn"]
    assert found.referenced_series_uid == image.SeriesInstanceUID
    assert len(found.referenced_sop_uids) == len(ct)


def test_a_series_may_be_a_folder_with_other_objects_beside_it(ct, tmp_path):
    grid = series_of(ct).geometry()
    masks = {"GTV": mask_on(grid, ellipsoid(grid))}
    write_rtstruct(tmp_path / "ct" / "RS.dcm", masks, ct)
    (tmp_path / "ct" / "notes.txt").write_text("no DICOM")
    assert write_rtstruct(tmp_path / "RS2.dcm", masks, str(tmp_path / "ct")).is_file()


def test_the_same_seed_gives_the_same_bytes_and_none_fresh_uids(ct, tmp_path):
    grid = series_of(ct).geometry()
    masks = {"GTV": mask_on(grid, ellipsoid(grid))}
    when = dt.datetime(2024, 5, 6)

    def written(name: str, seed: str | None) -> bytes:
        return write_rtstruct(tmp_path / name, masks, ct, written=when, uid_seed=seed).read_bytes()

    assert written("a", "seed") == written("b", "seed")
    assert written("c", "other") != written("a2", "seed")
    one, other = (pydicom.dcmread(tmp_path / n) for n in "ac")
    assert one.SOPInstanceUID != other.SOPInstanceUID
    written("d", None), written("e", None)
    fresh, again = (pydicom.dcmread(tmp_path / n) for n in "de")
    assert fresh.SOPInstanceUID != again.SOPInstanceUID


def test_a_name_in_another_alphabet_and_over_long_identifiers_are_kept(tmp_path):
    def edit(dataset: Dataset, k: int) -> None:
        dataset.PatientName = "Größe^Jürgen"
        set_text(dataset, "StudyID", "longer than its 16 characters")

    ct = factory.ct_series(tmp_path / "ct", edit=edit)
    grid = series_of(ct).geometry()
    masks = {"腫瘍": mask_on(grid, ellipsoid(grid))}
    dataset = DicomFile(write_rtstruct(tmp_path / "RS.dcm", masks, ct)).read()
    assert text(dataset, "PatientName") == "Größe^Jürgen"
    assert text(dataset, "StudyID") == "longer than its 16 characters"
    assert dataset.StructureSetROISequence[0].ROIName == "腫瘍"


def test_a_contour_too_long_for_explicit_vr_is_written_and_read(tmp_path):
    """65,534 bytes are some 2,000 points: a comb of 200 teeth on a 512 x 512 slice."""
    voxels = np.zeros((2, 512, 512), np.int32)
    series = series_of(factory.ct_series(tmp_path / "ct", voxels=voxels))
    grid = series.geometry()
    inside = np.zeros(grid.size[::-1], bool)
    inside[:, 10:500, 10:500:2] = inside[:, 10, 10:500] = True
    path = write_rtstruct(tmp_path / "RS.dcm", {"comb": mask_on(grid, inside)}, series)
    item = pydicom.dcmread(path).ROIContourSequence[0].ContourSequence[0]
    assert len(item.get_item("ContourData").value) > 0
    back = RtstructRoi(DicomFile(path), 1, "comb").read(grid)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back).astype(bool), inside)


def refused(code: str, error: type[Exception] = CaseError):
    return pytest.raises(error, check=lambda e: e.code == code)


def test_masks_that_cannot_be_drawn_are_refused(ct, tmp_path):
    grid = series_of(ct).geometry()
    inside = ellipsoid(grid)
    target = tmp_path / "RS.dcm"
    with refused("mask_empty"):
        write_rtstruct(target, {"GTV": mask_on(grid, inside & False)}, ct)
    with refused("mask_not_integer"):
        write_rtstruct(target, {"GTV": mask_on(grid, inside * 2)}, ct)
    with refused("geometry_mismatch", GeometryError):
        shifted = mask_on(grid, inside)
        shifted.SetOrigin((0.5, 0.0, 0.0))
        write_rtstruct(target, {"GTV": shifted}, ct)
    with refused("not_3d"):
        write_rtstruct(target, {"GTV": mask_on(grid, inside)[:, :, 3]}, ct)
    assert list(tmp_path.iterdir()) == [tmp_path / "ct"]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"label": "x" * 17}, "label"),
        ({"label": ""}, "label"),
        ({"interpreted_types": {"CTV": "CTV"}}, "names 'CTV', which is none of the masks"),
        ({"interpreted_types": {"GTV": "gtv"}}, "interpreted type 'gtv'"),
        ({"colours": {"GTV": (0, 0, 256)}}, "0 to 255"),
        ({"colours": {"GTV": (0, 0)}}, "three whole numbers"),
    ],
)
def test_settings_that_the_format_cannot_hold_are_refused(settings, fault, ct, tmp_path):
    grid = series_of(ct).geometry()
    with pytest.raises(SettingsError, match=fault):
        write_rtstruct(tmp_path / "RS", {"GTV": mask_on(grid, ellipsoid(grid))}, ct, **settings)


@pytest.mark.parametrize("name", ["", " GTV", "GTV\\1", "GTV\n", "x" * 65])
def test_names_that_the_format_cannot_hold_are_refused(name, ct, tmp_path):
    grid = series_of(ct).geometry()
    with pytest.raises(SettingsError, match="structure name"):
        write_rtstruct(tmp_path / "RS.dcm", {name: mask_on(grid, ellipsoid(grid))}, ct)


def test_no_masks_are_refused(ct, tmp_path):
    with pytest.raises(SettingsError, match="at least one"):
        write_rtstruct(tmp_path / "RS.dcm", {}, ct)


def test_a_file_that_is_there_stays_unless_told_otherwise(ct, tmp_path):
    grid = series_of(ct).geometry()
    masks = {"GTV": mask_on(grid, ellipsoid(grid))}
    target = tmp_path / "RS.dcm"
    target.write_bytes(b"precious")
    with pytest.raises(SettingsError, match="overwrite=True"):
        write_rtstruct(target, masks, ct)
    assert target.read_bytes() == b"precious"
    write_rtstruct(target, masks, ct, overwrite=True)
    assert pydicom.dcmread(target).Modality == "RTSTRUCT"
    with pytest.raises(SettingsError, match="in a folder that exists"):
        write_rtstruct(tmp_path / "nowhere" / "RS.dcm", masks, ct)


def test_a_write_that_fails_leaves_what_was_there(ct, tmp_path, monkeypatch):
    grid = series_of(ct).geometry()
    target = tmp_path / "RS.dcm"
    target.write_bytes(b"precious")

    def full(self, file, **_):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Dataset, "save_as", full)
    with pytest.raises(OSError, match="disk full"):
        write_rtstruct(target, {"GTV": mask_on(grid, ellipsoid(grid))}, ct, overwrite=True)
    assert target.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["RS.dcm", "ct"]


def test_a_folder_has_to_hold_one_series(ct, tmp_path):
    grid = series_of(ct).geometry()
    masks = {"GTV": mask_on(grid, ellipsoid(grid))}
    factory.ct_series(tmp_path / "ct2", series_number=2, voxels=phantom((3, 8, 8)))
    with refused("series_ambiguous"):
        write_rtstruct(tmp_path / "RS.dcm", masks, tmp_path)
    (tmp_path / "empty").mkdir()
    for nothing in ("empty", "nowhere"):
        with refused("series_missing"):
            write_rtstruct(tmp_path / "RS.dcm", masks, tmp_path / nothing)


def test_a_series_without_a_frame_of_reference_is_refused(tmp_path):
    def edit(dataset: Dataset, k: int) -> None:
        del dataset.FrameOfReferenceUID

    ct = factory.ct_series(tmp_path / "ct", edit=edit)
    grid = series_of(ct).geometry()
    with refused("frame_of_reference_missing"):
        write_rtstruct(tmp_path / "RS.dcm", {"GTV": mask_on(grid, ellipsoid(grid))}, ct)
