"""One object on disk, and values of it that are taken without trust."""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests import dicom_factory as factory
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom import files
from tumor_response.imaging.dicom.files import DicomFile, date_of, items, number, numbers, text


def test_value_that_is_a_sequence_is_no_text() -> None:
    """Written out, a sequence would say all that it holds."""
    inner = Dataset()
    inner.PatientName = "SECRET^NAME"
    outer = Dataset()
    outer.add_new("ApprovalStatus", "SQ", Sequence([inner]))
    assert text(outer, "ApprovalStatus") == ""


def test_texts_and_numbers() -> None:
    header = Dataset()
    header.ConvolutionKernel = ["Br40d", "3"]
    header.PixelSpacing = ["0.5", "0.75"]
    header.SliceThickness = "3"
    assert text(header, "ConvolutionKernel") == "Br40d\\3"
    assert numbers(header, "PixelSpacing", 2) == (0.5, 0.75)
    assert number(header, "SliceThickness") == 3.0
    assert number(header, "KVP") is None
    assert items(header, "PixelSpacing") == []
    with pytest.raises(CaseError, match="does not hold 3 finite numbers"):
        numbers(header, "PixelSpacing", 3)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("20200229", "2020-02-29"),
        ("20200229120000.0", "2020-02-29"),
        ("20200231", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: str | None) -> None:
    header = Dataset()
    header.add_new("AcquisitionDateTime", "DT", value)
    found = date_of(header, "AcquisitionDate", "AcquisitionDateTime")
    assert (found and found.isoformat()) == expected


def test_deflated_object_that_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """128 MiB of zeros behind a real header, 16 MiB allowed: refused without holding them."""
    path = factory.ct_series(
        tmp_path, n_slices=1, size=(8, 8), transfer_syntax=DeflatedExplicitVRLittleEndian
    )[0]
    assert text(DicomFile(path).read(), "Modality") == "CT"
    content = path.read_bytes()
    at = 144 + int.from_bytes(content[140:144], "little")  # behind the meta group, by its length
    plain = zlib.decompress(content[at:], -zlib.MAX_WBITS)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(plain[: plain.index(b"\xe0\x7f\x10\x00")])
    packed += deflate.compress(b"\xe0\x7f\x10\x00OW\0\0" + (2**27).to_bytes(4, "little"))
    for _ in range(128):
        packed += deflate.compress(bytes(1024**2))
    path.write_bytes(content[:at] + packed + deflate.flush())
    monkeypatch.setattr(files, "MAX_INFLATED_BYTES", 16 * 1024**2)
    tracemalloc.start()
    try:
        with pytest.raises(CaseError, match="unpacks to more than 16 MiB"):
            DicomFile(path).read(tags=["SOPClassUID"])
        assert tracemalloc.get_traced_memory()[1] < 8 * 1024**2
    finally:
        tracemalloc.stop()
