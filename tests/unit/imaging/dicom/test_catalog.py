"""Contours find their series by what they reference; nothing is guessed, nothing is lost."""

from __future__ import annotations

import datetime as dt
import io
import os
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from tests import dicom_factory as factory
from tests.dicom_factory_rt import dose, plan, seg
from tests.dicom_faults_tree import SQUARE, dicomdir, without_images, without_series
from tumor_response.exceptions import SettingsError
from tumor_response.imaging.dicom.archive.catalog import Catalog, open_index
from tumor_response.imaging.dicom.archive.entries import CatalogSeries
from tumor_response.imaging.dicom.archive.listing import list_rois
from tumor_response.imaging.dicom.archive.references import References, Resolver
from tumor_response.imaging.dicom.files import DicomFile

OTHER = SQUARE + np.array([0, 0, 3])


def catalog_of(folder: Path) -> Catalog:
    return open_index(folder, index=folder.parent / f"{folder.name}.sqlite")


def codes(findings) -> list[str]:
    return [finding.code for finding in findings]


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def test_what_a_clinician_sees(folder):
    def acquired(dataset: Dataset, k: int) -> None:
        dataset.ContrastBolusAgent = "SECRET AGENT"
        dataset.PatientAge, dataset.PatientWeight = "077Y", 61.5

    factory.ct_series(folder / "a", date="20200101", edit=acquired)
    factory.ct_series(folder / "b", date="20200210", series_number=4)
    factory.pet_series(folder / "c", date="20200101", series_number=2)
    catalog = catalog_of(folder)
    assert catalog.patient_ids == ("P1",)
    first, pet, second = catalog.series
    assert (first.modality, first.date, first.n) == ("CT", dt.date(2020, 1, 1), 10)
    assert (first.kvp, first.kernel, first.slice_thickness_mm) == (120.0, "STANDARD", 3.0)
    assert (first.age_years, first.sex, first.weight_kg) == (77.0, "O", 61.5)
    assert (first.contrast_agent, second.contrast_agent) == (True, False)
    assert first.time.startswith("120000")
    assert (pet.modality, pet.series_number, second.series_number) == ("PT", 2, 4)
    assert first.label == "CT series 1 (10 slices)"
    assert "AGENT" not in repr(catalog)
    assert catalog.unreadable.empty
    assert list(catalog.unreadable) == ["file", "reason", "message"]
    assert pickle.loads(pickle.dumps(catalog)) == catalog


def test_the_tree_says_nothing_and_changes_nothing(folder, tmp_path):
    """The same objects nested by patient, flat under numbers, and zipped: the same catalogue."""
    for patient in ("P1", "P2"):
        for number, date in enumerate(("20200101", "20200201"), start=1):
            series = factory.ct_series(
                folder / patient / date, patient_id=patient, date=date, series_number=number
            )
            factory.rtstruct(folder / patient / date / "RS.dcm", series, {"GTV": [SQUARE]})
    flat = tmp_path / "flat"
    flat.mkdir()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    random.Random(0).shuffle(files)
    for number, path in enumerate(files):
        shutil.copy(path, flat / f"IM{number:06d}")
    zipped = tmp_path / "zipped"
    zipped.mkdir()
    with zipfile.ZipFile(zipped / "export", "w", zipfile.ZIP_DEFLATED) as archive:
        for number, path in enumerate(files):
            archive.write(path, f"{number % 3}/{number}")

    def essence(catalog: Catalog) -> list:
        series = [(s.series_uid, sorted(s.sop_uids), s.date) for s in catalog.series]
        drawn = [
            (e.sop_uid, [r.name for r in e.rois], catalog.series_of(e)[0].series_uid)
            for e in catalog.structure_sets
        ]
        return [series, drawn]

    nested = essence(catalog_of(folder))
    assert len(nested[0]) == len(nested[1]) == 4
    assert essence(catalog_of(flat)) == nested
    assert essence(catalog_of(zipped)) == nested


def test_structures_and_what_they_name(folder):
    series = factory.ct_series(folder / "ct")
    factory.rtstruct(
        folder / "RS", series, {"GTV p": [SQUARE, OTHER], "empty": []}, date="20200105"
    )
    catalog = catalog_of(folder)
    (entry,) = catalog.structure_sets
    (ct,) = catalog.series
    assert entry.date == dt.date(2020, 1, 5)
    assert entry.approval == "UNAPPROVED"
    assert entry.referenced_series_uids == (ct.series_uid,)
    gtv, empty = entry.rois
    assert (gtv.number, gtv.name, gtv.interpreted_type, gtv.n_contours) == (1, "GTV p", "GTV", 2)
    assert (empty.name, empty.n_contours, empty.sop_uids) == ("empty", 0, ())
    assert gtv.frame_uid == ct.frame_uid
    assert set(gtv.sop_uids) <= set(ct.sop_uids)
    assert catalog.series_of(entry) == (ct, ())
    assert catalog.series_of(entry, 2) == (ct, ())


def test_segmentations_plans_and_doses(folder):
    series = factory.ct_series(folder / "ct")
    structures = factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]})
    seg(folder / "SEG", series, {"one": np.ones((10, 32, 32), np.uint8)})
    planned = plan(folder / "RP", structures)
    dose(folder / "RD", planned, np.ones((10, 32, 32)))
    catalog = catalog_of(folder)
    (entry,) = catalog.segmentations
    assert [(s.number, s.name) for s in entry.segments] == [(1, "one")]
    assert entry.segmentation_type == "BINARY"
    assert catalog.series_of(entry) == (catalog.series[0], ())
    (of_structures,) = catalog.plans_of(catalog.structure_sets[0])
    assert of_structures == catalog.plans[0]
    (computed,) = catalog.doses_of(of_structures)
    assert (computed.summation_type, computed.frame_uid) == ("PLAN", catalog.series[0].frame_uid)
    assert len(catalog.series) == 1  # a dose and a segmentation are no scans


def resolved(folder: Path, roi: int | None = None):
    catalog = catalog_of(folder)
    (entry,) = catalog.structure_sets
    return catalog.series_of(entry, roi)


def test_without_images_the_series_answers_and_it_is_told(folder):
    series = factory.ct_series(folder / "ct")
    factory.ct_series(folder / "other", series_number=2)
    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]}, edit=without_images)
    found, findings = resolved(folder)
    assert found.series_number == 1
    assert codes(findings) == ["series_by_series_uid"]
    assert "names no images" in findings[0].message


def test_without_series_the_frame_of_reference_answers_if_one_series_is_in_it(folder):
    series = factory.ct_series(folder / "ct")
    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]}, edit=without_series)
    frame = pydicom.dcmread(series[0]).FrameOfReferenceUID

    def scout(dataset: Dataset, k: int) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    factory.ct_series(folder / "scout", series_number=7, frame_uid=frame, n_slices=2, edit=scout)
    factory.ct_series(folder / "single", series_number=8, frame_uid=frame, n_slices=1)
    factory.ct_series(folder / "else", patient_id="P2", frame_uid=frame)
    found, findings = resolved(folder)
    assert found.series_number == 1
    assert codes(findings) == ["series_by_frame"]

    factory.pet_series(folder / "pet", series_number=9, frame_uid=frame)
    found, findings = resolved(folder)
    assert found is None
    assert codes(findings) == ["series_ambiguous"]
    assert "CT series 1 (10 slices), PT series 9 (10 slices)" in findings[0].message
    assert findings[0].severity == "error"


def test_objects_without_a_frame_of_reference_are_not_matched_by_it(folder):
    def nowhere(dataset: Dataset, k: int) -> None:
        del dataset.FrameOfReferenceUID

    series = factory.ct_series(folder / "ct")
    factory.ct_series(folder / "other", series_number=2, edit=nowhere)

    def unnamed(dataset: Dataset) -> None:
        without_series(dataset)
        del dataset.FrameOfReferenceUID, dataset.ReferencedFrameOfReferenceSequence
        for roi in dataset.StructureSetROISequence:
            roi.ReferencedFrameOfReferenceUID = ""

    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]}, edit=unnamed)
    found, findings = resolved(folder)
    assert (found, codes(findings)) == (None, ["series_missing"])


def test_images_that_are_gone_are_counted(folder):
    series = factory.ct_series(folder / "ct")
    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE, OTHER], "none": []})
    for gone in (series[1], *series[5:]):
        gone.unlink()
    found, findings = resolved(folder, 1)
    assert found.n == 4
    assert codes(findings) == ["referenced_images_absent"]
    assert findings[0].message.startswith("1 of the 2 images")
    _, findings = resolved(folder, 2)  # without contours, the structure set as a whole is asked
    assert findings[0].message.startswith("6 of the 10 images")


def test_a_series_that_is_not_there(folder, tmp_path):
    series = factory.ct_series(tmp_path / "elsewhere")
    factory.ct_series(folder / "ct", date="20210101")
    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]})
    found, findings = resolved(folder)
    assert (found, codes(findings)) == (None, ["series_missing"])


def test_contours_on_ct_beside_a_pet_that_only_was_looked_at(folder):
    ct = factory.ct_series(folder / "ct")
    frame = pydicom.dcmread(ct[0]).FrameOfReferenceUID
    pet = factory.pet_series(folder / "pet", series_number=2, frame_uid=frame)

    def both(dataset: Dataset) -> None:
        study = dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        looked_at = Dataset()
        first = pydicom.dcmread(pet[0])
        looked_at.SeriesInstanceUID = first.SeriesInstanceUID
        image = Dataset()
        image.ReferencedSOPClassUID = first.SOPClassUID
        image.ReferencedSOPInstanceUID = first.SOPInstanceUID
        looked_at.ContourImageSequence = Items([image])
        study.RTReferencedSeriesSequence.append(looked_at)

    factory.rtstruct(folder / "RS", ct, {"GTV": [SQUARE]}, edit=both)
    found, findings = resolved(folder)
    assert (found.modality, findings) == ("CT", ())


def test_structures_of_one_set_on_two_series(folder):
    ct = factory.ct_series(folder / "ct")
    mr = factory.mr_series(folder / "mr", series_number=2)
    first = pydicom.dcmread(mr[1])

    def second_on_mr(dataset: Dataset) -> None:
        image = dataset.ROIContourSequence[1].ContourSequence[0].ContourImageSequence[0]
        image.ReferencedSOPInstanceUID = first.SOPInstanceUID

    factory.rtstruct(folder / "RS", ct, {"a": [SQUARE], "b": [SQUARE]}, edit=second_on_mr)
    assert resolved(folder, 1)[0].modality == "CT"
    assert resolved(folder, 2)[0].modality == "MR"
    found, findings = resolved(folder)
    assert (found, codes(findings)) == (None, ["series_ambiguous"])


def test_another_patient_id_on_the_contours(folder):
    series = factory.ct_series(folder / "ct")

    def renamed(dataset: Dataset) -> None:
        dataset.PatientID = "p1"

    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]}, edit=renamed)
    found, findings = resolved(folder)
    assert found.patient_id == "P1"
    assert codes(findings) == ["patient_id_differs"]
    assert "'p1'" in findings[0].message
    assert "'P1'" in findings[0].message
    assert findings[0].severity == "error"


def test_one_export_under_two_pseudonyms(folder):
    """The same UIDs twice: each patient's contours belong to that patient's images."""
    series = factory.ct_series(folder / "1" / "ct")
    factory.rtstruct(folder / "1" / "RS", series, {"GTV": [SQUARE]})
    for path in [*series, folder / "1" / "RS"]:
        dataset = pydicom.dcmread(path)
        dataset.PatientID = "Q1"
        target = folder / "2" / path.relative_to(folder / "1")
        target.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(target)
    catalog = catalog_of(folder)
    assert [(s.patient_id, s.n, s.n_copies) for s in catalog.series] == [
        ("P1", 10, 0),
        ("Q1", 10, 0),
    ]
    for entry in catalog.structure_sets:
        found, findings = catalog.series_of(entry)
        assert (found.patient_id, findings) == (entry.patient_id, ())


def test_patient_ids_are_stripped_and_empty_ones_listed(folder):
    def spaced(dataset: Dataset, k: int) -> None:
        dataset.PatientID = " P1 "

    def empty(dataset: Dataset, k: int) -> None:
        dataset.PatientID = "  " if k else ""

    factory.ct_series(folder / "a", edit=spaced)
    factory.ct_series(folder / "b", series_number=2)
    factory.ct_series(folder / "c", patient_id="X", edit=empty)
    catalog = catalog_of(folder)
    assert [series.patient_id for series in catalog.series] == ["P1", "P1"]
    (row,) = catalog.unreadable.to_dict("records")
    assert (row["file"], row["reason"]) == ("CT0000.dcm", "patient_id_missing")
    assert "9 more" in row["message"]
    assert catalog.unreadable_files[0].file.path == folder / "c" / "CT0000.dcm"


def test_what_slices_state_differently_is_left_out(folder):
    def varying(dataset: Dataset, k: int) -> None:
        dataset.KVP = 100 + 20 * (k % 2)
        dataset.AcquisitionDate = "20200102" if k else "20200101"

    factory.ct_series(folder / "ct", edit=varying)
    (series,) = catalog_of(folder).series
    assert series.kvp is None
    assert series.slice_thickness_mm == 3.0
    assert series.date == dt.date(2020, 1, 1)


def test_two_frames_of_reference_under_one_series_uid_are_two_series(folder):
    factory.ct_series(folder / "a", series_uid="2.25.7", n_slices=4)
    factory.ct_series(folder / "b", series_uid="2.25.7", n_slices=5, origin_mm=(9, 9, 99))
    for path in (folder / "b").iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID += ".1"
        dataset.save_as(path)
    catalog = catalog_of(folder)
    assert sorted(series.n for series in catalog.series) == [4, 5]


class TestCopies:
    """One SOP Instance UID in several files."""

    @staticmethod
    def with_copy(folder: Path, change: Callable[[Dataset], object] | None) -> Catalog:
        series = factory.ct_series(folder / "ct", n_slices=4)
        for path in series:
            dataset = pydicom.dcmread(path)
            if change is not None and path == series[1]:
                change(dataset)
            (folder / "copy").mkdir(exist_ok=True)
            dataset.save_as(folder / "copy" / path.name)
        return catalog_of(folder)

    def test_are_counted_and_used_once(self, folder):
        catalog = self.with_copy(folder, None)
        (series,) = catalog.series
        assert (series.n, series.n_copies) == (4, 4)
        assert {file.path.parent.name for file in series.files} == {"copy"}  # the first by path
        assert catalog.copies_that_differ(series) == ()

    @pytest.mark.parametrize(
        "change",
        [
            lambda ds: setattr(ds, "PixelData", bytes(len(ds.PixelData))),
            lambda ds: setattr(ds, "ImagePositionPatient", [0, 0, 3.5]),
            lambda ds: setattr(ds, "RescaleIntercept", 0),
            lambda ds: ds.compress(RLELossless, generate_instance_uid=False),
        ],
        ids=["pixels", "position", "rescale", "compression"],
    )
    def test_that_differ_are_an_error(self, change, folder):
        catalog = self.with_copy(folder, change)
        (finding,) = catalog.copies_that_differ(catalog.series[0])
        assert (finding.code, finding.severity) == ("copies_differ", "error")
        assert finding.measured == "1 of 4 copies"
        assert "CT0001.dcm" in finding.message

    def test_sent_by_somebody_else_are_the_same(self, folder):
        def sent(dataset: Dataset) -> None:
            dataset.StationName = "ELSEWHERE"
            dataset.InstanceCreationDate = "20220101"
            dataset.file_meta.ImplementationVersionName = "SENDER 2"

        catalog = self.with_copy(folder, sent)
        assert catalog.copies_that_differ(catalog.series[0]) == ()

    def test_in_an_archive(self, folder):
        series = factory.ct_series(folder / "ct", n_slices=3)
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in series:
                data = path.read_bytes()
                archive.writestr(path.name, data[:-1] + (b"\1" if path == series[2] else data[-1:]))
        catalog = catalog_of(folder)
        (finding,) = catalog.copies_that_differ(catalog.series[0])
        assert finding.measured == "1 of 3 copies"

    def test_that_cannot_be_read_any_more_count_as_different(self, folder):
        catalog = self.with_copy(folder, None)
        (folder / "copy" / "CT0002.dcm").unlink()
        (finding,) = catalog.copies_that_differ(catalog.series[0])
        assert finding.measured == "1 of 4 copies"

    def test_of_structure_sets(self, folder):
        series = factory.ct_series(folder / "ct")
        factory.rtstruct(folder / "RS1", series, {"GTV": [SQUARE]})
        factory.rtstruct(folder / "RS2", series, {"GTV": [SQUARE + 1]})
        catalog = catalog_of(folder)
        (entry,) = catalog.structure_sets
        assert entry.file.name == "RS1"
        assert codes(catalog.copies_that_differ(entry)) == ["copies_differ"]


def test_a_dicomdir_is_a_hint(folder):
    factory.ct_series(folder / "dicom" / "ct", n_slices=3)
    dicomdir(folder / "DICOMDIR", [["DICOM", "CT", f"CT000{k}.DCM"] for k in range(3)])
    catalog = catalog_of(folder)
    assert catalog.findings == ()
    assert [series.n for series in catalog.series] == [3]
    assert catalog.unreadable.empty
    (folder / "dicom" / "ct" / "CT0001.dcm").rename(folder / "dicom" / "ct" / "moved")
    catalog = catalog_of(folder)
    assert [series.n for series in catalog.series] == [3]
    (finding,) = catalog.findings
    assert finding.code == "dicomdir_files_absent"
    assert "lists 3 files, and 1 of them" in finding.message


def test_a_dicomdir_in_an_archive(folder):
    series = factory.ct_series(folder / "ct", n_slices=2)
    dicomdir(folder / "DICOMDIR", [["CT", "CT0000.DCM"], ["CT", "CT0001.DCM"], ["CT", "X"]])
    with zipfile.ZipFile(folder.parent / "disc.zip", "w") as archive:
        archive.write(folder / "DICOMDIR", "disc/DICOMDIR")
        for path in series:
            archive.write(path, f"disc/ct/{path.name};1")
    catalog = open_index(folder.parent / "disc.zip", index=folder.parent / "i.sqlite")
    (finding,) = catalog.findings
    assert finding.measured == "1 files"


def test_structure_sets_in_implicit_encoding(folder):
    series = factory.ct_series(folder / "ct", transfer_syntax=ImplicitVRLittleEndian)

    def implicit(dataset: Dataset) -> None:
        dataset["ROIContourSequence"].is_undefined_length = True

    path = factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]}, edit=implicit)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, implicit_vr=True, little_endian=True, enforce_file_format=True)
    path.write_bytes(stream.getvalue())
    found, findings = resolved(folder)
    assert (found.n, findings) == (10, ())


def test_names_of_files_that_are_no_text(folder):
    """Discs from elsewhere carry names in encodings nobody remembers."""
    inside = folder / os.fsdecode(b"M\xfcller")
    series = factory.ct_series(inside)
    factory.rtstruct(inside / os.fsdecode(b"RS\xfc"), series, {"GTV": [SQUARE]})
    (inside / os.fsdecode(b"br\xfcchig")).write_bytes(bytes(128) + b"DICM")
    catalog = catalog_of(folder)
    assert catalog.unreadable["file"].tolist() == ["br\\udcfcchig"]
    assert catalog.series[0].files[0].read().PatientID == "P1"
    table = list_rois(catalog)
    assert table["file"].tolist() == ["RS\\udcfc"]
    assert table["volume_cc"].notna().all()


def test_n_jobs_is_checked(folder):
    with pytest.raises(SettingsError):
        open_index(folder, n_jobs=0)


def test_a_series_uid_in_two_frames_is_told_apart_by_the_frame():
    one = CatalogSeries(
        *("P1", "st", "se", "f1", "CT", None, "", 1), (DicomFile(Path("1")),), ("i1",), n_slices=2
    )
    two = replace(one, frame_uid="f2", sop_uids=("i2",))
    resolver = Resolver([one, two])
    found, findings = resolver.series_of(References("RS", "P1", (), ("se",), ("f2",)))
    assert (found, codes(findings)) == (two, ["series_by_series_uid"])
    found, findings = resolver.series_of(References("RS", "P1", (), ("se",), ()))
    assert (found, codes(findings)) == (None, ["series_ambiguous"])


def test_images_that_are_in_two_series_belong_to_the_one_that_is_named():
    one = CatalogSeries(
        *("P1", "st", "a", "f1", "CT", None, "", 1), (DicomFile(Path("1")),), ("i1", "i2")
    )
    two = replace(one, series_uid="b", sop_uids=("i1", "i2"))
    half = replace(one, series_uid="c", sop_uids=("i1",))
    images = ("i1", "i2")
    resolver = Resolver([one, two, half])
    assert resolver.series_of(References("RS", "P1", images, ("b",))) == (two, ())
    for named in ((), ("a", "b"), ("c",)):
        found, findings = resolver.series_of(References("RS", "P1", images, named))
        assert (found, codes(findings)) == (None, ["series_ambiguous"])


def test_no_finding_carries_a_uid_a_date_or_a_folder(folder):
    series = factory.ct_series(folder / "secret-folder" / "ct")
    factory.pet_series(folder / "pet", series_number=2)
    factory.rtstruct(folder / "RS", series, {"GTV": [SQUARE]}, edit=without_series)
    for path in series[3:]:
        path.unlink()
    catalog = catalog_of(folder)
    for entry in catalog.structure_sets:
        for finding in catalog.series_of(entry)[1]:
            for forbidden in ("2.25.", "2020", "secret-folder", str(folder)):
                assert forbidden not in repr(finding)


@pytest.mark.needs("data")
def test_all_real_structure_sets_find_their_series(shared_data, tmp_path):
    """IBSI cut these series and gave their images new UIDs: the series UID has to answer."""
    catalog = open_index(shared_data / "sts" / "dicom", index=tmp_path / "i.sqlite")
    assert len(catalog.structure_sets) == len(catalog.series) == 6
    for entry in catalog.structure_sets:
        series, findings = catalog.series_of(entry)
        assert series.patient_id == entry.patient_id
        assert codes(findings) == ["series_by_series_uid"]
        assert [roi.name for roi in entry.rois] == ["GTV_Mass_CT"]
    assert [series.n for series in catalog.series] == [59, 48, 51, 85, 68, 51]
