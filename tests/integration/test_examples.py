"""Every example is run as a reader would run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.needs("data")
def test_real_ct(shared_data: Path, tmp_path: Path) -> None:
    patients = ["lung1", "lung2", "STS_002", "STS_003", "STS_008", "pt_202"]
    command = [sys.executable, "-W", "error::RuntimeWarning", str(EXAMPLES / "01_real_ct.py")]
    command += [str(shared_data), str(tmp_path), "--resamples", "10", "--cases", *patients]
    run = subprocess.run(command, capture_output=True, text=True, timeout=540)
    assert run.returncode == 0, run.stderr
    assert "The follow-ups are simulated" in run.stdout

    features = pd.read_csv(tmp_path / "features.csv", dtype={"lesion_id": str})
    assert set(features["patient_id"]) == set(patients)
    assert features.notna().all(axis=0).sum() > 1380  # radiomics, deep, clinical, thickness
    outcomes = pd.read_csv(tmp_path / "outcomes.csv").set_index("patient_id")
    # volumes of the real contours: what the data's own description says of two of them
    assert outcomes.loc["lung1", "volume_baseline_cc"] == pytest.approx(1.4, abs=0.05)
    assert outcomes.loc["lung2", "volume_baseline_cc"] == pytest.approx(48, abs=0.5)
    assert outcomes["shrinkage_percent"].between(3, 78).all()


def test_end_point(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::RuntimeWarning", str(EXAMPLES / "02_end_point.py")]
    run = subprocess.run(
        [*command, str(tmp_path), "--patients", "8"], capture_output=True, text=True, timeout=540
    )
    assert run.returncode == 0, run.stderr
    assert "labels are uncertain" in run.stdout
    assert "target_response" in run.stdout
    figures = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert figures == {"waterfall", "spider", "volumes", "cut", "retreat"}


def test_examples_can_be_read_in_two_minutes() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert scripts
    for script in scripts:
        assert len(script.read_text().splitlines()) <= 120, script.name
