"""Every fault of a structure set is refused, or told, by its name."""

from __future__ import annotations

import pytest

from tests.dicom_factory import SECRETS
from tests.dicom_faults_contours import CONTOUR_FAULTS, Fault, block, structures
from tumor_response.exceptions import CaseError


@pytest.mark.parametrize("fault", CONTOUR_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_gets_its_code(fault, tmp_path):
    file = fault.make(tmp_path)
    if fault.outcome == "refused":
        with pytest.raises(CaseError) as refused:
            fault.look(file)
        code, message = refused.value.code, str(refused.value)
    else:
        [(code, message)] = [(f.code, f.message) for f in fault.look(file) if f.code == fault.code]
    assert code == fault.code
    assert message.startswith(f"{file.name}: ")
    assert str(tmp_path) not in message
    assert not any(secret in message for secret in (*SECRETS, "2.25."))


def test_what_has_no_fault_has_no_finding(tmp_path):
    sound = Fault("none", structures(block()), "", "")
    assert sound.look(sound.make(tmp_path)) == ()
