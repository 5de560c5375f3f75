"""TunedModel and BestOfInner: which rows they compare on, what they choose, what they refuse."""

from __future__ import annotations

import sys

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tests.unit.models.samples import cohort, noise_with_hidden_copies, resampled
from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold, RidgeLogistic, left_untuned
from tumor_response.models.tuning import BestOfInner, Choice, Range, TunedModel
from tumor_response.models.tuning.scoring import held_out_score
from tumor_response.transformers import BlockScaler, BlockSelector

SPACE = {"C": Range(1e-3, 10.0, log=True)}


class Recorder(ClassifierMixin, BaseEstimator):
    """Knows the prior alone, and whom it was shown."""

    fits: list[set[str]] = []
    asked: list[set[str]] = []

    def __init__(self, dial: float = 1.0) -> None:
        self.dial = dial

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        Recorder.fits.append(set(X.index.get_level_values("patient_id")))
        return self

    def predict_proba(self, X):
        Recorder.asked.append(set(X.index.get_level_values("patient_id")))
        return np.full((len(X), 2), 0.5)

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    "model",
    [
        TunedModel(Recorder(), {"dial": Range(0.0, 2.0)}, n_trials=3),
        BestOfInner({"a": Recorder(), "b": Recorder(2.0)}),
    ],
)
def test_no_patient_is_on_both_sides_of_an_inner_fold(model):
    Recorder.fits, Recorder.asked = [], []
    X, rate = cohort(30, 4, lesions=2)
    rows = resampled(60)
    model.fit(X.iloc[rows], (rate[rows] > 0).astype(int))
    everybody = Recorder.fits.pop()  # the refit
    assert everybody == set(X.index[rows].get_level_values("patient_id"))
    assert (
        len(Recorder.asked) == len(Recorder.fits) == (15 if isinstance(model, TunedModel) else 10)
    )
    for trained, held_out in zip(Recorder.fits, Recorder.asked, strict=True):
        assert not trained & held_out
        assert trained | held_out == everybody
    for candidate in range(0, len(Recorder.asked), 5):
        assert set.union(*Recorder.asked[candidate : candidate + 5]) == everybody


def test_a_model_that_memorises_wins_only_where_copies_are_split():
    """Planted fault: one neighbour knows every copy of a patient, and nothing else."""
    named, strangers, y = noise_with_hidden_copies()
    candidates = {"prior": DummyClassifier(), "memory": KNeighborsClassifier(1)}
    grouped = BestOfInner(candidates).fit(named, y)
    split = BestOfInner(candidates).fit(strangers, y)
    assert split.chosen_ == "memory"
    assert split.inner_scores_["memory"] > 0.85
    assert abs(grouped.inner_scores_["memory"] - 0.5) < 0.15


def test_best_of_inner_is_a_plain_script():
    X, rate = cohort(60, 10, seed=1)
    y = (rate > 0).astype(int)
    candidates = {f"C={C}": LogisticRegression(C=C) for C in (1e-4, 0.1, 10.0)}
    expected = {}
    for name, model in candidates.items():
        scores = []
        for train, held_out in PatientKFold(4, random_state=2).split(X, y):
            chance = model.fit(X.iloc[train], y[train]).predict_proba(X.iloc[held_out])
            scores.append(-2 * log_loss(y[held_out], chance))
        expected[name] = np.mean(scores)
    best = BestOfInner(candidates, 4, "deviance", random_state=2).fit(X, y)
    assert best.inner_scores_ == pytest.approx(expected)
    assert best.chosen_ == max(expected, key=expected.get)
    winner = candidates[best.chosen_].fit(X, y)
    np.testing.assert_array_equal(best.predict_proba(X), winner.predict_proba(X))
    assert best.tuned_
    assert not hasattr(BestOfInner({"a": Ridge()}), "predict_proba")


def test_search_is_at_least_as_good_as_the_grid_and_repeats_itself():
    X, rate = cohort(60, 10, seed=1)
    y = (rate > 0).astype(int)
    grid = GridSearchCV(
        LogisticRegression(), {"C": [1e-3, 1e-2, 0.1, 1.0]}, cv=PatientKFold(5), scoring="roc_auc"
    ).fit(X, y)
    first = TunedModel(LogisticRegression(), SPACE, n_trials=6).fit(X, y)
    assert first.best_score_ >= grid.best_score_ - 0.01
    assert first.trials_["score"].max() == first.best_score_
    assert first.trials_["C"][0] == 1.0  # as it was given
    second = TunedModel(LogisticRegression(), SPACE, n_trials=6).fit(X, y)
    pd.testing.assert_frame_equal(first.trials_, second.trials_)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    other = TunedModel(LogisticRegression(), SPACE, n_trials=6, random_state=5).fit(X, y)
    assert not other.trials_.equals(first.trials_)


def test_optuna_is_left_as_it_was():
    before = optuna.logging.get_verbosity()
    X, rate = cohort(30, 3)
    TunedModel(Ridge(), {"alpha": Range(0.1, 10.0)}, n_trials=2).fit(X, rate)
    assert optuna.logging.get_verbosity() == before


def test_spaces_of_all_kinds_and_weights_reach_the_last_step():
    X, rate = cohort(40, 6)
    y = (rate > 0).astype(int)
    model = Pipeline([("blocks", BlockSelector()), ("classify", RidgeLogistic(Cs=(1.0,)))])
    space = {
        "classify__class_weight": Choice((None, "balanced")),
        "classify__n_inner_folds": Range(2, 4),
    }
    weight = np.random.default_rng(0).integers(0, 3, 40)
    tuned = TunedModel(model, space, n_trials=4).fit(X, y, sample_weight=weight)
    assert set(tuned.trials_["classify__n_inner_folds"]) <= {2, 3, 4}
    assert left_untuned(tuned) is False
    by_hand = Pipeline(model.steps).set_params(**tuned.best_params_)
    by_hand.fit(X, y, classify__sample_weight=weight)
    np.testing.assert_allclose(tuned.predict_proba(X), by_hand.predict_proba(X))


@pytest.mark.parametrize("kind", ["response", "rate"])
def test_both_go_through_evaluate_with_blocks_and_give_the_same_bytes_again(kind):
    X, rate = cohort(40, 12)
    y = pd.Series(rate if kind == "rate" else (rate > 0).astype(float), X.index)

    def model(C: float) -> Pipeline:
        last = Ridge(alpha=1 / C) if kind == "rate" else LogisticRegression(C=C)
        return Pipeline([("blocks", BlockSelector(["deep"])), ("s", BlockScaler()), ("m", last)])

    name = "m__alpha" if kind == "rate" else "m__C"
    models = {
        "tuned": TunedModel(model(1.0), {name: Range(0.01, 10.0, log=True)}, n_trials=2),
        "best": BestOfInner({"weak": model(0.01), "strong": model(1.0)}),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=2, seed=0)
    bare = X.rename(columns=lambda name: name.removeprefix("deep__"))
    result = tr.evaluate(models, X, y, scheme)
    again = tr.evaluate(models, bare, y, scheme, blocks={"deep": list(bare.columns)})
    for one, two in zip(result.out_of_bag, again.out_of_bag, strict=True):
        np.testing.assert_array_equal(one.scores["tuned"], two.scores["tuned"])
        np.testing.assert_array_equal(one.scores["best"], two.scores["best"])
        assert one.values["best"] > (0.5 if kind == "response" else 0.0)


def test_few_patients_are_not_compared_and_that_is_said():
    X, _ = cohort(20, 3)
    y = np.zeros(20, dtype=int)
    y[3] = 1
    best = BestOfInner({"a": LogisticRegression(), "b": DummyClassifier()}).fit(X, y)
    assert best.tuned_ is False
    assert best.chosen_ == "a"
    assert np.isnan(list(best.inner_scores_.values())).all()
    tuned = TunedModel(LogisticRegression(C=3.0), SPACE).fit(X, y)
    assert left_untuned(tuned)
    assert tuned.best_params_ == {"C": 3.0}
    assert len(tuned.trials_) == 0
    assert BestOfInner({"a": DummyClassifier()}).fit(X, y).tuned_ is None
    assert left_untuned(BestOfInner({"a": RidgeLogistic()}).fit(X, y))


def test_scores_of_three_classes_and_of_one():
    X, rate = cohort(60, 4)
    y = pd.qcut(rate, 3, labels=False)
    model = LogisticRegression().fit(X, y)
    chance = model.predict_proba(X)
    assert held_out_score(model, X, y, "auc") == roc_auc_score(y, chance, multi_class="ovo")
    assert held_out_score(model, X, y, "deviance") == pytest.approx(-2 * log_loss(y, chance))
    assert np.isnan(held_out_score(model, X.iloc[:3], np.zeros(3), "auc"))
    assert np.isnan(held_out_score(Ridge().fit(X, rate), X.iloc[:2], np.ones(2), "r2"))


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (TunedModel(Ridge(), {}), "empty"),
        (TunedModel(Ridge(), {"C": Range(0.1, 1.0)}), "no parameter 'C'"),
        (TunedModel(Ridge(), {"alpha": (0.1, 1.0)}), "Range"),
        (TunedModel(Ridge(), {"alpha": Range(0.1, 1.0)}, scoring="auc"), "scoring"),
        (TunedModel(Ridge(), {"alpha": Range(0.1, 1.0)}, n_trials=0), "n_trials"),
        (TunedModel(Ridge(), {"alpha": Range(0.1, 1.0)}, n_inner_folds=1), "n_inner_folds"),
        (BestOfInner({}), "no candidates"),
        (BestOfInner({"a": Ridge(), "b": DummyClassifier()}), "received both"),
    ],
)
def test_what_cannot_be_searched_is_refused(model, what):
    X, rate = cohort(20, 3)
    with pytest.raises(ModelError, match=what):
        model.fit(X, rate)


def test_impossible_ranges_are_refused():
    for wrong in ((1.0, 1.0, False), (0.0, 1.0, True)):
        with pytest.raises(ModelError, match="low"):
            Range(*wrong)
    with pytest.raises(ModelError, match="two values"):
        Choice((1,))


def test_without_optuna_the_line_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    X, rate = cohort(20, 3)
    with pytest.raises(ModelError, match=r"tumor-response\[tuning\]") as caught:
        TunedModel(Ridge(), {"alpha": Range(0.1, 1.0)}).fit(X, rate)
    assert caught.value.code == "optuna_missing"
