"""``tumor-response ablate``: combinations on shared resamples, tables, figure, report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from tests.unit import cases
from tumor_response.cli import app


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ablate")
    frame = cases.cohort_folder(folder, 12)
    for i in range(12):  # responses that neither age nor volume knows
        cases.write(folder, f"p{i}_gtv2.nii.gz", cases.mask(5.0 + (i * 7 % 5) / 2))
    frame.to_csv(folder / "manifest.csv", index=False)
    return folder / "manifest.csv"


def ablate(manifest: Path, out: Path, *options: object) -> tuple[dict[str, object], str, int]:
    blocks = ("--radiomics", "minimal", "--backbone", "none", "--clinical", "age", "-j", 1)
    arguments = ("ablate", manifest, "--out", out, *blocks, "-n", 4, "-m", "logistic", *options)
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    return json.loads(result.stdout), result.stderr, result.exit_code


def test_all_combinations_are_there_and_a_second_run_says_the_same(
    manifest: Path, tmp_path: Path
) -> None:
    told, said, code = ablate(manifest, tmp_path, "--dry-run")
    assert code == 0, said
    assert told["result"]["n_fits"] == 3 * 5
    assert not (tmp_path / "ablation").exists()
    told, said, code = ablate(manifest, tmp_path)
    assert code == 0, said
    names = [row["model"] for row in told["result"]["models"]]
    assert {
        "logistic | radiomics",
        "logistic | clinical",
        "volume_only",
    } < set(names)
    assert any("radiomics+clinical" in n or "clinical+radiomics" in n for n in names)
    table = pd.read_csv(tmp_path / "tables" / "ablation.csv", index_col=0)
    assert list(table.index) == names
    assert set(pd.read_csv(tmp_path / "tables" / "ablation_blocks.csv")["block"]) == {
        "radiomics",
        "clinical",
    }
    for ending in ("svg", "png"):
        assert (tmp_path / "figures" / f"ablation.{ending}").stat().st_size > 1000
    page = (tmp_path / "ablation.html").read_text(encoding="utf-8")
    assert "blation" in page
    assert told["result"]["best_of_k"] in said
    again, _, code = ablate(manifest, tmp_path)
    assert code == 0
    assert again["result"] == told["result"]
