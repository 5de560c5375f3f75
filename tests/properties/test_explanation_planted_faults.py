"""Out-of-bag explanations against a slow script of their own, and against faults that it plants.

The script refits each resample with scikit-learn's clone, enumerates all coalitions of the columns
through the pipeline, and averages. It shares nothing with the library but the resamples.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.base import clone

import tumor_response as tr
from tumor_response.exceptions import TumorResponseError

COLUMNS = ["clinical__volume_cc", "radiomics__a__x", "radiomics__b__x", "deep__n__0"]
MODELS = {
    "ridge": lambda: tr.make_model("logistic", Cs=(0.5,)),
    "trees": lambda: tr.make_model("xgboost", n_estimators=8),
}


def cohort(n=36, seed=0):
    """Two lesions for every third patient, the second much like the first."""
    rng = np.random.default_rng(seed)
    who = np.sort(np.concatenate([np.arange(n), np.arange(0, n, 3)]))
    lesion = ["1" if i == 0 or who[i - 1] != who[i] else "2" for i in range(len(who))]
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:02d}" for i in who], lesion], names=["patient_id", "lesion_id"]
    )
    values = rng.normal(size=(n, 4))[who] + 0.3 * rng.normal(size=(len(who), 4))
    table = pd.DataFrame(values, index, COLUMNS)
    score = table["radiomics__a__x"] + table["clinical__volume_cc"] * table["deep__n__0"]
    y = (score + 0.5 * rng.normal(size=len(who)) > 0).astype(float)
    return table, y


def by_enumeration(result, name, background=None):
    """Mean out-of-bag Shapley values; ``background`` maps a resample to the rows averaged over."""
    rows = result.rows
    X, n = rows.X, len(rows.X)
    total, count = np.zeros((n, 4)), np.zeros(n)
    for resample in result.resamples:
        train, test = resample.train, resample.test
        fitted = clone(rows.models[name]).fit(X.iloc[train], rows.y[train])
        behind = X.iloc[train if background is None else background(resample)].to_numpy()
        worth = {}
        for size in range(5):
            for coalition in itertools.combinations(range(4), size):
                mixed = np.repeat(behind[None], len(test), axis=0)
                for column in coalition:
                    mixed[:, :, column] = X.to_numpy()[test, column][:, None]
                frame = pd.DataFrame(mixed.reshape(-1, 4), columns=COLUMNS)
                output = logit(fitted.predict_proba(frame)[:, 1].astype(np.float64))
                worth[coalition] = output.reshape(len(test), -1).mean(axis=1)
        for column in range(4):
            others = [one for one in range(4) if one != column]
            for size in range(4):
                share = math.factorial(size) * math.factorial(3 - size) / math.factorial(4)
                for coalition in itertools.combinations(others, size):
                    joined = tuple(sorted((*coalition, column)))
                    total[test, column] += share * (worth[joined] - worth[coalition])
        count[test] += 1
    seen = count > 0
    return pd.DataFrame(total[seen] / count[seen, None], X.index[seen], COLUMNS)


@pytest.fixture(scope="module")
def result():
    table, y = cohort()
    models = {name: make() for name, make in MODELS.items()}
    return tr.evaluate(models, table, y, tr.Bootstrap632Plus(n_resamples=4, seed=0))


@pytest.mark.parametrize("name", MODELS)
def test_values_are_those_of_an_enumeration_on_training_rows_alone(result, name):
    found = tr.explain(result, name).values[COLUMNS]
    expected = by_enumeration(result, name).loc[found.index]
    np.testing.assert_allclose(found, expected, atol=2e-5)
    # the same script with the fault of a background that holds the rows to be explained
    leaky = by_enumeration(result, name, lambda one: np.r_[one.train, one.test]).loc[found.index]
    assert np.abs(found - leaky).to_numpy().max() > 1e-3
    # and with copies of a bootstrap sample counted once
    once = by_enumeration(result, name, lambda one: np.unique(one.train)).loc[found.index]
    assert np.abs(found - once).to_numpy().max() > 1e-3


def test_lesions_of_a_patient_are_left_out_together(result):
    explained = tr.explain(result, "ridge")
    counts = explained.n_out_of_bag.groupby("patient_id")
    assert (counts.max() == counts.min()).all()
    patients = np.asarray(result.rows.X.index.get_level_values(0))
    for one in result.resamples:
        assert not set(patients[one.train]) & set(patients[one.test])


@pytest.mark.parametrize("name", MODELS)
def test_columns_are_known_by_name_and_not_by_place(name):
    table, y = cohort()
    fitted = MODELS[name]().fit(table, y)
    found = tr.explain(fitted, table, in_sample=True).values
    turned = tr.explain(fitted, table[COLUMNS[::-1]], in_sample=True).values
    np.testing.assert_allclose(found[COLUMNS], turned[COLUMNS], atol=1e-9)
    # two columns exchanged under their names are another table, and have other values
    exchanged = table.assign(**{COLUMNS[1]: table[COLUMNS[3]], COLUMNS[3]: table[COLUMNS[1]]})
    other = tr.explain(fitted, exchanged, in_sample=False, background=table).values
    assert np.abs(found[COLUMNS] - other[COLUMNS]).to_numpy().max() > 0.05
    with pytest.raises(TumorResponseError) as refused:
        tr.explain(fitted, table[COLUMNS[:3]], in_sample=True)
    assert refused.value.code == "other_columns"


def test_classes_exchanged_turn_the_sign():
    table, y = cohort()
    fitted, other = (MODELS["ridge"]().fit(table, label) for label in (y, 1 - y))
    one = tr.explain(fitted, table, in_sample=True).values
    two = tr.explain(other, table, in_sample=True).values
    np.testing.assert_allclose(one, -two, atol=1e-4)


def test_a_copy_of_a_column_shares_its_credit_equally_and_blocks_keep_their_sum():
    table, y = cohort()
    table["radiomics__b__copy"] = table["radiomics__a__x"]
    scheme = tr.Bootstrap632Plus(n_resamples=4, seed=0)
    found = tr.explain(tr.evaluate({"ridge": MODELS["ridge"]()}, table, y, scheme), "ridge")
    np.testing.assert_allclose(
        found.values["radiomics__a__x"], found.values["radiomics__b__copy"], atol=1e-6
    )
    members = [c for c in table if c.startswith("radiomics")]
    np.testing.assert_allclose(
        found.values[members].sum(axis=1), found.block_values["radiomics"], atol=1e-8
    )
    whole = found.base_values + found.block_values.sum(axis=1)
    np.testing.assert_allclose(whole, found.outputs, atol=1e-6)
