"""Every fault of a SEG, RTPLAN or RTDOSE is refused, or told, by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.dicom_factory import SECRETS
from tests.dicom_faults_rt import RT_FAULTS, Fault, dose, plan, seg
from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.segments import seg as seg_room


@pytest.mark.parametrize("fault", RT_FAULTS, ids=lambda f: f"{f.kind} {f.name}")
def test_a_fault_gets_its_code(fault, tmp_path):
    file = fault.make(tmp_path)
    if fault.outcome == "refused":
        with pytest.raises(CaseError) as refused:
            fault.look(file)
        code, message = refused.value.code, str(refused.value)
        assert message.startswith(file.name)
        assert str(tmp_path) not in message
    else:
        [(code, message)] = [(f.code, f.message) for f in fault.look(file) if f.code == fault.code]
    assert code == fault.code
    assert fault.names in message
    assert not any(secret in message for secret in (*SECRETS, "SECRET", "2.25."))


@pytest.mark.parametrize(("kind", "make"), [("SEG", seg()), ("RTPLAN", plan()), ("RTDOSE", dose())])
def test_what_has_no_fault_has_no_finding(kind, make, tmp_path):
    sound = Fault(kind, "none", make, "", "")
    assert sound.look(sound.make(tmp_path)) == ()


ROOMS = (
    *("segments/seg", "segments/seg_frames", "series/multiframe"),
    *("treatment/plan", "treatment/dose", "treatment/dose_in_mask"),
)


def test_every_code_of_the_readers_is_in_the_table():
    folder = Path(seg_room.__file__).parents[1]
    source = "".join((folder / f"{room}.py").read_text(encoding="utf-8") for room in ROOMS)
    codes = set(re.findall(r'code="(\w+)"|Finding\(\s*"(\w+)"', source))
    codes = {one or other for one, other in codes}
    assert "segment_off_slice" in codes
    # of the caller's mask, not of a file
    assert codes - {fault.code for fault in RT_FAULTS} == {"mask_empty"}
