"""The whole way by the command line on a dozen patients: once cold, once from the cache."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import tumor_response as tr
from tests.unit.cohort.test_from_dicom import cube, scan
from tumor_response.cli import app

N_PATIENTS = 12
PROJECT = Path(__file__).parents[2]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def run_demo(directory: Path) -> str:
    return run(
        *("demo", "--directory", directory, "--n-patients", N_PATIENTS, "--n-resamples", 6),
        *("--radiomics", "minimal", "--n-jobs", 1),
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    directory = tmp_path_factory.mktemp("demo")
    return directory, run_demo(directory)


def test_it_ends_with_the_results_the_oracles_and_the_report(demo: tuple[Path, str]) -> None:
    directory, said = demo
    end = said[said.index("Area under the ROC curve") :]
    for name in ("volume_only", "clinical_only", "xgboost_all", "oracle: volume, age"):
        assert name in end
    assert "These data are simulated" in end
    assert end.replace(" ", "").endswith(str((directory / "report.html").resolve()))


def test_the_oracles_auc_is_that_of_their_scores(demo: tuple[Path, str]) -> None:
    from sklearn.metrics import roc_auc_score

    directory, said = demo
    truth = pd.read_csv(directory / "cohort" / "truth.csv")
    rate = pd.read_csv(directory / "tables" / "outcomes.csv")["rate_percent_per_day"]
    expected = roc_auc_score(rate > rate.median(), truth["oracle_full"])
    assert f"oracle: also the field │ {expected:.2f}" in said


def test_it_writes_what_it_promises(demo: tuple[Path, str]) -> None:
    directory, _ = demo
    table = tr.FeatureTable.load(directory / "features")
    assert table.blocks == ["radiomics", "deep", "clinical"]
    assert len(table.data) == N_PATIENTS
    parquet = pd.read_parquet(directory / "tables" / "features.parquet")
    assert len(parquet) == N_PATIENTS
    summary = pd.read_csv(directory / "tables" / "summary.csv", index_col="model")
    assert len(summary) == 6
    for name in ("roc", "shap_logistic_all", "shap_xgboost_all"):
        assert (directory / "figures" / f"{name}.svg").stat().st_size > 1000
        assert (directory / "figures" / f"{name}.png").stat().st_size > 1000


def test_a_second_run_takes_the_features_from_the_cache_and_gives_the_same_bytes(
    demo: tuple[Path, str],
) -> None:
    directory, first = demo
    assert "Nothing came from the cache" in first
    names = ["report.html", "tables/summary.csv", "tables/features.csv", "figures/roc.svg"]
    before = {name: (directory / name).read_bytes() for name in names}
    said = run_demo(directory)
    assert "is there already" in said
    assert f"All {2 * N_PATIENTS} extractions (lesion x block) came from the cache" in said
    assert {name: (directory / name).read_bytes() for name in names} == before


def test_explain_on_the_demos_manifest_gives_the_same_estimates(
    demo: tuple[Path, str], tmp_path: Path
) -> None:
    directory, _ = demo
    said = run(
        *("explain", directory / "cohort" / "manifest.csv", "--out", tmp_path / "study"),
        *("--cache-dir", directory / ".cache", "--radiomics", "minimal", "--clinical", "age"),
        *("--model", "logistic_all", "--n-resamples", 6, "--n-jobs", 1),
    )
    assert f"All {2 * N_PATIENTS} extractions" in said
    ours = pd.read_csv(tmp_path / "study" / "tables" / "summary.csv", index_col="model")
    demos = pd.read_csv(directory / "tables" / "summary.csv", index_col="model")
    assert list(ours.index) == ["volume_only", "clinical_only", "logistic_all"]
    pd.testing.assert_frame_equal(ours, demos.loc[ours.index])
    assert (tmp_path / "study" / "tables" / "shap_logistic_all.csv").is_file()
    assert "What the models used" in (tmp_path / "study" / "report.html").read_text()


def test_the_readmes_script_runs_as_printed(
    demo: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    _, script = _python_blocks(PROJECT / "README.md")
    smaller = {
        '"manifest.csv"': repr(str(demo[0] / "cohort" / "manifest.csv")),
        '"head_neck_ct"': '"minimal"',
        "n_jobs=2": "n_jobs=1",
        '".cache"': repr(str(demo[0] / ".cache")),
        "n_resamples=1000": "n_resamples=5",
    }
    for old, new in smaller.items():
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "README.md", "exec"), {})
    assert "AUC out of bag" in capsys.readouterr().out
    assert "What the models used" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_readmes_lines_on_dicom_run_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i, date in enumerate(("20200101", "20200131")):
        scan(tmp_path / "export" / str(i), "P1", date, {"GTVp": cube(6.2 - i)})
    (tmp_path / "clinical.csv").write_text("patient_id,age\nP1,61\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    script, _ = _python_blocks(PROJECT / "README.md")
    names: dict = {}
    exec(compile(script, "README.md", "exec"), names)
    assert len(names["cohort"]) == 1
    assert (tmp_path / "findings.html").is_file()


def _python_blocks(page: Path) -> list[str]:
    parts = page.read_text(encoding="utf-8").split("```python")[1:]
    return [part.split("```")[0] for part in parts]


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
def test_the_report_opens_without_complaint_or_request(
    demo: tuple[Path, str], visit, width: int
) -> None:
    seen = visit(demo[0] / "report.html", width=width)
    assert (seen.complaints, seen.requests, seen.broken_images) == ([], [], 0)
    assert seen.scroll_width <= width
