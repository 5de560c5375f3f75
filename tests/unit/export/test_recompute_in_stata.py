"""The Stata do-file: its arithmetic, run without Stata, and what can be checked of its syntax."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.export import mata
from tests.unit.export.studies import evaluated, study
from tumor_response.export import export_bundle

DO_FILE = (Path(tr.__file__).parent / "export" / "recompute" / "recompute.do").read_text(
    encoding="ascii"
)

NORMAL_975 = 1.959963984540054  # of any table of the normal distribution

SCHEMES = {
    "oob_combined": (tr.Bootstrap632Plus(n_resamples=25, seed=1), 40),
    "corrected_resampled": (tr.RepeatedKFold(n_folds=4, n_repeats=2, seed=2), 40),
    "obuchowski": (tr.TemporalSplit(train_share=0.5), 40),
}


@pytest.mark.parametrize("method", SCHEMES)
def test_arithmetic(method: str, tmp_path: Path) -> None:
    """What the do-file hands to Mata, made by pandas of the same files."""
    scheme, n_patients = SCHEMES[method]
    table, outcomes = study(n_patients)
    result = evaluated(table, outcomes, scheme)
    key = tr.Pseudonyms(tmp_path / "key")
    folder = export_bundle(
        tmp_path / "out", table, outcomes, result, formats="csv", pseudonyms=key
    ).directory
    text = {"patient_id": str, "lesion_id": str}
    lesions = pd.read_csv(folder / "outcomes.csv", dtype=text)
    lesions = lesions[lesions["evaluated"] == 1].sort_values(["patient_id", "lesion_id"])
    lesions["patient"] = pd.factorize(lesions["patient_id"], sort=True)[0] + 1
    lesions["lesion"] = np.arange(1, len(lesions) + 1)
    scores = pd.read_csv(folder / "scores.csv", dtype=text)
    scores = scores.merge(
        lesions[["patient_id", "lesion_id", "patient", "lesion"]], validate="m:1"
    ).sort_values(["resample", "lesion"])
    S = scores[["resample", "lesion", "patient", "y", "score_1", "score_2"]]
    resamples = pd.read_csv(folder / "resamples.csv", dtype=text)
    patients = lesions[["patient_id", "patient"]].drop_duplicates()
    R = resamples.merge(patients, validate="m:1").sort_values(["resample", "patient"])
    R = R[["resample", "patient", "times_drawn", "tested"]]
    functions = mata.functions_of(DO_FILE)
    headline = pd.read_csv(folder / "headline.csv")
    summary = result.summary()
    for number, row in enumerate(headline.itertuples(), 1):
        found = functions["headline_of"](
            *(mata.Matrix(S), mata.Matrix(R), 4 + number, row.ci_method, row.level),
            *(len(lesions), len(patients)),
        ).values[0]
        wanted = summary.loc[row.model, [result.headline, "ci_low", "ci_high"]].to_numpy(float)
        assert row.ci_method == method
        np.testing.assert_allclose(found, wanted, atol=1e-8, rtol=0)


def test_influence_is_held_against_the_library(tmp_path: Path) -> None:
    """The larger of two variances is taken: here the one that is smaller mostly."""
    table, outcomes = study()
    result = evaluated(table, outcomes, tr.Bootstrap632Plus(n_resamples=25, seed=1))
    functions = mata.functions_of(DO_FILE)
    patient = result.rows.patients + 1
    rows = [
        (b, at + 1, patient[at], y, score)
        for b, (resample, one) in enumerate(
            zip(result.resamples, result.out_of_bag, strict=True), 1
        )
        for at, y, score in zip(resample.test, one.y_test, one.scores["plain"], strict=True)
    ]
    n_lesions = np.bincount(patient)
    drawn = [
        (b, k, (patient[resample.train] == k).sum() / n_lesions[k], 0.0)
        for b, resample in enumerate(result.resamples, 1)
        for k in np.unique(patient)
    ]
    S, R = mata.Matrix(rows), mata.Matrix(drawn)
    E = functions["ends_of"](S, len(result.resamples))
    variance = functions["influence_variance"](S, 5, E, R, len(patient), patient.max())
    interval = result.interval("plain", "oob_influence")
    auc = result.oob_aucs("plain").mean()
    for side, limit in ((-1, interval.low), (1, interval.high)):
        found = functions["limit"](auc, variance, NORMAL_975, side)
        assert found == pytest.approx(limit, abs=1e-10)


def test_braces_quotes_and_macros_close() -> None:
    assert DO_FILE.count("{") == DO_FILE.count("}")
    assert DO_FILE.count("(") == DO_FILE.count(")")
    for line in DO_FILE.splitlines():
        code = line.split("//")[0] if not line.startswith("*") else ""
        assert code.count('"') % 2 == 0, line
        nested = code
        while re.search(r"`\w+'", nested):
            nested = re.sub(r"`\w+'", "x", nested)
        assert "`" not in nested, line
    assert max(map(len, DO_FILE.splitlines())) < 240
