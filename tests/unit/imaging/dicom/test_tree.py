"""The walk finds every file of any tree, and an archive's directory is not believed blindly."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.archive import tree
from tumor_response.imaging.dicom.archive.tree import archive_members, walk


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(root: Path) -> list[str]:
    return [found.relative for found in walk(root)]


def test_every_file_in_a_fixed_order(tmp_path):
    for name in ("b/2", "b/1", "a/deep/er/x.dcm", "IM0001", ".hidden/IM", "b/.DS_Store", "a b/ü"):
        put(tmp_path / name)
    expected = ["IM0001", ".hidden/IM", "a/deep/er/x.dcm", "a b/ü", "b/.DS_Store", "b/1", "b/2"]
    assert names(tmp_path) == expected
    found = next(walk(tmp_path))
    status = (tmp_path / "IM0001").stat()
    assert (found.size, found.mtime_ns, found.problem) == (1, status.st_mtime_ns, "")


def test_a_file_is_a_tree_of_itself(tmp_path):
    assert names(put(tmp_path / "export.zip")) == ["export.zip"]


def test_links_are_followed_once(tmp_path):
    put(tmp_path / "a" / "1")
    put(tmp_path.with_name(tmp_path.name + "-elsewhere") / "2")
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "b").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "c").symlink_to(tmp_path.with_name(tmp_path.name + "-elsewhere"))
    (tmp_path / "d").symlink_to(tmp_path / "a" / "1")
    assert names(tmp_path) == ["d", "a/1", "c/2"]


def test_dead_and_circular_links_are_told(tmp_path):
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    found = {f.relative: f.problem for f in walk(tmp_path)}
    assert found == dict.fromkeys(("dead", "one", "two"), "file_missing")


def test_pipes_and_sockets_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    put(tmp_path / "file")
    assert names(tmp_path) == ["file"]


def test_names_that_are_no_text(tmp_path):
    (tmp_path / os.fsdecode(b"M\xfcller")).mkdir()
    put(tmp_path / os.fsdecode(b"M\xfcller") / "IM1")
    assert names(tmp_path) == [os.fsdecode(b"M\xfcller/IM1")]


WALK = """
import os, sys
from pathlib import Path
from tumor_response.imaging.dicom.archive.tree import walk
if os.getuid() == 0:
    os.setuid(65534)  # to whom permissions mean something
print([(found.relative, found.problem) for found in walk(Path(sys.argv[1]))])
"""


def test_a_folder_without_permission_is_told(tmp_path):
    for folder in (tmp_path, *tmp_path.parents):  # pytest's own, closed to others
        if folder.stat().st_mode & 0o001:
            break
        folder.chmod(0o755)
    put(tmp_path / "closed" / "1")
    put(tmp_path / "open" / "2")
    (tmp_path / "closed").chmod(0o000)
    done = subprocess.run(
        [sys.executable, "-c", WALK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    (tmp_path / "closed").chmod(0o755)
    assert done.stdout.strip() == "[('closed', 'folder_unreadable'), ('open/2', '')]"


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def test_members_are_listed_without_folders(tmp_path):
    path = archive(tmp_path / "x.zip", {"b/2": b"2", "b/": b"", "a": b"", "../up": b"1"})
    assert archive_members(path) == ["../up", "a", "b/2"]


def patched_sizes(path: Path, size: int) -> Path:
    """Let the directory of an archive claim this unpacked size for every member."""
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = struct.pack("<I", size)
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(data)
    return path


def overlapping(path: Path) -> Path:
    """Many names for the same compressed bytes, as the smallest bombs are made."""
    archive(path, {f"{k:03d}": bytes(100_000) for k in range(50)})
    data = bytearray(path.read_bytes())
    directory = data.find(b"PK\x01\x02")
    path.write_bytes(data)
    with zipfile.ZipFile(path) as opened:
        first = opened.infolist()[0]
        n_first = first.header_offset + 30 + 3 + first.compress_size
    kept = data[:n_first] + data[directory:]
    shift = directory - n_first
    at = kept.find(b"PK\x01\x02")
    while at >= 0:
        kept[at + 42 : at + 46] = struct.pack("<I", 0)
        at = kept.find(b"PK\x01\x02", at + 4)
    end = kept.rfind(b"PK\x05\x06")
    kept[end + 16 : end + 20] = struct.pack("<I", directory - shift)
    path.write_bytes(kept)
    return path


def encrypted(path: Path) -> Path:
    archive(path, {"a": b"secret"})
    data = bytearray(path.read_bytes())
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda p: put(p, b"PK\x03\x04 and then something else"), "damaged"),
        (lambda p: put(p, archive(p, {"a": b"1" * 999}).read_bytes()[:-30]), "damaged"),
        (encrypted, "password"),
        (lambda p: patched_sizes(archive(p, {"a": bytes(10_000)}), 2**31), "claims"),
        (overlapping, "claims"),
    ],
    ids=["no archive", "cut", "password", "ratio", "overlap"],
)
def test_archives_that_are_refused(make, why, tmp_path):
    path = make(tmp_path / "export.zip")
    with pytest.raises(CaseError, match=why) as refused:
        archive_members(path)
    assert refused.value.code == "archive_refused"
    assert str(refused.value).startswith("export.zip")
    assert str(tmp_path) not in str(refused.value)


def test_too_many_members_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(tree, "MAX_MEMBERS", 2)
    path = archive(tmp_path / "x.zip", dict.fromkeys("abc", b"1"))
    with pytest.raises(CaseError, match="3 files"):
        archive_members(path)
