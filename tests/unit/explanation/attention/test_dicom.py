"""Maps as DICOM: read back by pydicom and highdicom, over the series they lie on."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

import tumor_response as tr
from tests import dicom_factory as factory
from tests.unit import cases
from tests.unit.cohort.test_from_dicom import cube, scan
from tests.unit.explanation.attention.synthetic import attention_maps, looked
from tumor_response.exceptions import CaseError, ExplanationError, GeometryError, SettingsError
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.dicom import top_part
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.features.deep.views import cut_views
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.parametric_map import write_parametric_map
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments
from tumor_response.imaging.dicom.series.series import read_series_geometry

WRITTEN = dt.datetime(2026, 1, 2, 3, 4, 5)


def maps_of(cohort: tr.Cohort, settings: tr.ViewSettings, model: str = "logistic") -> AttentionMaps:
    """Return noise on the views of each case."""
    rng = np.random.default_rng(0)
    found = {}
    for case in cohort:
        views = cut_views(case.read_image(), case.read_mask(), settings, 64)
        maps = rng.normal(size=views.tumour.shape)
        found[case.key] = CaseAttention.of_views(
            case.key, looked(views, maps), case.baseline.geometry
        )
    return AttentionMaps(
        found,
        method="integrated_gradients",
        model=model,
        mode="new_rows",
        views=settings,
        settings_sha256="ab" * 32,
        provenance={},
    )


def volume(path: Path) -> highdicom.Volume:
    """Read a file by highdicom alone: an array and a matrix from index to patient, mm."""
    return highdicom.imread(path).get_volume(apply_real_world_transform=True)


def check_against(path: Path, case: CaseAttention) -> None:
    """Hold values and places of each voxel of a Parametric Map against the map."""
    found = volume(path)
    expected = sitk.GetArrayFromImage(case.map)
    image = case.map
    index = np.argwhere(np.ones(found.array.shape, bool))[:: found.array.size // 997 or 1]
    places = found.affine[:3, :3] @ index.T + found.affine[:3, 3:]
    for at, place in zip(index, places.T, strict=True):
        back = image.TransformPhysicalPointToContinuousIndex(place.tolist())
        nearest = np.round(back).astype(int)
        assert np.abs(back - nearest).max() < 1e-4
        assert found.array[tuple(at)] == expected[tuple(nearest[::-1])]


@pytest.fixture
def cohort(tmp_path: Path) -> tr.Cohort:
    root = tmp_path / "archive"
    scan(root / "b", "P1", "20200101", {"GTVp": cube(5.2)})
    turned = {"orientation": (0.8, 0.6, 0, -0.6, 0.8, 0), "origin_mm": (10.0, -12.0, 0.0)}
    scan(root / "c", "P2", "20200201", {"GTVp": cube(5.2)}, **turned)
    return tr.Cohort.from_dicom(root, "GTV.*", index=tmp_path / "index.sqlite")


@pytest.mark.parametrize("slices", ["equally_spaced", "orthogonal"])
def test_the_parametric_map_holds_the_numbers_where_they_are(cohort, tmp_path, slices) -> None:
    settings = tr.ViewSettings(slices=slices, margin_mm=3, max_tilt_degrees=45)
    maps = maps_of(cohort, settings)
    maps.write_dicom(tmp_path / "out", cohort)
    for (patient, lesion), case in maps.items():
        [path] = (tmp_path / "out").glob(f"{patient}_{lesion}*_attention.dcm")
        check_against(path, case)
        written = pydicom.dcmread(path)
        assert written.SOPClassUID == pydicom.uid.ParametricMapStorage
        assert written.ContentQualification == "RESEARCH"
        [[meaning]] = [
            frame.RealWorldValueMappingSequence
            for frame in written.SharedFunctionalGroupsSequence
            if "RealWorldValueMappingSequence" in frame
        ] or [written.PerFrameFunctionalGroupsSequence[0].RealWorldValueMappingSequence]
        assert meaning.LUTExplanation == "integrated gradients of logistic"
        shown = np.flatnonzero(sitk.GetArrayFromImage(case.coverage).any(axis=(1, 2)))
        assert written.NumberOfFrames == shown[-1] - shown[0] + 1


def test_it_is_filed_with_the_series_and_carries_nothing_else_of_it(tmp_path) -> None:
    def personal(dataset, _):
        dataset.InstitutionName = "SECRET HOSPITAL"
        dataset.OtherPatientIDs = "SECRET-2"
        dataset.PatientAddress = "SECRET STREET"
        dataset.OperatorsName = "SECRET^OPERATOR"
        dataset.PatientComments = "SECRET COMMENT"
        dataset.add_new(0x00091010, "LO", "SECRET PRIVATE")

    root = tmp_path / "archive"
    files, _ = scan(root / "b", "P1", "20200101", {"GTVp": cube(5.2)}, edit=personal)
    cohort = tr.Cohort.from_dicom(root, "GTV.*", index=tmp_path / "index.sqlite")
    maps = maps_of(cohort, tr.ViewSettings(n_slices=2, max_tilt_degrees=45))
    maps.write_dicom(tmp_path / "out", cohort)
    images = [pydicom.dcmread(file) for file in files]
    positions = {image.SOPInstanceUID: image.ImagePositionPatient for image in images}
    for path in sorted((tmp_path / "out").iterdir()):
        written = pydicom.dcmread(path)
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
            assert written[keyword].value == images[0][keyword].value
        assert written.SeriesInstanceUID != images[0].SeriesInstanceUID
        for frame in written.PerFrameFunctionalGroupsSequence:
            [source] = frame.DerivationImageSequence[0].SourceImageSequence
            at = frame.PlanePositionSequence[0].ImagePositionPatient
            assert at == positions[source.ReferencedSOPInstanceUID]
        # beside the patient's name, birth date, referring physician and accession number, which
        # a viewer needs to file it, nothing that was planted
        content = path.read_bytes()
        for secret in ("HOSPITAL", "SECRET-2", "STREET", "OPERATOR", "COMMENT", "PRIVATE"):
            assert secret.encode() not in content
        assert content.count(b"SECRET") == 3


def test_the_regions_are_the_top_and_what_was_shown(cohort, tmp_path) -> None:
    maps = maps_of(cohort, tr.ViewSettings(n_slices=3, max_tilt_degrees=45))
    maps.write_dicom(tmp_path / "out", cohort, percentile=90)
    for key, case in maps.items():
        [path] = (tmp_path / "out").glob(f"{key[0]}_{key[1]}*_regions.dcm")
        files = [DicomFile(Path(file)) for file in cohort_files(cohort, key)]
        grid = read_series_geometry(files).grid
        labels = [segment.label for segment in list_segments(DicomFile(path))]
        assert labels == ["attention, top 10 %", "shown to the network"]
        top, shown = (
            sitk.GetArrayFromImage(SegSegment(DicomFile(path), n, "").read(grid)) for n in (1, 2)
        )
        assert np.array_equal(shown, sitk.GetArrayFromImage(case.coverage))
        values = np.abs(sitk.GetArrayFromImage(case.map))
        by_hand = np.sort(values[shown > 0])[::-1][: top.sum()]
        assert top.sum() / shown.sum() == pytest.approx(0.1, abs=1 / shown.sum() + 1e-9)
        assert np.array_equal(np.sort(values[top > 0])[::-1], by_hand)
        [category] = pydicom.dcmread(path).SegmentSequence[0].SegmentedPropertyTypeCodeSequence
        assert category.CodeMeaning == "Selected region"  # no tumour


def cohort_files(cohort: tr.Cohort, key: tuple[str, str]) -> list[Path]:
    [case] = [case for case in cohort if case.key == key]
    return list(case.image.paths)


def test_a_seed_gives_the_same_bytes(cohort, tmp_path) -> None:
    cohort = tr.Cohort(list(cohort)[:1])
    maps = maps_of(cohort, tr.ViewSettings(n_slices=2))
    for name in ("1", "2"):
        maps.write_dicom(tmp_path / name, cohort, written=WRITTEN, uid_seed="s")
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("1", "2")
    )
    assert one == two
    maps.write_dicom(tmp_path / "2", cohort)  # in place
    assert {path.name for path in (tmp_path / "2").iterdir()} == set(one)
    headers = [pydicom.dcmread(path) for n in "12" for path in (tmp_path / n).iterdir()]
    assert len({header.SOPInstanceUID for header in headers}) == len(headers)


def test_a_map_of_zeros_has_no_top() -> None:
    maps = attention_maps()
    case = maps["P1", "1"]
    zero = CaseAttention.of_views(
        case.key,
        looked_zero(case),
        case.grid,
    )
    assert top_part(zero) is None
    flat = top_part(case, 0.0)
    above = sitk.GetArrayFromImage(case.map) > 0
    assert np.array_equal(sitk.GetArrayFromImage(flat) > 0, above)


def looked_zero(case: CaseAttention):
    views = case.view_maps
    return type(views)(0 * views.maps, views.tumour, views.grids, views.view_weights, 0.0)


def test_a_case_from_nifti_is_told_the_way_out(tmp_path) -> None:
    cases.cohort_folder(tmp_path, 2).to_csv(tmp_path / "manifest.csv", index=False)
    cohort = tr.Cohort.from_csv(tmp_path / "manifest.csv")
    maps = attention_maps((("P0", "1"), ("P1", "1")))
    with pytest.raises(ExplanationError, match=r"from_dicom.*save\(\)") as raised:
        maps.write_dicom(tmp_path / "out", cohort)
    assert raised.value.code == "no_dicom_series"
    assert not (tmp_path / "out").exists()
    with pytest.raises(ExplanationError, match="P7") as raised:
        attention_maps((("P7", "1"),)).write_dicom(tmp_path / "out", cohort)
    assert raised.value.code == "unknown_lesion"
    with pytest.raises(ExplanationError, match="percentile") as raised:
        maps.write_dicom(tmp_path / "out", cohort, percentile=100)
    assert raised.value.code == "settings"


def test_maps_that_do_not_fit_their_series(tmp_path) -> None:
    files = factory.ct_series(tmp_path / "ct", n_slices=6)
    grid = read_series_geometry([DicomFile(file) for file in files]).grid
    image = sitk.Image(grid.size, sitk.sitkFloat32)
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    told = {"label": "a", "explanation": "b"}
    with pytest.raises(CaseError) as raised:
        write_parametric_map(tmp_path / "m.dcm", image, image, files, **told)
    assert raised.value.code == "mask_empty"
    shown = sitk.Image(image)
    shown[3, 3, 3] = 1.0
    bad = sitk.Image(image)
    bad[3, 3, 3] = float("nan")
    with pytest.raises(CaseError) as raised:
        write_parametric_map(tmp_path / "m.dcm", bad, shown, files, **told)
    assert raised.value.code == "non_finite_voxels"
    with pytest.raises(SettingsError, match="explanation"):
        write_parametric_map(tmp_path / "m.dcm", image, shown, files, label="a", explanation="")
    shown.SetOrigin((1.0, 0.0, 0.0))
    with pytest.raises(GeometryError):
        write_parametric_map(tmp_path / "m.dcm", image, shown, files, **told)
    assert not (tmp_path / "m.dcm").exists()


@pytest.mark.needs("data")
def test_on_a_real_scan(shared_data, tmp_path) -> None:
    root = shared_data / "sts" / "dicom" / "STS_008"
    cohort = tr.Cohort.from_dicom(root, "GTV_Mass_CT", index=tmp_path / "index.sqlite")
    maps = maps_of(cohort, tr.ViewSettings(n_slices=3, max_tilt_degrees=45))
    maps.write_dicom(tmp_path / "out", cohort)
    [(key, case)] = maps.items()
    [path] = (tmp_path / "out").glob("*_attention.dcm")
    check_against(path, case)
    [ct] = list(cohort)
    source = pydicom.dcmread(ct.image.paths[0], stop_before_pixels=True)
    written = pydicom.dcmread(path)
    assert written.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert written.StudyInstanceUID == source.StudyInstanceUID
    assert key == ct.key
