"""The examples from images to compared models."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from dask.utils import parse_timedelta

import tumor_response as tr
from tests.integration.examples.running import EXAMPLES, output_of
from tests.unit import cases


def test_examples_can_be_read_in_two_minutes() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert scripts
    for script in scripts:
        assert len(script.read_text().splitlines()) <= 120, script.name


@pytest.mark.needs("data")
def test_real_ct(shared_data: Path, tmp_path: Path) -> None:
    patients = ["lung1", "lung2", "STS_002", "STS_003", "STS_008", "pt_202"]
    said = output_of(
        "01_real_ct.py", shared_data, tmp_path, "--resamples", 10, "--cases", *patients
    )
    assert "The follow-ups are simulated" in said

    features = pd.read_csv(tmp_path / "features.csv", dtype={"lesion_id": str})
    assert set(features["patient_id"]) == set(patients)
    assert features.notna().all(axis=0).sum() > 1380  # radiomics, deep, clinical, thickness
    outcomes = pd.read_csv(tmp_path / "outcomes.csv").set_index("patient_id")
    # volumes of the real contours: what the data's own description says of two of them
    assert outcomes.loc["lung1", "volume_baseline_cc"] == pytest.approx(1.4, abs=0.05)
    assert outcomes.loc["lung2", "volume_baseline_cc"] == pytest.approx(48, abs=0.5)
    assert outcomes["shrinkage_percent"].between(3, 78).all()


def test_end_point(tmp_path: Path) -> None:
    said = output_of("02_end_point.py", tmp_path, "--patients", 8)
    assert "labels are uncertain" in said
    assert "target_response" in said
    figures = {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert figures == {"waterfall", "spider", "volumes", "cut", "retreat"}


def test_slurm_cluster(tmp_path: Path) -> None:
    """SLURM is not needed: then two processes take its place, and the table is the same."""
    frame = cases.cohort_folder(tmp_path, 3)
    frame.to_csv(tmp_path / "manifest.csv", index=False)
    said = output_of("03_slurm_cluster.py", tmp_path / "manifest.csv", tmp_path / "out")
    assert "#SBATCH --mem=6G" in said
    lifetime = re.search(r"--lifetime (\S+)", said)
    assert lifetime is not None
    assert 3 * 3600 < parse_timedelta(lifetime[1]) < 4 * 3600  # a job has four hours
    assert "0 failures" in said
    here = tr.extract(
        tr.Cohort.from_csv(tmp_path / "manifest.csv"),
        [tr.Radiomics("head_neck_ct"), tr.ClinicalFactors(["age", "volume_cc"])],
    )
    here.save(tmp_path / "here")
    for path in (tmp_path / "here").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / "features" / path.name).read_bytes()


def test_deep_features(tmp_path: Path) -> None:
    small = ["--patients", 24, "--resamples", 4, "--n-jobs", 1]
    said = output_of("04_deep_features.py", tmp_path, *small)
    assert "licence Apache-2.0" in said
    assert "cannot be told" in said  # 24 patients are no study
    auc = pd.read_csv(tmp_path / "auc.csv", index_col="model")
    assert len(auc) == 4
    assert auc["auc_oob"].notna().all()
    known = pd.read_csv(tmp_path / "volume_read_off.csv")
    assert known["block"].tolist() == ["deep0", "deep1", "deep2"]
    assert (known["value"] < 1).all()
    assert (tmp_path / "views.png").stat().st_size > 10_000


def test_ablation(tmp_path: Path) -> None:
    small = ["--patients", 24, "--resamples", 8, "--n-jobs", 1]
    said = output_of("05_ablation.py", tmp_path, *small)
    assert "corrected for the choice" in said
    # seven combinations and three baselines; the planned two are among them
    assert "configurations tried on this outcome: 10, in 2 evaluations" in said
    assert {path.name for path in tmp_path.glob("*.png")} == {"forest.png", "combinations.png"}
    assert (tmp_path / "study" / "plan.json").is_file()
