"""The example that sends a predictor to another hospital."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.integration.examples.running import output_of


def test_predictor(tmp_path: Path) -> None:
    small = ["--patients", 28, "--resamples", 3, "--folds", 3, "--contours", 2, "--n-jobs", 1]
    said = output_of("09_predictor.py", tmp_path, *small)
    assert "recalibrated: intercept" in said
    found = pd.read_csv(tmp_path / "predictions.csv")
    assert not found["refused"].any()
    assert found["probability"].between(0, 1).all()
    assert "not a medical device" in (tmp_path / "model_card.html").read_text().lower()
    files = [(tmp_path / name).read_bytes() for name in ("model.trz", "model_local.trz")]
    assert files[0] != files[1]
    assert all(b"P0001" not in content for content in files)
