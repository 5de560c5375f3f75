"""A regular series is read exactly, however it is written; SimpleITK is the other witness."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests import dicom_factory as factory
from tests import dicom_faults
from tests.dicom_faults import put, words
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import (
    DicomSeries,
    SeriesImage,
    read_series,
    read_series_geometry,
)
from tumor_response.imaging.geometry import Geometry

SYNTAXES = {
    "implicit little endian": ImplicitVRLittleEndian,
    "explicit little endian": ExplicitVRLittleEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "explicit big endian": ExplicitVRBigEndian,
    "RLE": RLELossless,
    "JPEG-LS": JPEGLSLossless,
    "JPEG 2000": JPEG2000Lossless,
    "JPEG lossless": JPEGLosslessSV1,
}
OBLIQUE = (0.9848077530122081, 0.17364817766693033, 0.0, -0.15, 0.8506864, 0.5037900)


def read(files: list[Path]) -> SeriesImage:
    return read_series([DicomFile(path) for path in files])


def values(read_image: SeriesImage) -> np.ndarray:
    return sitk.GetArrayFromImage(read_image.image)


def orthonormal(row: np.ndarray, other: np.ndarray) -> tuple[float, ...]:
    row = row / np.linalg.norm(row)
    column = other - (other @ row) * row
    return (*row, *(column / np.linalg.norm(column)))


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES.keys())
def test_every_encoding_gives_the_same_volume_as_simpleitk(tmp_path, syntax, signed):
    files = factory.ct_series(
        tmp_path,
        n_slices=4,
        size=(20, 17),
        transfer_syntax=syntax,
        signed=signed,
        intercept=0.0 if signed else -1024.0,
        spacing_mm=(0.9, 1.1, 2.5),
        origin_mm=(-10.5, 20.25, -30.0),
    )
    ours = read(files)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    theirs = reader.Execute()
    np.testing.assert_array_equal(values(ours), factory.phantom((4, 17, 20)))
    np.testing.assert_array_equal(values(ours), sitk.GetArrayFromImage(theirs))
    assert Geometry.of(ours.image).corner_distance_mm(Geometry.of(theirs)) < 1e-9
    assert ours.image.GetPixelID() == sitk.sitkInt16
    assert ours.findings == ()


def test_slices_of_an_oblique_series_lie_where_their_positions_say(tmp_path):
    orientation = orthonormal(np.array(OBLIQUE[:3]), np.array(OBLIQUE[3:]))
    files = factory.ct_series(
        tmp_path, n_slices=5, orientation=orientation, spacing_mm=(0.7, 0.8, 1.3)
    )
    image = read(files).image
    for k, file in enumerate(files):
        header = pydicom.dcmread(file)
        origin, (row, column) = header.ImagePositionPatient, np.reshape(orientation, (2, 3))
        # PS3.3 C.7.6.2.1.1, equation C.7.6.2.1-1
        expected = np.array(origin, float) + 7 * 0.7 * row + 3 * 0.8 * column
        found = image.TransformIndexToPhysicalPoint((7, 3, k))
        np.testing.assert_allclose(found, expected, atol=2e-5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), factory.phantom((5, 32, 32)))


@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.permutations(range(5)),
    step_mm=st.floats(0.4, 8.0),
)
@settings(max_examples=25)
def test_order_comes_from_positions_alone(tmp_path_factory, seed, order, step_mm):
    folder = tmp_path_factory.mktemp("series")
    generator = np.random.default_rng(seed)
    orientation = orthonormal(generator.normal(size=3), generator.normal(size=3))
    misleading = generator.permutation(5)

    def relabel(dataset: Dataset, k: int) -> None:
        dataset.InstanceNumber = int(misleading[k]) + 1
        dataset.SliceLocation = float(misleading[k])
        dataset.SliceThickness = dataset.SpacingBetweenSlices = 99.0

    files = factory.ct_series(
        folder,
        n_slices=5,
        size=(4, 3),
        orientation=orientation,
        origin_mm=tuple(generator.uniform(-500, 500, 3)),
        spacing_mm=(1.0, 1.0, step_mm),
        edit=relabel,
    )
    shuffled = read([files[k] for k in order])
    np.testing.assert_array_equal(values(shuffled), factory.phantom((5, 3, 4)))
    assert shuffled.image.GetSpacing()[2] == pytest.approx(step_mm, abs=1e-5)
    assert shuffled.slices.instance_numbers == tuple(misleading + 1)
    assert [f.path for f in shuffled.slices.files] == files
    in_order = read(files)
    assert shuffled.slices == in_order.slices
    assert Geometry.of(shuffled.image) == Geometry.of(in_order.image)


def test_each_slice_has_its_own_rescale(tmp_path):
    slopes, intercepts = [1.0, 0.5, 0.1, 2.0], [-1024.0, -500.0, -1000.0, 3.0]

    def own(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slopes[k], intercepts[k]
        dataset.PixelData = np.full((32, 32), 1003, "<u2").tobytes()

    found = read(factory.ct_series(tmp_path, n_slices=4, edit=own))
    assert found.image.GetPixelID() == sitk.sitkFloat32
    by_hand = [-21.0, 1.5, -899.7, 2009.0]  # 1003 * slope + intercept
    np.testing.assert_array_equal(values(found)[:, 0, 0], np.float32(by_hand))
    assert (values(found) == values(found)[:, :1, :1]).all()


def test_whole_values_stay_whole_and_large_ones_get_the_bits_they_need(tmp_path):
    hu = np.arange(4 * 6 * 5).reshape(4, 6, 5) * 2.0
    assert read(factory.ct_series(tmp_path / "a", voxels=hu, slope=2.0)).image.GetPixelID() == (
        sitk.sitkInt16
    )
    hu[3, 5, 4] = 60_000
    found = read(factory.ct_series(tmp_path / "b", voxels=hu, slope=2.0))
    assert found.image.GetPixelID() == sitk.sitkInt32
    np.testing.assert_array_equal(values(found), hu)


def test_large_whole_values_beside_broken_ones_are_floats(tmp_path):
    def own(dataset: Dataset, k: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = (0.5, 0.0) if k else (2.0, 0.0)
        dataset.PixelData = np.full((32, 32), 60_001, "<u2").tobytes()

    found = read(factory.ct_series(tmp_path, n_slices=2, edit=own))
    assert found.image.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_array_equal(values(found)[:, 0, 0], [120_002.0, 30_000.5])


def test_equal_pixels_elsewhere_in_the_plane_are_no_copy(tmp_path):
    files = dicom_faults.series(tmp_path / "a")
    other = dicom_faults.series(tmp_path / "b", lambda d, k: dicom_faults.moved(d, x=1.0))
    with pytest.raises(CaseError) as caught:
        read([*files, other[2]])
    assert caught.value.code == "slices_overlap"


@pytest.mark.parametrize("signed", [False, True])
def test_values_of_fewer_bits_than_allocated(tmp_path, signed):
    """Twelve bits, stored high in their words: the four below and above are no part of them."""
    hu = np.arange(-100, 100).reshape(2, 10, 10)

    def high(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 13
        dataset.add_new(0x60000102, "US", 0)  # an overlay in bit 0
        words(dataset, lambda plane: (((plane & 0xFFF) << 2) | 1) & 0xFFFF)

    intercept = 0.0 if signed else -1024.0
    found = read(
        factory.ct_series(tmp_path, voxels=hu, signed=signed, intercept=intercept, edit=high)
    )
    np.testing.assert_array_equal(values(found), hu)


@pytest.mark.parametrize("mask", [0xFFFF, 0x0FFF], ids=["sign repeated", "zeros above"])
def test_twelve_bit_values_with_either_filling_of_their_words_are_no_fault(tmp_path, mask):
    hu = np.arange(-100, 100).reshape(2, 10, 10)
    hu[:, 0, :4] = -2000

    def narrow(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11
        dataset.add_new("PixelPaddingValue", "SS", -2000)
        words(dataset, lambda plane: plane & mask)

    found = read(factory.ct_series(tmp_path, voxels=hu, signed=True, intercept=0.0, edit=narrow))
    np.testing.assert_array_equal(values(found), np.where(hu == -2000, -1024, hu))
    assert [f.code for f in found.findings] == ["padding_replaced"]


@pytest.mark.parametrize(
    ("high", "change"),
    [
        (11, lambda plane: np.where(plane == 5, plane | 0xF000, plane & 0xFFF)),
        (13, lambda plane: ((plane & 0xFFF) << 2) | (plane == 5)),
    ],
    ids=["all set above a positive value", "one set below the values"],
)
def test_bits_beside_the_stored_ones_are_refused(tmp_path, high, change):
    def stray(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, high
        words(dataset, change)

    hu = np.arange(-100, 100).reshape(2, 10, 10)
    files = factory.ct_series(tmp_path, voxels=hu, signed=True, intercept=0.0, edit=stray)
    with pytest.raises(CaseError, match="slice 2") as caught:
        read(files)
    assert caught.value.code == "pixel_bits"


def test_eight_bit_pixels(tmp_path):
    def narrow(dataset: Dataset, k: int) -> None:
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = np.arange(35, dtype=np.uint8).tobytes() + b"\0"
        dataset.RescaleIntercept = 10.0

    found = read(factory.ct_series(tmp_path, n_slices=2, size=(7, 5), edit=narrow))
    np.testing.assert_array_equal(values(found)[1], np.arange(35).reshape(5, 7) + 10)


def test_monochrome1_says_how_to_show_and_changes_no_value(tmp_path):
    inverted = put(PhotometricInterpretation="MONOCHROME1")
    found = read(factory.ct_series(tmp_path, n_slices=2, edit=lambda d, k: inverted(d)))
    np.testing.assert_array_equal(values(found), factory.phantom((2, 32, 32)))


@pytest.mark.parametrize(
    ("attribute", "limit", "signed"),
    [(-2000, None, True), (63536, None, True), (-2100, -1900, True), (63400, 63600, True)],
)
def test_padding_is_found_whatever_sign_its_attribute_has(tmp_path, attribute, limit, signed):
    hu = factory.phantom((2, 12, 12))
    with_padding = hu.copy()
    with_padding[:, :2, :3] = -2000

    def declare(dataset: Dataset, k: int) -> None:
        dataset.add_new("PixelPaddingValue", "SS" if attribute < 0 else "US", attribute)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", "SS" if limit < 0 else "US", limit)

    found = read(
        factory.ct_series(tmp_path, voxels=with_padding, signed=signed, intercept=0.0, edit=declare)
    )
    expected = hu.copy()
    expected[:, :2, :3] = -1024
    np.testing.assert_array_equal(values(found), expected)
    (finding,) = found.findings
    assert (finding.code, finding.measured) == ("padding_replaced", "4.17 %")  # 6 of 144


def test_padding_of_sixteen_bits_in_pixels_of_twelve(tmp_path):
    """Unsigned twelve-bit pixels padded with the word of -2000, as older scanners write it."""

    def pad(dataset: Dataset, k: int) -> None:
        dataset.BitsStored, dataset.HighBit = 12, 11
        plane = np.frombuffer(dataset.PixelData, "<u2").copy()
        plane[:32] = 63536
        dataset.PixelData = plane.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 63536)

    found = read(factory.ct_series(tmp_path, n_slices=2, edit=pad))
    np.testing.assert_array_equal(values(found)[:, 1:], factory.phantom((2, 32, 32))[:, 1:])


def test_padding_that_is_air_already_stays(tmp_path):
    air = put(PixelPaddingValue=24)  # 24 - 1024 = -1000 HU
    found = read(factory.ct_series(tmp_path, n_slices=2, edit=lambda d, k: air(d)))
    np.testing.assert_array_equal(values(found), factory.phantom((2, 32, 32)))
    assert found.findings == ()


def test_planted_padding_and_overlay_leave_the_rest_alone(tmp_path):
    padded = values(read(dicom_faults.padded(tmp_path / "padded")))
    corner = np.indices((32, 32)).sum(0) < 8
    assert (padded[:, corner] == -1024).all()
    np.testing.assert_array_equal(padded[:, ~corner], factory.phantom((10, 32, 32))[:, ~corner])
    for make in (dicom_faults.overlay_bits, dicom_faults.copies):
        folder = tmp_path / make.__name__
        np.testing.assert_array_equal(
            values(read(make(folder))), factory.phantom((10, 32, 32)), err_msg=make.__name__
        )
    scout = read(dicom_faults.localizer_inside(tmp_path / "scout"))
    np.testing.assert_array_equal(values(scout), factory.phantom((10, 32, 32))[1:])
    assert scout.image.GetOrigin() == (0.0, 0.0, 3.0)


def test_mr_is_taken_as_it_is(tmp_path):
    voxels = np.arange(2 * 6 * 5).reshape(2, 6, 5) + 40_000
    found = read(factory.mr_series(tmp_path / "plain", voxels=voxels))
    np.testing.assert_array_equal(values(found), voxels)
    scaled = put(RescaleSlope=0.5, RescaleIntercept=1.0)
    found = read(factory.mr_series(tmp_path / "scaled", voxels=voxels, edit=lambda d, k: scaled(d)))
    np.testing.assert_array_equal(values(found), voxels * 0.5 + 1)


@pytest.mark.parametrize(
    ("some", "values_of"),
    [
        ((1, 2, 3), {"RescaleSlope": 0.5, "RescaleIntercept": 1.0}),
        ((8, 9, 10), {"RescaleSlope": 0.0, "RescaleIntercept": 1.0}),
        ((8, 9, 10), {"RescaleSlope": 0.5}),
    ],
    ids=["some slices scaled", "a slope of zero", "no intercept"],
)
def test_mr_slices_of_two_scales_are_refused(tmp_path, some, values_of):
    files = factory.mr_series(tmp_path, edit=dicom_faults.on(some, put(**values_of)))
    with pytest.raises(CaseError, match=r"slices (4|8)-10") as caught:
        read(files)
    assert caught.value.code == "rescale_missing"


def test_ten_phases_are_refused_without_reading_all_their_pixels(tmp_path, monkeypatch):
    opened = []
    original = DicomFile.read

    def counted(self, **options):
        opened.append(options.get("pixels", False))
        return original(self, **options)

    monkeypatch.setattr(DicomFile, "read", counted)
    files = []
    for phase in range(10):
        files += dicom_faults.series(
            tmp_path / str(phase),
            lambda d, k, phase=phase: words(d, lambda plane: plane + phase),
        )
    with pytest.raises(CaseError, match="90 of 100 slices"):
        read(files)
    assert sum(opened) == 2


def test_files_without_preamble_and_meta_header(tmp_path):
    files = factory.ct_series(tmp_path, n_slices=3, transfer_syntax=ImplicitVRLittleEndian)
    for file in files:
        dataset = pydicom.dcmread(file)
        del dataset.file_meta
        dataset.preamble = None
        pydicom.dcmwrite(file, dataset, implicit_vr=True, little_endian=True)
        assert file.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(values(read(files)), factory.phantom((3, 32, 32)))


def test_members_of_a_zip_archive(tmp_path):
    files = factory.ct_series(tmp_path / "ct", n_slices=3)
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in files:
            archive.write(file, f"PAT/{file.name}")
    members = [DicomFile(tmp_path / "export.zip", f"PAT/{file.name}") for file in files]
    np.testing.assert_array_equal(values(read_series(members)), factory.phantom((3, 32, 32)))


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_enhanced_multi_frame_objects(tmp_path, modality):
    """Frames in any order of one object, made by highdicom, are the volume of its single frames."""
    from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedMRImage

    make = factory.ct_series if modality == "CT" else factory.mr_series
    enhanced = (
        LegacyConvertedEnhancedCTImage if modality == "CT" else LegacyConvertedEnhancedMRImage
    )
    files = make(tmp_path / "single", n_slices=5, spacing_mm=(0.9, 1.1, 2.5))
    datasets = [pydicom.dcmread(files[k]) for k in (3, 0, 4, 1, 2)]
    for dataset in datasets:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "NONE"]
        dataset.BurnedInAnnotation = "NO"
    many = enhanced(
        datasets,
        series_instance_uid=factory.uid("enhanced"),
        series_number=2,
        sop_instance_uid=factory.uid("enhanced object"),
        instance_number=1,
    )
    path = tmp_path / "many.dcm"
    many.save_as(path)
    single, multiple = read(files), read([path])
    np.testing.assert_array_equal(values(multiple), values(single))
    assert Geometry.of(multiple.image) == Geometry.of(single.image)
    assert sorted(multiple.slices.frames) == [0, 1, 2, 3, 4]
    assert set(multiple.slices.files) == {DicomFile(path)}


def test_the_source_of_a_case_is_small_and_pickled(tmp_path):
    files = factory.ct_series(tmp_path, n_slices=3)
    series = pickle.loads(pickle.dumps(DicomSeries(tuple(DicomFile(f) for f in files))))
    assert series.name == "CT0000.dcm and 2 more"
    assert Geometry.of(series.read()) == series.geometry()
    image, findings = series.load()
    assert Geometry.of(image) == series.geometry()
    assert findings == ()
    assert series.acquisition()["kernel"] == "STANDARD"
    geometry = read_series_geometry(series.files)
    assert geometry.slices == read_series(series.files).slices
    assert geometry.slices.instance_numbers == (1, 2, 3)
    assert geometry.slices.sop_instance_uids[1] == pydicom.dcmread(files[1]).SOPInstanceUID


def test_the_factory_is_deterministic(tmp_path):
    first = factory.ct_series(tmp_path / "a", transfer_syntax=RLELossless)
    second = factory.ct_series(tmp_path / "b", transfer_syntax=RLELossless)
    assert [f.read_bytes() for f in first] == [f.read_bytes() for f in second]
