"""``tumor-response export``: a bundle beside the study, refused before hours of work if it must."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import tumor_response as tr
from tumor_response.cli import app
from tumor_response.export import verify


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli_export")
    tr.simulate_cohort(n_patients=14, seed=3, directory=folder / "sim")
    return folder


def options(study: Path) -> list[object]:
    return [
        *("export", study / "sim" / "manifest.csv", "--out", study / "out"),
        *("--radiomics", "none", "--backbone", "none", "--clinical", "age"),
        *("--n-resamples", 6, "--n-jobs", 1, "--format", "csv"),
    ]


def test_a_bundle_beside_the_study(study: Path) -> None:
    code, said = run(*options(study), "--key-file", study / "key")
    assert code == 0, said
    folder = study / "out" / "bundle"
    assert verify(folder).ok
    assert verify(folder).sha256 in said
    assert re.search(r"Columns that stayed behind \(see --keep\): meta__date", said)
    headline = pd.read_csv(folder / "headline.csv")
    assert headline["n_resamples"].unique().tolist() == [6]
    patients = set(pd.read_csv(folder / "features.csv")["patient_id"])
    known = set(pd.read_csv(study / "sim" / "manifest.csv")["patient_id"].astype(str))
    assert len(patients) == len(known) == 14
    assert not patients & known


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--format", "docx"], "expected some of csv, parquet"),
        (["--named", "--key-file", "k"], "--named leaves patients their names"),
        (["--bundle", "{}/sim"], "neither a new or empty folder nor an unchanged bundle"),
        (["--bundle", "{}/fresh", "--key-file", "{}/fresh/key"], "lies in the folder"),
    ],
)
def test_refused_before_anything_is_read(study: Path, wrong: list[str], message: str) -> None:
    code, said = run(*options(study), *(word.format(study) for word in wrong))
    assert code == 2
    assert message in said
    assert "Extracting" not in said
