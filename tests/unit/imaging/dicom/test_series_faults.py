"""Every planted fault of a series is refused or reported under its code, naming the slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import dicom_factory as factory
from tests import dicom_faults
from tests.dicom_faults import SERIES_FAULTS, Fault
from tumor_response.exceptions import CaseError, TumorResponseError
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.imaging.dicom.series.series import read_series, read_series_geometry


def files_of(paths: list[Path]) -> list[DicomFile]:
    return [DicomFile(path) for path in paths]


@pytest.mark.parametrize("fault", SERIES_FAULTS, ids=lambda fault: fault.name)
def test_fault(tmp_path: Path, fault: Fault):
    files = files_of(fault.make(tmp_path))
    if fault.outcome == "refused":
        with pytest.raises(CaseError) as caught:
            read_series(files)
        told = [(caught.value.code, str(caught.value))]
        if fault.headers_tell:
            with pytest.raises(CaseError) as caught:
                read_series_geometry(files)
            assert (caught.value.code, str(caught.value)) == told[0]
        else:
            read_series_geometry(files)
    else:
        told = [(f.code, f.message) for f in read_series(files).findings]
    assert [code for code, _ in told] == [fault.code]
    assert fault.names in told[0][1]
    secrets = (*factory.SECRETS, dicom_faults.SERIES_UID, "2.25.", "20200101", str(tmp_path))
    assert not [secret for secret in secrets if secret in told[0][1]]


@pytest.mark.parametrize("fault", SERIES_FAULTS, ids=lambda fault: fault.name)
def test_what_is_told_does_not_depend_on_the_order_of_files(tmp_path: Path, fault: Fault):
    def told(files: list[DicomFile]) -> list[str]:
        try:
            return [f.message for f in read_series(files).findings]
        except CaseError as error:
            return [str(error)]

    files = files_of(fault.make(tmp_path))
    assert told(files) == told(files[::-1])


def test_codes_are_few_and_each_is_planted():
    planted = {fault.code for fault in SERIES_FAULTS}
    rooms = (
        "headers",
        "stacking",
        "spacing",
        "pixels",
        "values",
        "suv",
        "decay",
        "decoder",
        "series",
    )
    import re

    import tumor_response.imaging.dicom.series.series as room

    folder = Path(room.__file__).parent
    text = "".join((folder / f"{name}.py").read_text() for name in rooms)
    known = set(re.findall(r'code="(\w+)"', text)) | set(re.findall(r'Finding\(\s*"(\w+)"', text))
    assert known - planted == {"suv_scale"}  # what is always told of a PET series
    assert planted <= known


@given(positions=st.lists(st.integers(-60, 60), min_size=2, max_size=12, unique=True))
@settings(max_examples=60)
def test_a_volume_comes_out_of_equal_steps_only(tmp_path_factory, positions):
    """Positions in steps of 0.5 mm: read if they are equally spaced, refused if they are not."""
    folder = tmp_path_factory.mktemp("series")
    at = sorted(positions)

    def place(dataset, k):
        dataset.ImagePositionPatient = [0.0, 0.0, positions[k] / 2]

    files = files_of(factory.ct_series(folder, n_slices=len(at), size=(2, 2), edit=place))
    steps = np.diff(at)
    if (steps == steps[0]).all():
        image = read_series(files).image
        assert image.GetSpacing()[2] == steps[0] / 2
        order = np.argsort(positions)
        np.testing.assert_array_equal(
            sitk.GetArrayFromImage(image), factory.phantom((len(at), 2, 2))[order]
        )
    else:
        with pytest.raises(CaseError) as caught:
            read_series(files)
        assert caught.value.code in ("slice_missing", "slice_spacing")


@given(data=st.data())
@settings(max_examples=150)
def test_damaged_bytes_give_a_volume_or_an_error_of_ours(tmp_path_factory, data):
    """Bytes of two small slices are overwritten, cut or repeated anywhere."""
    folder = tmp_path_factory.mktemp("series")
    syntax = data.draw(st.sampled_from([factory.ExplicitVRLittleEndian, factory.RLELossless]))
    paths = factory.ct_series(folder, n_slices=2, size=(8, 8), transfer_syntax=syntax)
    raw = bytearray(paths[0].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(132, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.one_of(st.none(), st.integers(0, len(raw))))
    paths[0].write_bytes(bytes(raw[:end]))
    try:
        image = read_series(files_of(paths)).image
    except TumorResponseError:
        pass
    else:
        assert np.isfinite(sitk.GetArrayViewFromImage(image)).all()
