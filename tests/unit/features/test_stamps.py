"""Noticing that a file is another one, whatever the clock says."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tumor_response.features import stamps
from tumor_response.features.stamps import content_stamp, version_stamp

LONG_AGO_NS = 10**18


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file; and the clock goes an hour ahead, so that the file is not young any more."""
    path = tmp_path / "image.nii"
    path.write_bytes(b"voxels")
    now = time.time_ns
    monkeypatch.setattr(stamps.time, "time_ns", lambda: now() + 3_600 * 10**9)
    return path


def overwritten(path: Path) -> None:
    path.write_bytes(b"VOXELS")


def overwritten_and_dated_back(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"VOXELS")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def another_put_in_its_place(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"VOXELS")
    shutil.copystat(path, other)
    other.replace(path)


def appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


@pytest.mark.parametrize(
    "change", [overwritten, overwritten_and_dated_back, another_put_in_its_place, appended]
)
def test_no_change_leaves_the_content_stamp(settled: Path, change) -> None:
    before = content_stamp([settled])
    assert before == content_stamp([settled])
    time.sleep(0.02)  # a tick of the file system's clock; within one, a file is too young
    change(settled)
    assert before is not None
    assert content_stamp([settled]) != before


def test_a_young_file_has_no_content_stamp(tmp_path: Path) -> None:
    path = tmp_path / "image.nii"
    path.write_bytes(b"voxels")
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))  # its own date says nothing of its age
    assert content_stamp([path]) is None


def test_a_clock_that_was_set_back_makes_no_file_old(
    settled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps.time, "time_ns", lambda: LONG_AGO_NS)
    assert content_stamp([settled]) is None


def test_a_missing_file_has_no_content_stamp_but_a_version(settled: Path) -> None:
    there = version_stamp([settled])
    settled.unlink()
    assert content_stamp([settled]) is None
    gone = version_stamp([settled])
    assert gone == version_stamp([settled])
    assert gone != there


@pytest.mark.parametrize("change", [overwritten, appended, Path.unlink])
def test_a_version_stamp_sees_what_happens_during_a_run(tmp_path: Path, change) -> None:
    image, mask = tmp_path / "image.nii", tmp_path / "mask.nii"
    for path in (image, mask):
        path.write_bytes(b"voxels")
        os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS))
    before = version_stamp([image, mask])
    change(mask)
    assert version_stamp([image, mask]) != before


def test_a_version_stamp_is_the_same_where_inodes_are_others(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"  # as one share mounted on two machines
    here.write_bytes(b"voxels")
    shutil.copy2(here, there)
    assert version_stamp([here]) == version_stamp([there])
