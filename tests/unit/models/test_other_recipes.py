"""Every recipe of trees, kernels, components and the foundation model: what all must keep."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import tumor_response as tr
from tests.unit.models.samples import resampled
from tumor_response.evaluation.kept_fits import KeptFits, write_fit
from tumor_response.exceptions import SettingsError
from tumor_response.models import left_untuned
from tumor_response.models.components import RECIPES as OF_COMPONENTS
from tumor_response.models.foundation import RECIPES as OF_FOUNDATION
from tumor_response.models.kernel import RECIPES as OF_KERNELS
from tumor_response.models.trees import RECIPES as OF_TREES
from tumor_response.models.tuning import BestOfInner, Range, TunedModel

RECIPES = {**OF_TREES, **OF_KERNELS, **OF_COMPONENTS, **OF_FOUNDATION}
ALL = [pytest.param(*key, id="-".join(key)) for key in RECIPES]
RESPONSE = [name for name, outcome in RECIPES if outcome == "response"]
SMALL = {
    "xgboost": {"n_estimators": 20, "least_rounds": 5, "patience": 5},
    "random_forest": {"n_trees": 20},
}


def made(name: str, outcome: str, **settings):
    recipe = RECIPES[name, outcome]
    return recipe.make(recipe.settings(**{**SMALL.get(name, {}), **settings}), None, 3)


def said(model, X: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    n = 48
    index = pd.MultiIndex.from_arrays(
        [[f"P{i // 2:02d}" for i in range(n)], ["1", "2"] * (n // 2)],
        names=["patient_id", "lesion_id"],
    )
    X = pd.DataFrame(rng.normal(size=(n, 30)), index=index).add_prefix("deep__net__")
    factor = rng.normal(size=n)
    X.iloc[:, :10] += 1.5 * factor[:, None]
    X.insert(0, "clinical__age", rng.normal(60, 9, n))
    X.insert(1, "clinical__site", pd.Categorical(rng.choice(["larynx", "tongue", "tonsil"], n)))
    X.insert(2, "meta__site", "A")
    X.iloc[3, 5] = np.nan
    X.iloc[4, 1] = np.nan
    X.attrs["factor"] = factor
    return X.assign(deep__net__constant=1.0, deep__net__empty=np.nan)


@pytest.fixture(scope="module")
def outcomes(frame) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    rate = 2 * frame.attrs.pop("factor") + rng.normal(size=len(frame))
    return {
        "rate": rate,
        "response": (rate > 0).astype(int),
        "tertiles": pd.qcut(rate, 3, labels=False),
    }


@pytest.mark.parametrize(("name", "outcome"), ALL)
def test_pipelines_fit_copies_clone_repeat_and_are_kept_without_pickle(
    name, outcome, frame, outcomes, tmp_path
):
    model = made(name, outcome)
    assert list(model.named_steps)[-1] == ("regress" if outcome == "rate" else "classify")
    rows = resampled(len(frame))
    X, y = frame.iloc[rows], outcomes[outcome][rows]
    with pytest.raises(NotFittedError):
        model[-1].predict(frame)
    first = said(model.fit(X, y), frame)
    second = said(clone(model).fit(X, y), frame)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, said(model, frame.assign(meta__site="B")))
    assert np.isfinite(first).all()
    n_classes = {"rate": None, "response": 2, "tertiles": 3}[outcome]
    if n_classes:
        assert first.shape == (len(frame), n_classes)
        np.testing.assert_allclose(first.sum(axis=1), 1, rtol=1e-6)
    logging.getLogger("skops").setLevel(logging.ERROR)
    write_fit(tmp_path / "fits", "model", 0, model)
    np.testing.assert_array_equal(first, said(KeptFits(tmp_path).load("model", 0), frame))


@pytest.mark.parametrize(("name", "outcome"), ALL)
def test_the_last_step_takes_weights(name, outcome, frame, outcomes):
    model = made(name, outcome)
    last = model.steps[-1][0]
    y = outcomes[outcome]
    weight = np.random.default_rng(2).integers(0, 3, len(y))
    weighted = said(model.fit(frame, y, **{f"{last}__sample_weight": weight}), frame)
    plain = said(clone(model).fit(frame, y), frame)
    ones = {f"{last}__sample_weight": np.ones(len(y))}
    np.testing.assert_array_equal(said(clone(model).fit(frame, y, **ones), frame), plain)
    assert not np.allclose(weighted, plain)


@pytest.mark.parametrize(("name", "outcome"), ALL)
def test_evaluate_takes_them_and_the_signal_is_found(name, outcome, frame, outcomes):
    y = pd.Series(outcomes[outcome].astype(float), frame.index)
    scheme = tr.Bootstrap632Plus(n_resamples=3, seed=0)
    result = tr.evaluate(made(name, outcome), frame, y, scheme, failed="impute")
    values = [one.values["model"] for one in result.out_of_bag]
    assert np.mean(values) > {"rate": 0.05, "response": 0.6, "tertiles": 0.6}[outcome]


@pytest.mark.parametrize("name", RESPONSE)
def test_labels_by_chance_average_one_half(name):
    found = []
    for seed in range(4 if name == "tabular_foundation" else 7):
        rng = np.random.default_rng(2000 + seed)
        X = pd.DataFrame(
            rng.normal(size=(40, 60)),
            index=pd.Index([f"P{i}" for i in range(40)], name="patient_id"),
        ).add_prefix("deep__n__")
        y = rng.permutation(np.repeat([0, 1], 20))
        for draw in range(2):
            rows = resampled(40, seed=draw)
            out = np.setdiff1d(np.arange(40), rows)
            chance = made(name, "response").fit(X.iloc[rows], y[rows]).predict_proba(X.iloc[out])
            wins = np.sign(chance[y[out] == 1, 1][:, None] - chance[y[out] == 0, 1][None])
            found.append(0.5 + wins.mean() / 2)
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert abs(np.mean(found) - 0.5) < 3 * error
    assert error < 0.08  # else the line above says nothing


@pytest.mark.parametrize("name", RESPONSE)
def test_three_patients_and_a_class_of_two(name, frame, outcomes):
    three = made(name, "response").fit(frame.iloc[[0, 2, 4]], [0, 1, 0])
    assert np.isfinite(three.predict_proba(frame)).all()
    pair = np.zeros(len(frame), dtype=int)
    pair[[0, 1, 2]] = 1  # the lesions of one patient, and of another
    two = made(name, "response").fit(frame, pair)
    assert not left_untuned(two)
    pair[2] = 0
    one = made(name, "response").fit(frame, pair)
    assert left_untuned(one) == (name in ("xgboost", "svm", "pls_da"))
    assert np.isfinite(one.predict_proba(frame)).all()


@pytest.mark.parametrize("name", [name for name in RESPONSE if name != "tabular_foundation"])
def test_balanced_classes_raise_the_rarer_one(name, frame, outcomes):
    y = (outcomes["rate"] > 1.5).astype(int)
    plain, balanced = (
        made(name, "response", class_weight=weight).fit(frame, y).predict_proba(frame)[:, 1].mean()
        for weight in (None, "balanced")
    )
    assert balanced > plain + 0.05


def test_settings_refuse_what_they_do_not_know():
    for recipe in RECIPES.values():
        assert recipe.settings.from_json(recipe.settings().to_json()) == recipe.settings()
        with pytest.raises(SettingsError, match="max_shares"):
            recipe.settings(max_shares=0.9)


def test_searches_are_kept_without_pickle_too(frame, outcomes, tmp_path):
    y = outcomes["response"]
    space = {"classify__most_components": Range(1, 3)}
    models = {
        "tuned": TunedModel(made("pls_da", "response"), space, n_trials=2),
        "best": BestOfInner({n: made(n, "response") for n in ("svm", "gaussian_process")}),
    }
    for name, model in models.items():
        write_fit(tmp_path / "fits", name, 0, model.fit(frame, y))
        again = KeptFits(tmp_path).load(name, 0)
        np.testing.assert_array_equal(model.predict_proba(frame), again.predict_proba(frame))
