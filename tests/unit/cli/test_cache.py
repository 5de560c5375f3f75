"""What ``tumor-response cache`` says, with which exit code, and what it leaves alone."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit import cases
from tumor_response.cli import app
from tumor_response.cli.console import size_text
from tumor_response.features.cache import FeatureCache
from tumor_response.features.rows import BlockRow

N_ENTRIES = 3


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    return result.exit_code, " ".join(re.sub(r"[│┃╭╮╰╯─┏┓┡┩└┘━┳╇┴┬]", " ", result.output).split())


def fill(location: str | Path) -> None:
    for number in range(N_ENTRIES):
        row = BlockRow(np.arange(2.0))
        FeatureCache(location).put(f"{number:064x}", ["x__a", "x__b"], row, block="radiomics")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    fill(tmp_path / "cache")
    return tmp_path / "cache"


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.features"))


def test_info_counts_what_lies_there(cache: Path) -> None:
    n_bytes = sum(path.stat().st_size for path in entries(cache))
    code, said = run("cache", "info", cache)
    assert code == 0
    assert f"3 entries, {size_text(n_bytes)}" in said
    assert f"features radiomics {tr.__version__} 3 {size_text(n_bytes)}" in said
    assert "temporary" not in said
    assert "not written by this library" not in said


def test_info_tells_of_the_rest(cache: Path) -> None:
    (cache / "notes.txt").write_text("mine")
    part = cache / "00" / ".0a.part"
    part.write_bytes(bytes(1500))
    hours_ago = time.time() - 8000
    os.utime(part, (hours_ago, hours_ago))
    code, said = run("cache", "info", cache)
    assert code == 0
    assert "1 temporary file of killed runs (1.5 kB)" in said
    assert "1 file not written by this library, for example notes.txt" in said


def test_info_of_an_empty_one(tmp_path: Path) -> None:
    code, said = run("cache", "info", tmp_path)
    assert code == 0
    assert said.endswith(": empty.")


def test_verify_ends_with_1_and_prune_takes_the_damage_away(cache: Path) -> None:
    assert run("cache", "verify", cache) == (0, "3 entries are sound, 0 are damaged.")
    damaged = entries(cache)[1]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    code, said = run("cache", "verify", cache)
    assert code == 1
    assert "2 entries are sound, 1 are damaged." in said
    assert f"damaged: {damaged.relative_to(cache)}" in said
    assert f"cache prune {cache} --damaged" in said
    code, said = run("cache", "prune", cache, "--damaged", "--dry-run")
    assert (code, said.split(" (")[0], said.split(") ")[1]) == (0, "1 file", "would go, 2 stay.")
    assert damaged.exists()
    code, said = run("cache", "prune", cache, "--damaged")
    assert (code, said.split(" (")[0], said.split(") ")[1]) == (0, "1 file", "gone, 2 stay.")
    assert run("cache", "verify", cache)[0] == 0


def test_prune_by_age_and_by_size(cache: Path) -> None:
    long_ago = time.time() - 100 * 86_400
    os.utime(entries(cache)[0], (long_ago, long_ago))
    assert "1 file " in run("cache", "prune", cache, "--older-than-days", 99)[1]
    one = entries(cache)[0].stat().st_size
    assert "1 file " in run("cache", "prune", cache, "--max-gb", f"{one * 1.5 / 1e9:.12f}")[1]
    assert "0 files" in run("cache", "prune", cache, "--other-versions")[1]
    assert len(entries(cache)) == 1


@pytest.mark.parametrize("command", ["info", "verify", "prune"])
def test_a_folder_that_is_not_there_is_a_message_and_not_made(tmp_path: Path, command: str) -> None:
    options = ["--damaged"] if command == "prune" else []
    code, said = run("cache", command, tmp_path / "slip", *options)
    assert code == 2
    assert "no such folder. A study's cache is OUT/.cache." in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "Nothing to prune by"),
        (["--max-gb", "-1"], "--max-gb"),
        (["--max-gb", "nan"], "--max-gb"),
        (["--older-than-days", "x"], "--older-than-days"),
    ],
)
def test_prune_without_a_rule_takes_nothing(cache: Path, options: list[str], expected: str) -> None:
    code, said = run("cache", "prune", cache, *options)
    assert code == 2
    assert expected in said
    assert len(entries(cache)) == N_ENTRIES


def test_a_url_is_looked_at_and_its_password_not_shown() -> None:
    MemoryFileSystem.store.clear()
    url = "memory://me:secret@bucket/cache"
    code, said = run("cache", "info", url)
    assert code == 2
    assert "secret" not in said
    fill(url)
    for command in ("info", "verify"):
        code, said = run("cache", command, url)
        assert code == 0
        assert "3 entries" in said
        assert "secret" not in said
    name = next(iter(MemoryFileSystem.store))
    MemoryFileSystem().pipe_file(name, b"damaged")
    code, said = run("cache", "verify", url)
    assert code == 1
    assert "secret" not in said
    assert "1 file " in run("cache", "prune", url, "--damaged")[1]
    assert "2 stay" in run("cache", "prune", url, "--damaged")[1]
    MemoryFileSystem.store.clear()


# --- the cache of a study


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    frame = cases.cohort_folder(tmp_path, 3)[["patient_id", "image", "mask", "age"]]
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path / "manifest.csv"


LIGHT = ("--radiomics", "minimal", "--backbone", "none", "--n-jobs", "1")


def test_a_studys_cache_may_lie_behind_a_url(manifest: Path, tmp_path: Path) -> None:
    MemoryFileSystem.store.clear()
    extract = ("extract", manifest, "--out", tmp_path / "out", *LIGHT)
    for said_of_it in ("Nothing came from the cache", "All 3 extractions"):
        code, said = run(*extract, "--cache-dir", "memory://bucket/cache")
        assert code == 0, said
        assert said_of_it in said
    assert not (tmp_path / "out" / ".cache").exists()
    MemoryFileSystem.store.clear()


def test_a_cache_that_cannot_be_used_is_a_message(manifest: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", "nosuch://bucket/x"):
        out = ("--out", tmp_path / "out")
        code, said = run("extract", manifest, *out, *LIGHT, "--cache-dir", place)
        assert code == 2
        assert "cache_dir=" in said
        assert "Traceback" not in said
