"""Damaged segmentations, plans and doses raise errors of ours, and no other."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from tests import dicom_factory_rt as factory_rt
from tests.dicom_factory import SECRETS
from tests.dicom_faults_rt import block, ct, structures, uniform_gy
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.segments.seg import SegSegment, list_segments
from tumor_response.imaging.dicom.series.series import read_series_geometry
from tumor_response.imaging.dicom.treatment.dose import read_dose
from tumor_response.imaging.dicom.treatment.dose_in_mask import mean_dose_gy
from tumor_response.imaging.dicom.treatment.plan import read_plan

# lengths, delimiters, numbers and representations that a parser may stumble over
TOKENS = [
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
    b"\xff\xff",
    b"\x01\x00",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0",
    b"1e999",
    b"nan ",
    b"-1",
    b"9" * 16,
    b"SQ",
    b"UN\x00\x00",
    b"\\",
]


NAMES = [
    "BINARY",
    "FRACTIONAL",
    "LABELMAP",
    "implicit",
    "deflated",
    "RLE",
    "JPEG-LS",
    "plan",
    "dose",
]


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("objects")
    series = ct(folder)
    masks = {"A": block(), "B": np.roll(block(), 1, axis=0) * (1 - block())}
    made = {
        kind: factory_rt.seg(folder / f"{kind}.dcm", series, masks, kind=kind)
        for kind in ("BINARY", "FRACTIONAL", "LABELMAP")
    }
    for name, kind, syntax in (
        ("implicit", "BINARY", ImplicitVRLittleEndian),
        ("deflated", "BINARY", DeflatedExplicitVRLittleEndian),
        ("RLE", "FRACTIONAL", RLELossless),
        ("JPEG-LS", "FRACTIONAL", JPEGLSLossless),
    ):
        made[name] = factory_rt.seg(
            folder / f"{name}.dcm", series, {"A": block()}, kind=kind, transfer_syntax=syntax
        )
    made["plan"] = factory_rt.plan(
        folder / "plan.dcm",
        structures(folder / "p"),
        fractions=(25, 5),
        beam_doses_gy=((1.0, 1.0), (2.0,)),
    )
    made["dose"] = factory_rt.dose(folder / "dose.dcm", made["plan"], uniform_gy())
    grid = read_series_geometry([DicomFile(file) for file in series]).grid
    return {name: path.read_bytes() for name, path in made.items()}, grid, folder / "damaged.dcm"


@st.composite
def damages(draw):
    """A few changes of bytes: where (a share of the length), how, and with what."""
    place = st.floats(0, 1, exclude_max=True)
    change = st.one_of(
        st.tuples(st.just("set"), place, st.binary(min_size=1, max_size=4)),
        st.tuples(st.just("set"), place, st.sampled_from(TOKENS)),
        st.tuples(st.just("cut"), place, st.integers(1, 64)),
        st.tuples(st.just("repeat"), place, st.integers(1, 128)),
        st.tuples(st.just("end"), place, st.none()),
    )
    return draw(st.lists(change, min_size=1, max_size=4))


def damaged(content, changes):
    content = bytearray(content)
    for how, place, what in changes:
        at = int(place * len(content))
        if how == "set":
            content[at : at + len(what)] = what
        elif how == "cut":
            del content[at : at + what]
        elif how == "repeat":
            content[at:at] = content[at : at + what]
        else:
            del content[at:]
    return bytes(content)


def look(name, file, grid):
    if name == "plan":
        _ = read_plan(file).findings
    elif name == "dose":
        mask = sitk.GetImageFromArray(np.ones((3, 3, 3), np.uint8))
        mean_dose_gy(read_dose(file), mask)
    else:
        list_segments(file)
        SegSegment(file, 1, "A").load(grid)


@settings(max_examples=300)
@given(
    name=st.sampled_from(NAMES),
    changes=damages(),
)
def test_damaged_objects_raise_nothing_but_our_errors(objects, name, changes):
    contents, grid, path = objects
    path.write_bytes(damaged(contents[name], changes))
    message = path.name
    try:
        look(name, DicomFile(path), grid)
    except CaseError as error:
        message = str(error)
    assert message.startswith(path.name)
    assert str(path.parent) not in message
    assert not any(secret in message for secret in SECRETS)


def test_undamaged_objects_are_read(objects):
    contents, grid, path = objects
    for name, content in contents.items():
        path.write_bytes(content)
        look(name, DicomFile(path), grid)
