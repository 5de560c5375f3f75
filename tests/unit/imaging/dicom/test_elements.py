"""The lean reader of headers sees what pydicom sees, in every encoding, and survives anything."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests import dicom_factory as factory
from tests.dicom_factory_rt import seg
from tumor_response.imaging.dicom import elements
from tumor_response.imaging.dicom.archive.brief_header import read_header
from tumor_response.imaging.dicom.elements import DamagedError, DicomBytes

PLAIN = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
COMPRESSED = (RLELossless, JPEGLosslessSV1, JPEGLSLossless)
# text, text, sequence, sequence, sequence, unsigned short
TEXT, OTHER_TEXT, ICONS, OUTER, INNER, ROWS = (
    0x00080060,
    0x00200010,
    0x00880200,
    0x00081140,
    0x00081199,
    0x00280010,
)
WANTED = {TEXT: None, OTHER_TEXT: None, ROWS: None}
WANTED |= {OUTER: {TEXT: None, INNER: {OTHER_TEXT: None}}}


def header(path: Path):
    with path.open("rb") as stream:
        return read_header(stream, path.name)


def crowded(dataset: Dataset, k: int) -> None:
    """What real headers are full of: sequences of both lengths, private groups, icons."""
    deepest = Dataset()
    deepest.StudyID = "deep"
    inner = Dataset()
    inner.Modality = "MR"
    inner.ReferencedSOPSequence = Items([deepest])
    inner["ReferencedSOPSequence"].is_undefined_length = True
    dataset.ReferencedImageSequence = Items([inner, Dataset(), inner])
    dataset["ReferencedImageSequence"].is_undefined_length = k % 2 == 0
    block = dataset.private_block(0x0009, "VENDOR", create=True)
    block.add_new(1, "UN", b"\0" * 10)
    block.add_new(2, "OB", b"\xfe\xff\x00\xe0" * 10)  # looks like an item, and is none
    block.add_new(3, "SQ", Items([inner]))
    for element in range(16, 80):
        block.add_new(element, "LT", "x" * 400)  # longer than what is read at first
    dataset.PatientID = f" P{k} "
    dataset.PatientAge = "045Y"
    dataset.ContrastBolusAgent = "water"


@pytest.mark.parametrize("syntax", PLAIN + COMPRESSED)
def test_it_reads_what_pydicom_reads(syntax, tmp_path):
    for path in factory.ct_series(tmp_path, n_slices=2, transfer_syntax=syntax, edit=crowded):
        truth = pydicom.dcmread(path)
        found = header(path)
        assert (found.kind, found.sop_uid) == ("image", truth.SOPInstanceUID)
        facts = found.facts
        assert facts["patient_id"] == truth.PatientID.strip()
        assert facts["study_uid"] == truth.StudyInstanceUID
        assert facts["series_uid"] == truth.SeriesInstanceUID
        assert facts["frame_uid"] == truth.FrameOfReferenceUID
        assert (facts["rows"], facts["columns"]) == (truth.Rows, truth.Columns)
        assert (facts["kvp"], facts["kernel"]) == (float(truth.KVP), truth.ConvolutionKernel)
        assert facts["image_type"] == "\\".join(truth.ImageType)
        assert facts["date"] == "2020-01-01"
        assert facts["age_years"] == 45.0
        assert facts["contrast_agent"] is True


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("left_off", ["preamble", "preamble and meta header"])
def test_objects_without_preamble_or_meta_header(syntax, left_off, tmp_path):
    (path,) = factory.ct_series(tmp_path, n_slices=1, transfer_syntax=syntax)
    data = path.read_bytes()
    if left_off == "preamble":
        path.write_bytes(data[132:])
    else:
        path.write_bytes(data[144 + int.from_bytes(data[140:144], "little") :])
        assert path.read_bytes()[:2] == b"\x08\x00"
    truth = pydicom.dcmread(path, force=True)
    found = header(path)
    assert (found.kind, found.sop_uid) == ("image", truth.SOPInstanceUID)
    assert found.facts["series_uid"] == truth.SeriesInstanceUID


def test_pixel_data_in_fragments_within_an_item_are_passed_over():
    icon = Dataset()
    icon.Rows = 4
    icon.PixelData = encapsulate([b"\x01\x02" * 8])
    icon["PixelData"].VR = "OB"
    icon["PixelData"].is_undefined_length = True
    dataset = Dataset()
    dataset.IconImageSequence = Items([icon])
    dataset["IconImageSequence"].is_undefined_length = True
    dataset.ROIName = "behind it"
    found = DicomBytes(written(dataset, ExplicitVRLittleEndian)).elements(
        {ICONS: {ROWS: None}, 0x30060026: None}
    )
    assert found[ICONS] == [{ROWS: b"\x04\x00"}]
    assert found[0x30060026] == b"behind it "


def test_a_private_sequence_of_unknown_kind_is_implicit_inside():
    """PS3.5, 6.2.2: UN of undefined length holds items in implicit little endian."""
    inside = b"\x08\x00\x60\x00" + (2).to_bytes(4, "little") + b"MR"
    item = b"\xfe\xff\x00\xe0" + len(inside).to_bytes(4, "little") + inside
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    unknown = b"\x40\x11\x08\x00"[2:] + b"\x40\x11UN\0\0\xff\xff\xff\xff" + item + end
    room = b"\x28\x00\x10\x00US\x02\x00\x07\x00"
    data = b"\x08\x00\x05\x00CS\x00\x00" + unknown + room
    found = DicomBytes(io.BytesIO(data + bytes(16))).elements({OUTER: {TEXT: None}, ROWS: None})
    assert found == {OUTER: [{TEXT: b"MR"}], ROWS: b"\x07\x00"}


def written(dataset: Dataset, syntax: str) -> io.BytesIO:
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.3", "1.2.4"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.3"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.4"
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    stream.seek(0)
    return stream


words = st.text("ABC ", min_size=1, max_size=6).map(str.strip)


@st.composite
def data_sets(draw, depth: int = 0):
    dataset = Dataset()
    if draw(st.booleans()):
        dataset.Modality = draw(words)
    if draw(st.booleans()):
        dataset.StudyID = draw(words)
    if draw(st.booleans()):
        dataset.Rows = draw(st.integers(0, 65535))
    if draw(st.booleans()):
        dataset.PixelData = draw(st.binary(max_size=10).map(lambda b: b + b))
        dataset["PixelData"].VR = "OW"
    if depth < 3:
        for keyword in ("ReferencedImageSequence", "ReferencedSOPSequence"):
            if draw(st.booleans()):
                inner = draw(st.lists(data_sets(depth=depth + 1), max_size=2))
                setattr(dataset, keyword, Items(inner))
                dataset[keyword].is_undefined_length = draw(st.booleans())
                for item in inner:
                    item.is_undefined_length_sequence_item = draw(st.booleans())
    return dataset


def expected(dataset: Dataset, wanted: dict, order: str) -> dict:
    found = {}
    for tag, inner in wanted.items():
        if tag not in dataset:
            continue
        value = dataset[tag].value
        if inner is not None:
            found[tag] = [expected(item, inner, order) for item in value]
        elif isinstance(value, int):
            found[tag] = value.to_bytes(2, order)
        else:
            text = str(value or "").encode()
            found[tag] = text + b" " * (len(text) % 2)
    return found


@pytest.mark.parametrize("syntax", PLAIN)
@settings(max_examples=60)
@given(dataset=data_sets())
def test_any_nesting_is_read_as_it_was_written(syntax, dataset):
    dataset.SpecificCharacterSet = "ISO_IR 192"
    order = "big" if syntax == ExplicitVRBigEndian else "little"
    source = DicomBytes(written(dataset, syntax))
    assert source.elements(WANTED) == expected(dataset, WANTED, order)


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> list[bytes]:
    """One object of each kind whose references are read, in several encodings."""
    folder = tmp_path_factory.mktemp("samples")
    found = []
    for number, syntax in enumerate(PLAIN):
        series = factory.ct_series(folder / str(number), n_slices=2, transfer_syntax=syntax)
        found.append(series[0].read_bytes())
    square = np.array([(2, 2, 0), (9, 2, 0), (9, 9, 0), (2, 9, 0)], float)
    found.append(factory.rtstruct(folder / "rs", series, {"GTV": [square]}).read_bytes())
    mask = np.ones((2, 32, 32), np.uint8)
    found.append(seg(folder / "seg", series, {"GTV": mask}).read_bytes()[:-200])
    return found


def test_an_image_cut_anywhere_is_told_or_complete(samples):
    for data in samples[: len(PLAIN)]:
        whole = read_header(io.BytesIO(data), "x")
        assert whole.kind == "image"
        kinds = set()
        for end in range(len(data)):
            found = read_header(io.BytesIO(data[:end]), "x")
            assert found.kind in ("not_dicom", "unreadable") or found == whole
            kinds.add(found.kind)
        assert kinds == {"not_dicom", "unreadable", "image"}


@settings(max_examples=400)
@given(data=st.data())
def test_damaged_bytes_raise_nothing(samples, data):
    mutated = bytearray(data.draw(st.sampled_from(samples)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(mutated) - 1))
        mutated[place : place + 4] = data.draw(st.binary(min_size=1, max_size=4))
    found = read_header(io.BytesIO(bytes(mutated)), "x")
    assert found.kind in (
        *("image", "rtstruct", "seg", "plan", "dose"),
        *("dicomdir", "other", "not_dicom", "unreadable", "archive"),
    )


def test_nesting_and_length_are_bounded(monkeypatch):
    start = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = b"\x08\x00\x05\x00CS\x00\x00" + start * 5000
    with pytest.raises(DamagedError, match="nested"):
        DicomBytes(io.BytesIO(data)).elements(WANTED)
    monkeypatch.setattr(elements, "MAX_ELEMENTS", 1000)
    data = b"\x08\x00\x05\x00CS\x00\x00" + b"\x08\x00\x60\x00CS\x00\x00" * 2000
    with pytest.raises(DamagedError, match="more than 1,000"):
        DicomBytes(io.BytesIO(data)).elements(WANTED)
    monkeypatch.setattr(elements, "MAX_BYTES", 64 * 1024)
    data = b"\x08\x00\x05\x00CS\x00\x00" + b"\x08\x00\x60\x00LT\xff\xff" + bytes(200_000)
    data = b"\x08\x00\x05\x00CS\x00\x00" + b"\x08\x00\x60\x00UT\0\0\0\0\x10\0" + bytes(2**20 + 8)
    with pytest.raises(DamagedError, match="goes on"):
        DicomBytes(io.BytesIO(data)).elements(WANTED)


def test_a_deflated_bomb_is_refused(monkeypatch):
    import zlib

    monkeypatch.setattr(elements, "MAX_BYTES", 1024 * 1024)
    meta = written(Dataset(), DeflatedExplicitVRLittleEndian).getvalue()
    start = 132 + 12 + int.from_bytes(meta[140:144], "little")
    squeeze = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = squeeze.compress(b"\x08\x00\x05\x00CS\x00\x00" + bytes(20 * 1024 * 1024))
    found = read_header(io.BytesIO(meta[:start] + bomb + squeeze.flush()), "bomb.dcm")
    assert (found.kind, found.facts["reason"]) == ("unreadable", "not_dicom")


def test_little_is_read_of_what_is_no_dicom():
    class Counted(io.BytesIO):
        n_read = 0

        def read(self, size=-1):
            found = super().read(size)
            Counted.n_read += len(found)
            return found

    assert read_header(Counted(b"\x93NUMPY" + bytes(50_000_000)), "big.npy").kind == "not_dicom"
    assert Counted.n_read <= 16 * 1024


def test_names_in_other_scripts(tmp_path):
    for charset, name in [
        ("ISO_IR 192", "Größe-Ω"),
        ("ISO_IR 100", "Müller"),
        ("GB18030", "王小东"),
        (["", "ISO 2022 IR 87"], "山田"),
        ("ISO_IR 144", "Люкceмбypг"),
    ]:

        def edit(dataset, k, charset=charset, name=name):
            dataset.SpecificCharacterSet = charset
            dataset.PatientID = name

        (path,) = factory.ct_series(tmp_path, n_slices=1, edit=edit)
        assert header(path).facts["patient_id"] == name == str(pydicom.dcmread(path).PatientID)


@pytest.mark.parametrize(
    ("age", "born", "expected"),
    [
        ("045Y", "19420713", 45.0),
        ("018M", "", 1.5),
        ("", "19420713", 77.0),
        ("", "19420101", 78.0),
        ("", "17000101", None),
        ("", "20300101", None),
        ("old", "not a date", None),
    ],
)
def test_age(age, born, expected, tmp_path):
    def edit(dataset, k):
        dataset.PatientAge = age
        dataset.PatientBirthDate = born

    with pydicom.config.disable_value_validation():
        (path,) = factory.ct_series(tmp_path, n_slices=1, edit=edit)
    assert header(path).facts["age_years"] == expected


@pytest.mark.needs("data")
def test_real_headers(shared_data):
    for path in sorted((shared_data / "sts" / "dicom").rglob("*.dcm"))[::20]:
        truth = pydicom.dcmread(path, stop_before_pixels=True)
        found = header(path)
        assert found.sop_uid == truth.SOPInstanceUID
        assert found.facts["series_uid"] == truth.SeriesInstanceUID
        assert found.facts["patient_id"] == truth.PatientID
        assert found.facts["frame_uid"] == truth.FrameOfReferenceUID
        if found.kind == "rtstruct":
            assert found.facts["structures"][0]["n_contours"] == len(
                truth.ROIContourSequence[0].ContourSequence
            )
        else:
            assert found.facts["slice_thickness_mm"] == float(truth.SliceThickness)
