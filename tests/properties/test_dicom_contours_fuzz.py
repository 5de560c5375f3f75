"""Damaged and hostile structure sets: an answer or an error of ours, nothing else."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from tests import dicom_factory as factory
from tests.dicom_faults_contours import block, square
from tumor_response.exceptions import CaseError, TumorResponseError
from tumor_response.imaging import Geometry
from tumor_response.imaging.dicom.contours.rasterise import rasterise
from tumor_response.imaging.dicom.contours.rtstruct import read_contours, read_structures
from tumor_response.imaging.dicom.files import DicomFile

GRID = Geometry((32, 32, 10), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
ROIS = {
    "GTV": [*block(slices=(3, 4)), square(11.5, 14.5, 9.0)],
    "CTV": block(slices=(3, 5)),
    "empty": [],
}
# what stands where a number, a type or a length stood
TOKENS = [
    b"1e300", b"-1E308", b"nan", b"inf", b"1e-320", b"", b"\\", b"\\\\\\", b"1_0", b"0x10", b" ",
    b"POINT", b"CLOSEDPLANAR_XOR", b"OPEN_NONPLANAR", b"\x00", b"\xff\xff\xff\xff",
    b"\xfe\xff\x0d\xe0\x00\x00\x00\x00", b"\xfe\xff\xdd\xe0", b"\x06\x30\x50\x00", b"SQ", b"UN",
]  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("fuzz")
    ct = factory.ct_series(folder / "ct")
    found = {}
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        file = factory.rtstruct(folder / f"{syntax}.dcm", ct, ROIS)
        if syntax == ImplicitVRLittleEndian:
            factory.save(pydicom.dcmread(file), file, syntax)
        found[syntax] = file.read_bytes()
    return found


def read_everything(path: Path) -> None:
    file = DicomFile(path)
    with suppress(TumorResponseError):
        read_structures(file)
    with suppress(TumorResponseError):
        for _, drawn in read_contours(file):
            for fill_gaps in (False, True):
                if isinstance(drawn, CaseError):
                    continue
                with suppress(TumorResponseError):
                    rasterise(drawn.planes, GRID, fill_gaps=fill_gaps)


changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "insert", "delete", "cut", "copy"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(st.sampled_from(TOKENS), st.binary(min_size=1, max_size=6)),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=5,
)


def changed(data: bytes, todo: list[tuple[str, float, bytes, int]]) -> bytes:
    for kind, where, token, length in todo:
        at = int(where * len(data))
        if kind == "put":
            data = data[:at] + token + data[at + len(token) :]
        elif kind == "insert":
            data = data[:at] + token + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + length :]
        elif kind == "cut":
            data = data[: max(at, 200)]
        else:
            data = data[:at] + data[at : at + length] + data[at:]
    return data


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(todo=changes)
def test_changed_bytes(syntax, todo, sound, tmp_path):
    path = tmp_path / "RS.dcm"
    path.write_bytes(changed(sound[syntax], todo))
    read_everything(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600))
def test_any_bytes(data, tmp_path):
    path = tmp_path / "RS.dcm"
    path.write_bytes(data)
    read_everything(path)


contours = st.lists(
    st.tuples(
        st.sampled_from(
            ["CLOSED_PLANAR", "CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "POINT", "OPEN_PLANAR", ""]
        ),
        st.lists(
            st.one_of(
                st.sampled_from(["0", "9", "12", "15.5", "31.5", "-0.5", "1e5", "-99999", "3e300"]),
                st.floats(allow_nan=True, allow_infinity=True).map(repr),
                st.integers(-5, 40).map(str),
            ),
            max_size=18,
        ),
        st.sampled_from(["9", "12", "", "10.5"]),
    ),
    max_size=6,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=contours)
def test_any_coordinates(drawn, tmp_path, sound):
    path = tmp_path / "RS.dcm"
    path.write_bytes(sound[ExplicitVRLittleEndian])
    dataset = DicomFile(path).read()
    planes = []
    for kind, values, z in drawn:
        if z:
            values = [v for i, v in enumerate(values) for v in ([v] if i % 3 != 2 else [z])]
        item = Dataset()
        item.ContourGeometricType = kind
        item.NumberOfContourPoints = len(values) // 3
        value = "\\".join(values).encode()
        value += b" " * (len(value) % 2)
        tag = Tag("ContourData")
        item[tag] = RawDataElement(tag, "DS", len(value), value, 0, False, True)
        planes.append(item)
    dataset.ROIContourSequence[0].ContourSequence = Items(planes)
    dataset.save_as(path)
    read_everything(path)
