"""Verifying a folder: every planted fault is named, and nothing outside is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.predictor import small
from tumor_response.cli.app import app
from tumor_response.exceptions import BundleError
from tumor_response.export.package import PackageFacts, write_package
from tumor_response.export.verifying import verify
from tumor_response.predictor.saving import save_state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "bundle"
    (place / "inner").mkdir(parents=True)
    (place / "a.csv").write_text("x\n1\n", encoding="utf-8")
    (place / "inner" / "bä.txt").write_text("words", encoding="utf-8")
    files = [place / "a.csv", place / "inner" / "bä.txt"]
    write_package(place, [], files, PackageFacts(date="2026-11-30"))
    return place


def problems(folder: Path) -> list[str]:
    found = verify(folder)
    assert found.ok is (not found.problems)
    return [str(problem) for problem in found.problems]


def test_what_was_sent_is_sound(folder: Path) -> None:
    assert problems(folder) == []
    assert verify(folder).n_files == 4


def test_every_flipped_byte_is_found(folder: Path) -> None:
    for path in [p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"]:
        content = path.read_bytes()
        for place in range(0, len(content), max(1, len(content) // 7)):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            assert problems(folder) == [f"changed: {path.relative_to(folder).as_posix()}"]
        path.write_bytes(content)
    assert problems(folder) == []


def test_missing_extra_and_changed_files_are_named(folder: Path) -> None:
    (folder / "a.csv").unlink()
    (folder / "inner" / "bä.txt").write_text("other", encoding="utf-8")
    (folder / "inner" / "notes.doc").write_text("mine", encoding="utf-8")
    (folder / "ro-crate-metadata.json").unlink()
    (folder / "ro-crate-metadata.json").mkdir()  # a folder in a file's place
    assert problems(folder) == [
        "missing: a.csv",
        "changed: inner/bä.txt",
        "extra: inner/notes.doc",
        "missing: ro-crate-metadata.json",
    ]


def test_links_and_pipes_are_named_and_not_read(folder: Path) -> None:
    target = folder.parent / "elsewhere.csv"
    target.write_bytes((folder / "a.csv").read_bytes())  # the right bytes, at the wrong place
    (folder / "a.csv").unlink()
    (folder / "a.csv").symlink_to(target)
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")  # reading it would wait for ever
    assert problems(folder) == ["link: a.csv", "link: loop", "link: pipe"]


HOSTILE_LINES = {
    "a way out": "{sum}  ../elsewhere.csv",
    "an absolute path": "{sum}  /etc/hostname",
    "a way around": "{sum}  inner/../a.csv",
    "another system's way": "{sum}  inner\\bä.txt",
    "no sum": "ab  a.csv",
    "capitals": "{SUM}  b.csv",
    "nothing": "",
    "a second sum of one file": "{sum}  a.csv",
}


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_lines_that_mean_nothing_are_problems(folder: Path, line: str) -> None:
    told = HOSTILE_LINES[line].replace("{sum}", "0" * 64).replace("{SUM}", "AB" * 32)
    with (folder / "SHA256SUMS").open("a", encoding="utf-8") as sums:
        sums.write(f"{told}\n")
    assert problems(folder) == ["sums: SHA256SUMS, line 5"]


def test_what_is_no_bundle_is_refused(folder: Path) -> None:
    sums = folder / "SHA256SUMS"
    sums.write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match="no text"):
        verify(folder)
    sums.write_text("nothing of the kind\n", encoding="utf-8")
    with pytest.raises(BundleError, match="names no file") as caught:
        verify(folder)
    assert caught.value.code == "bundle_sums"
    with sums.open("wb") as file:
        file.truncate(1 << 25)
    with pytest.raises(BundleError, match="more than"):
        verify(folder)
    sums.unlink()
    for place in (folder, folder / "a.csv", folder / "nowhere"):
        with pytest.raises(BundleError, match="no folder with a file SHA256SUMS") as caught:
            verify(place)
        assert caught.value.code == "bundle_missing"


def test_the_sum_of_sums_tells_a_forged_folder_from_the_sent_one(folder: Path) -> None:
    sent = verify(folder).sha256
    (folder / "a.csv").write_text("x\n2\n", encoding="utf-8")
    files = [folder / "a.csv", folder / "inner" / "bä.txt"]
    write_package(folder, [], files, PackageFacts(date="2026-11-30"))
    assert verify(folder).ok  # whoever can change a file can change its sum
    assert verify(folder).sha256 != sent


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["verify", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.output


def test_the_command_says_what_is_wrong_and_ends_accordingly(folder: Path) -> None:
    code, told = run(folder)
    assert code == 0
    assert "4 files, all as they were sent" in told
    assert verify(folder).sha256 in told
    (folder / "a.csv").unlink()
    for number in range(60):
        (folder / f"[red]{number:02d}").write_text("x", encoding="utf-8")
    code, told = run(folder)
    assert code == 1
    assert "extra: [red]00" in told
    assert "and 11 more" in told
    assert "61 problem(s)" in told
    code, told = run(folder.parent)
    assert code == 2
    assert "no folder with a file SHA256SUMS" in told


def test_the_command_takes_a_predictors_file(tmp_path: Path) -> None:
    path = tmp_path / "model.trz"
    sha256 = save_state(small.tiny(), path)
    code, told = run(path)
    assert code == 0
    assert "whole and of known types" in told
    assert sha256 in told
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    code, told = run(path)
    assert code == 1
    assert "The predictor file is refused" in told
    code, told = run(tmp_path / "nowhere.trz")
    assert code == 2
    assert "No such file" in told
