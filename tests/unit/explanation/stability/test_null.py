"""explanation_null against the same done by hand: permute, evaluate, explain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.evaluation.controls.permuting import permuted_rows
from tumor_response.exceptions import ExplanationError, SettingsError
from tumor_response.explanation.stability import explanation_null

SCHEME = tr.Bootstrap632Plus(n_resamples=4, seed=3)
MODEL = {"ridge": tr.make_model("logistic", Cs=(0.1,))}


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, pd.Series]:
    """Twenty patients of two lesions, twelve of one."""
    rng = np.random.default_rng(0)
    lesions = [(f"P{i:02d}", str(j)) for i in range(32) for j in range(2 if i < 20 else 1)]
    index = pd.MultiIndex.from_tuples(lesions, names=["patient_id", "lesion_id"])
    columns = ["clinical__age", "deep__n__0", "deep__n__1", "deep__m__0"]
    table = pd.DataFrame(rng.normal(size=(len(index), 4)), index, columns)
    y = (2 * table["deep__n__0"] + rng.normal(size=len(index)) > 0).astype(float)
    return table, y.rename("response")


@pytest.fixture(scope="module")
def result(study):
    return tr.evaluate(MODEL, *study, SCHEME)


@pytest.fixture(scope="module")
def null(result):
    return explanation_null(result, "ridge", n_permutations=19, n_resamples=3, k=2, seed=5)


def by_hand(study, y: pd.Series) -> tr.Explanation:
    few = tr.Bootstrap632Plus(n_resamples=3, seed=SCHEME.seed)
    return tr.explain(tr.evaluate(MODEL, study[0], y, few), "ridge")


def test_the_outcome_as_it_is_has_as_many_resamples_as_each_permutation(study, null):
    one = by_hand(study, study[1])
    for level, frame in (
        ("column", one.column_mean_abs),
        ("family", one.family_mean_abs),
        ("block", one.block_mean_abs),
    ):
        pd.testing.assert_series_equal(null.observed[level], frame.mean())
    assert null.n_resamples == 3
    assert null.observed_overlap == one.stability(k=2).overlap


@pytest.mark.parametrize("number", [0, 7])
def test_a_permutation_is_the_same_explanation_of_whole_patients_other_outcomes(
    study, null, result, number
):
    seeds = np.random.SeedSequence(5).spawn(19)
    source = permuted_rows(result.rows.patients, np.random.default_rng(seeds[number]))
    y = pd.Series(study[1].to_numpy()[source], study[1].index, name="response")
    # a patient's outcomes come from one patient
    patients = study[1].index.get_level_values(0)
    assert pd.Series(patients[source]).groupby(patients).nunique().max() == 1
    one = by_hand(study, y)
    assert np.abs(null.columns.iloc[number] - one.column_mean_abs.mean()).max() < 1e-12
    assert np.abs(null.families.iloc[number] - one.family_mean_abs.mean()).max() < 1e-12
    assert np.abs(null.blocks.iloc[number] - one.block_mean_abs.mean()).max() < 1e-12
    assert null.overlap["nogueira"].iloc[number] == pytest.approx(
        one.stability(k=2).overlap.nogueira, nan_ok=True
    )


def test_the_driver_stands_out(null):
    assert null.table().index[0] == "deep__n__0"
    assert null.table().loc["deep__n__0", "outside"]
    assert (null.n_permutations, null.seed, null.n_fixed) == (19, 5, 0)


def test_bytes_do_not_depend_on_n_jobs(result, null):
    two = explanation_null(result, "ridge", n_permutations=19, n_resamples=3, k=2, seed=5, n_jobs=2)
    assert two.columns.to_numpy().tobytes() == null.columns.to_numpy().tobytes()
    pd.testing.assert_frame_equal(two.overlap, null.overlap)


def test_it_is_drawn_behind_its_own_explanation_alone(study, result, null):
    explanation = tr.explain(result, "ridge")
    assert explanation.with_null(null).null is null
    assert explanation.null is None
    other = tr.explain(
        tr.evaluate(MODEL, study[0].drop(columns="deep__m__0"), study[1], SCHEME), "ridge"
    )
    with pytest.raises(ExplanationError, match="4 columns") as caught:
        other.with_null(null)
    assert caught.value.code == "other_columns"


def test_refusals(result):
    with pytest.raises(ExplanationError, match="No model") as caught:
        explanation_null(result, "forest")
    assert caught.value.code == "unknown_model"
    with pytest.raises(SettingsError, match="n_permutations"):
        explanation_null(result, "ridge", n_permutations=10)
