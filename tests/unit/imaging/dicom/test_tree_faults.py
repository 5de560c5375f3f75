"""Every planted fault of a folder is told under its code, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import dicom_factory as factory
from tests.dicom_faults_tree import TREE_FAULTS, drawn, look
from tumor_response.imaging.dicom.archive import catalog as catalog_room


@pytest.mark.parametrize("fault", TREE_FAULTS, ids=lambda fault: fault.name)
def test_a_fault_gets_its_code(fault, tmp_path):
    (tmp_path / "archive").mkdir()
    fault.make(tmp_path / "archive")
    [(code, message)] = fault.look(tmp_path / "archive")
    assert code == fault.code
    for secret in (*factory.SECRETS, "2.25.", "2020", str(tmp_path)):
        assert secret not in message


def test_what_has_no_fault_is_told_nothing(tmp_path):
    drawn(tmp_path / "archive")
    assert look(tmp_path / "archive") == []


ROOMS = ("catalog", "references", "brief_header", "scan", "tree")


def test_every_code_is_in_the_table():
    folder = Path(catalog_room.__file__).parent
    source = "".join((folder / f"{room}.py").read_text(encoding="utf-8") for room in ROOMS)
    patterns = (
        r'code="(\w+)"',
        r'Finding\(\s*"(\w+)"',
        r'unreadable\(\s*"(\w+)"',
        r'problem="(\w+)"',
        r'UnreadableFile\(\s*\w+,\s*"(\w+)"',
        r'_step_down\(references, "(\w+)"',
    )
    codes = {code for pattern in patterns for code in re.findall(pattern, source)}
    # what a permission stops cannot be planted where tests run as root; see test_tree, test_index
    assert codes - {fault.code for fault in TREE_FAULTS} == {"file_unreadable", "folder_unreadable"}
    assert {fault.code for fault in TREE_FAULTS} <= codes
