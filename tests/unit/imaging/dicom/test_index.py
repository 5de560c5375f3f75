"""The index: only what changed is read, nothing is lost in a kill, and no secret gets in."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests import dicom_factory as factory
from tests.dicom_factory_rt import plan, seg
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.archive import index as index_room
from tumor_response.imaging.dicom.archive import scan
from tumor_response.imaging.dicom.archive.catalog import open_index
from tumor_response.imaging.dicom.archive.index import Indexed, default_index, read_index

SQUARE = np.array([(4, 4, 3), (20, 4, 3), (20, 20, 3), (4, 20, 3)], float)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two patients, one with contours, and what else lies in such a folder."""
    folder = tmp_path / "archive"
    series = factory.ct_series(folder / "one" / "ct", patient_id="P1", n_slices=6)
    factory.rtstruct(folder / "one" / "RS", series, {"GTV": [SQUARE]})
    factory.ct_series(folder / "two", patient_id="P2", n_slices=4)
    (folder / "README.txt").write_text("Dear colleague")
    return folder


def many(folder: Path, patient_id: str, n: int) -> None:
    """A series of many slices, each the bytes of the first with another UID in them."""
    (first,) = factory.ct_series(folder, patient_id=patient_id, n_slices=1, size=(4, 4))
    data = first.read_bytes()
    uid = str(pydicom.dcmread(first).SOPInstanceUID).encode()
    for k in range(1, n):
        other = uid[:-5] + f"{k:05d}".encode()
        (folder / f"CT{k:04d}.dcm").write_bytes(data.replace(uid, other))


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The files whose headers were read, by name, in this process."""
    read: list[str] = []
    real = scan.read_header

    def recording(stream, name):
        read.append(name)
        return real(stream, name)

    monkeypatch.setattr(scan, "read_header", recording)
    return read


def kinds(indexed: Indexed) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in indexed.files:
        found[one.kind] = found.get(one.kind, 0) + 1
    return found


def test_all_objects_are_there_and_read_once(folder, place, opened):
    first = read_index(folder, place, 1)
    assert kinds(first) == {"image": 10, "rtstruct": 1}
    assert first.n_files == 12
    assert len(opened) == 12
    assert not first.rebuilt
    assert read_index(folder, place, 1) == first
    assert len(opened) == 12


def test_only_what_changed_is_read_again(folder, place, opened):
    before = read_index(folder, place, 1)
    opened.clear()
    changed = folder / "two" / "CT0001.dcm"
    changed.write_bytes(changed.read_bytes() + b"\0\0")
    (folder / "two" / "CT0002.dcm").unlink()
    shutil.copy(folder / "one" / "RS", folder / "new")
    os.utime(folder / "README.txt", ns=(1, 1))  # the same bytes, for all that is known
    after = read_index(folder, place, 1)
    assert sorted(opened) == ["CT0001.dcm", "README.txt", "new"]
    assert kinds(after) == {"image": 9, "rtstruct": 2}
    assert {f.file.name for f in before.files} - {f.file.name for f in after.files} == set()
    database = sqlite3.connect(place)
    n_headers = database.execute("SELECT count(*) FROM headers").fetchone()[0]
    n_used = database.execute("SELECT count(DISTINCT header) FROM files").fetchone()[0]
    database.close()
    assert n_headers == n_used


def test_the_same_answer_whatever_n_jobs(folder, tmp_path):
    many(folder / "many", "P3", 1100)
    one = read_index(folder, tmp_path / "1.sqlite", 1)
    two = read_index(folder, tmp_path / "2.sqlite", 2)
    assert one == two
    assert kinds(one)["image"] == 1110


def test_files_in_archives(folder, place, opened):
    plain = read_index(folder, place, 1)
    with zipfile.ZipFile(folder / "more.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "two").iterdir()):
            archive.write(path, f"export/{path.name}")
        archive.writestr("export/notes.txt", "nothing")
    shutil.rmtree(folder / "two")
    opened.clear()
    zipped = read_index(folder, place, 1)
    assert len(opened) == 6  # the archive, four slices, notes
    assert [f.sop_uid for f in zipped.files if f.file.member] == [
        f.sop_uid for f in plain.files if f.file.path.parent.name == "two"
    ]
    assert {f.file.name for f in zipped.files if f.file.member} == {
        f"more.bin/export/CT{k:04d}.dcm" for k in range(4)
    }
    assert next(f.file for f in zipped.files if f.file.member).read().PatientID == "P2"
    opened.clear()
    assert read_index(folder, place, 1) == zipped
    assert opened == []


def test_one_archive_instead_of_a_folder(folder, tmp_path, place):
    shutil.make_archive(str(tmp_path / "export"), "zip", folder)
    catalog = open_index(tmp_path / "export.zip", index=place)
    assert [series.n for series in catalog.series] == [6, 4]
    assert catalog.series[0].files[0].read().PatientID == "P1"


def test_an_archive_that_was_half_read_is_finished(folder, place, monkeypatch, opened):
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for path in sorted((folder / "one" / "ct").iterdir()):
            archive.write(path, path.name)
    monkeypatch.setattr(index_room, "_BATCH_FILES", 2)
    real, n_stored = index_room._store, 0

    def interrupted(database, rows):
        nonlocal n_stored
        rows = list(rows)
        n_stored += sum(bool(row.member) for row in rows)
        if n_stored > 4:
            raise KeyboardInterrupt
        real(database, rows)

    monkeypatch.setattr(index_room, "_store", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_index(folder, place, 1)
    monkeypatch.setattr(index_room, "_store", real)
    opened.clear()
    finished = read_index(folder, place, 1)
    assert opened == ["more.zip/CT0004.dcm", "more.zip/CT0005.dcm"]
    assert sum(bool(f.file.member) for f in finished.files) == 6


def test_a_read_only_archive(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    catalog = open_index(folder)
    assert len(catalog.series) == 2
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
    place = default_index(folder)
    assert place.is_relative_to(tmp_path / "cache")
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o077 == 0
    assert "archive" not in place.name


def test_no_secret_gets_in(folder, place):
    series = sorted((folder / "one" / "ct").iterdir())
    seg(folder / "seg", series, {"lesion": np.ones((6, 32, 32), np.uint8)})
    plan(folder / "plan", folder / "one" / "RS")
    catalog = open_index(folder, index=place)
    assert len(catalog.segmentations) == len(catalog.plans) == 1
    assert catalog.series[0].age_years == 77.0  # computed from the birth date
    for held in (place.read_bytes(), repr(catalog).encode(), catalog.unreadable.to_csv().encode()):
        for secret in factory.SECRETS:
            assert secret.encode() not in held
        assert b"1942-07-13" not in held


CRAWL = """
import sys
import time
from pathlib import Path
from tumor_response.imaging.dicom.archive import index
index._BATCH_FILES = 20
real = index._store
def slowly(database, rows):
    real(database, rows)
    time.sleep(0.05)
index._store = slowly
found = index.read_index(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
print(len(found.files), found.rebuilt)
"""


def start(folder: Path, place: Path, n_jobs: int, out: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", CRAWL, str(folder), str(place), str(n_jobs)]
    return subprocess.Popen(command, start_new_session=True, stdout=out, stderr=out, text=True)


def n_indexed(place: Path) -> int:
    try:
        database = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=10)
        found = database.execute("SELECT count(*) FROM files").fetchone()[0]
        database.close()
    except sqlite3.OperationalError:
        return 0
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_killed_run_goes_on_where_it_stood(n_jobs, tmp_path, place, opened):
    folder = tmp_path / "archive"
    for patient in range(4):
        many(folder / str(patient), f"P{patient}", 150)
    run = start(folder, place, n_jobs, subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while n_indexed(place) < 300:
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGKILL)  # the workers too
    assert run.wait() == -signal.SIGKILL
    n_kept = n_indexed(place)
    assert 300 <= n_kept < 600
    resumed = read_index(folder, place, 1)
    assert len(opened) == 600 - n_kept
    assert not resumed.rebuilt
    assert resumed == read_index(folder, tmp_path / "undisturbed.sqlite", 1)


def test_two_runs_at_once_share_one_index(folder, tmp_path, place, opened):
    many(folder / "more", "P9", 200)
    runs = [start(folder, place, 1, subprocess.PIPE) for _ in range(3)]
    answers = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], answers
    assert {out for out, _ in answers} == {"211 False\n"}
    assert read_index(folder, place, 1) == read_index(folder, tmp_path / "alone.sqlite", 1)


def damaged_pages(data: bytes) -> bytes:
    return data[:100] + os.urandom(len(data) - 100)


@pytest.mark.parametrize(
    "damage",
    [damaged_pages, lambda data: data[: len(data) // 2], lambda data: b"not a database" * 1000],
    ids=["pages", "cut", "header"],
)
def test_a_damaged_index_is_made_anew_and_told(damage, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sound = open_index(folder)
    assert sound.findings == ()
    place = default_index(folder)
    place.write_bytes(damage(place.read_bytes()))
    again = open_index(folder)
    assert [finding.code for finding in again.findings] == ["index_rebuilt"]
    assert again.series == sound.series
    assert open_index(folder).findings == ()


def test_facts_that_are_no_json_are_damage(folder, place):
    read_index(folder, place, 1)
    database = sqlite3.connect(place)
    database.execute("UPDATE headers SET facts = substr(facts, 3)")
    database.commit()
    database.close()
    assert read_index(folder, place, 1).rebuilt


def test_an_index_of_another_version_is_made_anew(folder, place, monkeypatch, opened):
    read_index(folder, place, 1)
    opened.clear()
    monkeypatch.setattr(index_room, "SCHEMA_VERSION", 999)
    assert not read_index(folder, place, 1).rebuilt
    assert len(opened) == 12


def test_nobodys_file_is_overwritten(folder, tmp_path):
    table = tmp_path / "patients.csv"
    table.write_text("patient_id,image\n")
    with pytest.raises(SettingsError, match=r"not the index"):
        open_index(folder, index=table)
    assert table.read_text() == "patient_id,image\n"
    other = tmp_path / "other.sqlite"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE files (mine TEXT)")
    database.commit()
    database.close()
    before = other.read_bytes()
    with pytest.raises(SettingsError, match=r"not the index"):
        open_index(folder, index=other)
    assert other.read_bytes() == before


def test_an_index_that_never_held_anything_is_used(folder, place):
    database = sqlite3.connect(place)
    database.execute("CREATE TABLE files (path)")
    database.execute("DROP TABLE files")
    database.commit()
    database.close()
    assert place.stat().st_size > 0
    assert not read_index(folder, place, 1).rebuilt


def test_no_place_for_the_index(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CaseError, match="index=") as refused:
        open_index(folder, index=tmp_path / "file" / "index.sqlite")
    assert refused.value.code == "index_unusable"


def test_no_folder(tmp_path, place):
    with pytest.raises(CaseError, match="no such folder") as refused:
        open_index(tmp_path / "nowhere", index=place)
    assert refused.value.code == "folder_missing"


def test_a_file_that_vanishes_between_walk_and_reading(folder, place, monkeypatch):
    real = scan._read_files

    def late(batch):
        (folder / "two" / "CT0003.dcm").unlink(missing_ok=True)
        return real(batch)

    monkeypatch.setattr(scan, "_read_files", late)
    catalog = open_index(folder, index=place)
    told = catalog.unreadable
    assert told[["file", "reason"]].to_numpy().tolist() == [["CT0003.dcm", "file_missing"]]
    assert [series.n for series in catalog.series] == [6, 3]
    assert open_index(folder, index=place).unreadable.empty  # it is simply not there


def test_a_file_that_cannot_be_read_is_tried_again(folder, place, monkeypatch):
    real = Path.open

    def refusing(self, *arguments, **options):
        if self.name == "CT0003.dcm":
            raise PermissionError
        return real(self, *arguments, **options)

    with monkeypatch.context() as closed:
        closed.setattr(Path, "open", refusing)
        told = open_index(folder, index=place).unreadable
        assert set(told["reason"]) == {"file_unreadable"}
    assert open_index(folder, index=place).unreadable.empty


def test_files_that_say_to_be_dicom_and_are_not(folder, place):
    (folder / "broken").write_bytes(bytes(128) + b"DICM" + b"\x08\x00\x18\x00UI\x99")
    (folder / "empty").write_bytes(b"")
    with zipfile.ZipFile(folder / "outer.zip", "w") as archive:
        archive.write(folder / "broken", "broken")
        archive.writestr("inner", b"PK\x03\x04 another archive")
    (folder / "torn.zip").write_bytes((folder / "outer.zip").read_bytes()[:-30])
    told = open_index(folder, index=place).unreadable.set_index("file")["reason"].to_dict()
    assert told == {
        "broken": "not_dicom",
        "outer.zip/broken": "not_dicom",
        "outer.zip/inner": "archive_refused",
        "torn.zip": "archive_refused",
    }


def test_a_member_that_is_damaged_is_told_by_name(folder, place):
    with zipfile.ZipFile(folder / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "two").iterdir()):
            archive.write(path, path.name)
        first, second = archive.infolist()[:2]
    data = bytearray((folder / "more.zip").read_bytes())
    middle = first.header_offset + 60
    data[middle : middle + 40] = b"\xff" * 40
    data[second.header_offset : second.header_offset + 4] = b"XXXX"
    (folder / "more.zip").write_bytes(data)
    told = open_index(folder, index=place).unreadable.set_index("file")["reason"].to_dict()
    assert told == {
        "more.zip/CT0000.dcm": "archive_refused",
        "more.zip/CT0001.dcm": "archive_refused",
    }


@pytest.mark.needs("data")
def test_the_real_tree(shared_data, place):
    indexed = read_index(shared_data / "sts" / "dicom", place, 1)
    assert kinds(indexed) == {"image": 362, "rtstruct": 6}
