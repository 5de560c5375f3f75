"""Every example is run as a reader would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from dask.utils import parse_timedelta

import tumor_response as tr
from tests.unit import cases

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


def test_slurm_cluster(tmp_path: Path) -> None:
    """SLURM is not needed: then two processes take its place, and the table is the same."""
    frame = cases.cohort_folder(tmp_path, 3)
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    command = [sys.executable, str(EXAMPLES / "03_slurm_cluster.py")]
    run = subprocess.run(
        [*command, str(tmp_path / "manifest.csv"), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert run.returncode == 0, run.stderr
    assert "#SBATCH --mem=6G" in run.stdout
    lifetime = re.search(r"--lifetime (\S+)", run.stdout)
    assert lifetime is not None
    assert 3 * 3600 < parse_timedelta(lifetime[1]) < 4 * 3600  # a job has four hours
    assert "0 failures" in run.stdout
    here = tr.extract(
        tr.Cohort.from_csv(tmp_path / "manifest.csv"),
        [tr.Radiomics("head_neck_ct"), tr.ClinicalFactors(["age", "volume_cc"])],
    )
    here.save(tmp_path / "here")
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / "features" / path.name).read_bytes()


def test_deep_features(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLES / "04_deep_features.py"), str(tmp_path)]
    run = subprocess.run(
        [*command, "--patients", "24", "--resamples", "4", "--n-jobs", "1"],
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert run.returncode == 0, run.stderr
    assert "licence Apache-2.0" in run.stdout
    assert "cannot be told" in run.stdout  # 24 patients are no study
    auc = pd.read_csv(tmp_path / "auc.csv", index_col="model")
    assert len(auc) == 4
    assert auc["auc_oob"].notna().all()
    known = pd.read_csv(tmp_path / "volume_read_off.csv")
    assert known["block"].tolist() == ["deep0", "deep1", "deep2"]
    assert (known["value"] < 1).all()
    assert (tmp_path / "views.png").stat().st_size > 10_000


def test_examples_can_be_read_in_two_minutes() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert scripts
    for script in scripts:
        assert len(script.read_text().splitlines()) <= 120, script.name


def test_ablation(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::RuntimeWarning", str(EXAMPLES / "05_ablation.py")]
    run = subprocess.run(
        [*command, str(tmp_path), "--patients", "24", "--resamples", "8", "--n-jobs", "1"],
        capture_output=True,
        text=True,
        timeout=540,
    )
    assert run.returncode == 0, run.stderr
    assert "corrected for the choice" in run.stdout
    # seven combinations and three baselines; the planned two are among them
    assert "configurations tried on this outcome: 10, in 2 evaluations" in run.stdout
    assert {path.name for path in tmp_path.glob("*.png")} == {"forest.png", "combinations.png"}
    assert (tmp_path / "study" / "plan.json").is_file()


def test_can_it_be_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUMOR_RESPONSE_KEY_FILE", str(tmp_path / "key.txt"))
    command = [sys.executable, "-W", "error::RuntimeWarning"]
    command += [str(EXAMPLES / "06_can_it_be_believed.py"), str(tmp_path / "out")]
    command += ["--patients", "30", "--resamples", "8", "--permutations", "19", "--repeats", "2"]
    command += ["--n-jobs", "1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=540)
    assert run.returncode == 0, run.stderr
    assert "Leakage trace: resamples 0, 4, 7 of 8 were watched." in run.stdout
    assert "FAULT" not in run.stdout
    assert "For reading, not for selecting" in run.stdout
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for heading in ("Leakage trace", "Negative controls", "Robustness", "Sites"):
        assert f">{heading}</h2>" in page
    assert "not asked" not in page


def test_explained(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error::RuntimeWarning", str(EXAMPLES / "07_explained.py")]
    command += [str(tmp_path), "--patients", "16", "--resamples", "4", "--permutations", "19"]
    command += ["--lesions", "2", "--steps", "2", "--n-jobs", "1"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=540)
    assert run.returncode == 0, run.stderr
    assert "eigen_cam on 2 lesions: its maps stay as they are" in run.stdout
    maps = tr.AttentionMaps.load(tmp_path / "attention")
    assert len(maps) + len(maps.failures) == 16
    assert set(maps.failures["reason"]) <= {"never_out_of_bag"}  # of four resamples
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for title in ("Whether the maps can be believed", "Where it looked, and where it shrank"):
        assert title in page
