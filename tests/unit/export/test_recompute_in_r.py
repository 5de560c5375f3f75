"""R, which knows nothing of the library, finds the same figures in nothing but the files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.export.studies import evaluated, study
from tumor_response.evaluation.intervals import METHODS, intervals_of
from tumor_response.export import ExportedBundle, export_bundle

SCHEMES = {
    "bootstrap": (tr.Bootstrap632Plus(n_resamples=100, seed=1), "response"),
    "folds": (tr.RepeatedKFold(n_folds=4, n_repeats=3, seed=2), "response"),
    "sites": (tr.LeaveOneSiteOut(), "response"),
    "dates": (tr.TemporalSplit(train_share=0.5), "response"),
    "rates": (tr.Bootstrap632Plus(n_resamples=60, seed=3), "rate"),
    "thirds": (tr.Bootstrap632Plus(n_resamples=60, seed=4), "tertiles"),
}


def recomputed(bundle: ExportedBundle, place: Path, *needed: str) -> pd.DataFrame:
    """Run the script in an empty folder that holds the files named and nothing else."""
    place.mkdir()
    for name in ("recompute.R", "headline.csv", *needed):
        shutil.copy(bundle.directory / name, place / name)
    done = subprocess.run(
        ["Rscript", "--vanilla", "recompute.R", "found.csv"],
        cwd=place,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    )
    assert done.returncode == 0, done.stderr
    assert "has other classes" not in done.stderr
    return pd.read_csv(place / "found.csv", keep_default_na=False, na_values=[""])


@pytest.mark.needs("r")
@pytest.mark.parametrize("name", SCHEMES)
def test_headline_and_every_interval(name: str, tmp_path: Path) -> None:
    scheme, task = SCHEMES[name]
    table, outcomes = study()
    result = evaluated(table, outcomes, scheme, task)
    bundle = export_bundle(
        tmp_path / "out",
        table,
        outcomes,
        result,
        formats="csv",
        pseudonyms=tr.Pseudonyms(tmp_path / "key"),
    )
    sheets = ("scores.csv", "resamples.csv", "outcomes.csv", "apparent.csv")
    found = recomputed(bundle, tmp_path / "empty", *sheets)
    summary = result.summary()
    for model in result.models:
        of_model = found[found["model"] == model].set_index("figure")
        mine = summary.loc[model]
        assert of_model.loc[result.headline, "value"] == pytest.approx(
            mine[result.headline], abs=1e-8, rel=0
        )
        headline = of_model.loc["interval"]
        assert headline["method"] == mine["ci_method"]
        assert headline["low"] == pytest.approx(mine["ci_low"], abs=1e-8, rel=0)
        assert headline["high"] == pytest.approx(mine["ci_high"], abs=1e-8, rel=0)
        for figure in ("apparent", "632", "632plus"):
            if (column := f"{result.measure}_{figure}") in summary and scheme.kind == "bootstrap":
                if task == "rate":
                    continue
                assert of_model.loc[column, "value"] == pytest.approx(mine[column], abs=1e-8)
        ours = intervals_of(result, model)
        ours = ours[~ours.index.str.startswith("location_shifted")]
        theirs = found[(found["model"] == model) & (found["method"].notna())]
        theirs = theirs.set_index("method").loc[ours.index]
        np.testing.assert_allclose(theirs["low"], ours["low"], atol=1e-8, rtol=0)
        np.testing.assert_allclose(theirs["high"], ours["high"], atol=1e-8, rtol=0)


def test_the_methods_that_the_script_leaves_out_are_the_three_it_names() -> None:
    script = (Path(tr.__file__).parent / "export" / "recompute" / "recompute.R").read_text(
        encoding="utf-8"
    )
    lacking = [name for name in METHODS if f'"{name}"' not in script]
    assert lacking == ["location_shifted", "location_shifted_632", "location_shifted_632plus"]


@pytest.mark.needs("r")
def test_rds_alone_is_enough(tmp_path: Path) -> None:
    """The numbers to the last bit, under R's own names."""
    table, outcomes = study()
    result = evaluated(table, outcomes, tr.Bootstrap632Plus(n_resamples=30, seed=1))
    bundle = export_bundle(
        tmp_path / "out",
        table,
        outcomes,
        result,
        formats="rds",
        pseudonyms=tr.Pseudonyms(tmp_path / "key"),
    )
    sheets = ("scores.rds", "resamples.rds", "outcomes.rds", "apparent.rds")
    found = recomputed(bundle, tmp_path / "empty", *sheets)
    interval = found[found["figure"] == "interval"].set_index("model")
    summary = result.summary()
    np.testing.assert_allclose(interval["low"], summary["ci_low"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(interval["high"], summary["ci_high"], atol=1e-12, rtol=0)


@pytest.mark.needs("r")
def test_a_class_that_was_turned_stops_the_script(tmp_path: Path) -> None:
    """The cuts are found anew, so that labels which do not follow from the end point show."""
    table, outcomes = study()
    result = evaluated(table, outcomes, tr.Bootstrap632Plus(n_resamples=10, seed=1))
    key = tr.Pseudonyms(tmp_path / "key")
    bundle = export_bundle(tmp_path / "out", table, outcomes, result, formats="csv", pseudonyms=key)
    scores = pd.read_csv(bundle.directory / "scores.csv", dtype={"lesion_id": str})
    scores.loc[0, "y"] = 1 - scores.loc[0, "y"]
    place = tmp_path / "turned"
    place.mkdir()
    for name in ("recompute.R", "headline.csv", "resamples.csv", "outcomes.csv", "apparent.csv"):
        shutil.copy(bundle.directory / name, place / name)
    scores.to_csv(place / "scores.csv", index=False)
    done = subprocess.run(
        ["Rscript", "--vanilla", "recompute.R"], cwd=place, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "resample 1 has other classes" in done.stderr
