"""The examples that ask whether a result can be believed, and what is behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

import tumor_response as tr
from tests.integration.examples.running import output_of


def test_can_it_be_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUMOR_RESPONSE_KEY_FILE", str(tmp_path / "key.txt"))
    small = ["--patients", 30, "--resamples", 8, "--permutations", 19, "--repeats", 2]
    said = output_of("06_can_it_be_believed.py", tmp_path / "out", *small, "--n-jobs", 1)
    assert "Leakage trace: resamples 0, 4, 7 of 8 were watched." in said
    assert "FAULT" not in said
    assert "For reading, not for selecting" in said
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for heading in ("Leakage trace", "Negative controls", "Robustness", "Sites"):
        assert f">{heading}</h2>" in page
    assert "not asked" not in page


def test_explained(tmp_path: Path) -> None:
    small = ["--patients", 16, "--resamples", 4, "--permutations", 19, "--lesions", 2]
    said = output_of("07_explained.py", tmp_path, *small, "--steps", 2, "--n-jobs", 1)
    assert "eigen_cam on 2 lesions: its maps stay as they are" in said
    maps = tr.AttentionMaps.load(tmp_path / "attention")
    assert len(maps) + len(maps.failures) == 16
    assert set(maps.failures["reason"]) <= {"never_out_of_bag"}  # of four resamples
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for title in ("Whether the maps can be believed", "Where it looked, and where it shrank"):
        assert title in page
