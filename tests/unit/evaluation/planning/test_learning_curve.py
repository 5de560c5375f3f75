"""Learning curves: nested patients, no leakage, the power law, and what it says."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LinearRegression, LogisticRegression

import tumor_response as tr
from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.planning import PowerLaw, fit_power_laws, learning_curve
from tumor_response.evaluation.planning.learning_sizes import training_sizes
from tumor_response.exceptions import EvaluationError, SettingsError

SIZES = np.array([20, 30, 45, 68, 100])


class Watches(ClassifierMixin, BaseEstimator):
    """Notes whom it is fitted to and whom it scores."""

    seen: list[tuple[list[str], list[str]]] = []

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fitted_ = X.index.get_level_values("patient_id").tolist()
        return self

    def predict_proba(self, X):
        Watches.seen.append((self.fitted_, X.index.get_level_values("patient_id").tolist()))
        score = X["deep__n__0"].rank(pct=True).to_numpy()
        return np.column_stack([1 - score, score])


@pytest.fixture
def study(table):
    X, rate = table(60, lesions=2)
    return X, (rate > rate.median()).astype(float)


def test_sizes_are_nested_and_held_out_patients_never_trained_on(study):
    X, y = study
    Watches.seen = []
    learning_curve(Watches(), X, y, sizes=[10, 20, 40], n_repeats=4)
    assert len(Watches.seen) == 12
    for repeat in range(4):
        fits = Watches.seen[3 * repeat : 3 * repeat + 3]
        parts = [set(fitted) for fitted, _ in fits]
        assert [len(part) for part in parts] == [10, 20, 40]
        assert parts[0] < parts[1] < parts[2]
        assert all(len(fitted) == 2 * len(set(fitted)) for fitted, _ in fits)  # all lesions, once
        assert len({tuple(scored) for _, scored in fits}) == 1
        assert len(set(fits[0][1])) == 15
        assert not parts[2] & set(fits[0][1])


def test_first_patients_have_the_shares_of_the_cohort(table):
    X, _ = table(80)
    y = pd.Series(np.repeat([1.0, 0.0], [20, 60]), index=X.index)
    Watches.seen = []
    learning_curve(Watches(), X, y, sizes=[12, 24, 60], n_repeats=5)
    responders = set(X.index.get_level_values("patient_id")[:20])
    for fitted, scored in Watches.seen:
        assert abs(len(responders & set(fitted)) - len(fitted) / 4) <= 1.01
        assert len(responders & set(scored)) == 5


def test_points_are_mean_aucs_of_a_plain_script(study):
    X, y = study
    curve = learning_curve(
        {"m": LogisticRegression(max_iter=1000)}, X, y, sizes=[12, 20, 45], n_repeats=3, seed=4
    )
    from tumor_response.evaluation.planning.learning_sizes import draw_splits
    from tumor_response.evaluation.rows import prepare_rows

    rows = prepare_rows({"m": LogisticRegression()}, X, y, None, "error", None)
    columns = [c for c in X if not c.startswith("meta__")]
    by_hand = np.zeros(3)
    for split in draw_splits(rows, [12, 20, 45], 0.25, 3, 4):
        for at, train in enumerate(split.train):
            fitted = LogisticRegression(max_iter=1000).fit(X[columns].iloc[train], y.iloc[train])
            score = fitted.predict_proba(X[columns].iloc[split.test])[:, 1]
            by_hand[at] += auc(y.iloc[split.test], score) / 3
    np.testing.assert_allclose(curve.table().loc["m", "auc"], by_hand, rtol=1e-12)


def test_the_cut_is_that_of_the_training_patients(table):
    X, rate = table(60)
    cuts = []

    class Cuts(tr.ResponderCut):
        def fit(self, values):
            cuts.append((len(values), float(np.median(values))))
            return super().fit(values)

    learning_curve(Watches(), X, rate, sizes=[10, 20, 40], n_repeats=2, label=Cuts("median"))
    assert {10, 20, 40} <= {n for n, _ in cuts}
    assert len({cut for _, cut in cuts}) > 1


def test_bytes_depend_on_the_seed_and_on_nothing_else(study):
    X, y = study
    models = {"a": tr.make_model("volume_only"), "b": tr.make_model("clinical_only")}
    settings_ = {"sizes": [16, 30, 45], "n_repeats": 4}
    one = learning_curve(models, X, y, **settings_)
    two = learning_curve(models, X, y, n_jobs=2, **settings_)
    pd.testing.assert_frame_equal(one.table(), two.table(), check_exact=True)
    alone = learning_curve({"b": models["b"]}, X, y, **settings_)
    pd.testing.assert_frame_equal(
        one.table().loc[["b"]], alone.table().loc[["b"]], check_exact=True
    )
    other = learning_curve(models, X, y, seed=1, **settings_)
    assert (one.table()["auc"] != other.table()["auc"]).any()


def test_a_signal_that_takes_patients_to_learn_makes_a_rising_curve(table):
    X, _ = table(160, p=30, signal=0.0)
    y = X[[f"deep__n__{i}" for i in range(8)]].sum(axis=1)
    y = (y > y.median()).astype(float)
    models = {"ridge": tr.make_model("logistic", Cs=(1.0,)), "dummy": tr.make_model("dummy")}
    curve = learning_curve(models, X, y, n_repeats=6)
    points = curve.table()["auc"]
    assert points["ridge"].iloc[-1] > points["ridge"].iloc[0] + 0.1
    assert (points["dummy"] == 0.5).all()
    assert curve.fits["ridge"].gap > 0
    first = curve.patients_for("ridge", 0.6)
    assert first.within_reach
    assert "is reached with the smallest" in str(first) or "takes about" in str(first)
    hopeless = curve.patients_for("dummy", 0.8)
    assert (hopeless.n, hopeless.low, hopeless.high) == (np.inf, np.inf, np.inf)
    assert "is not within reach" in str(hopeless)
    ax = curve.plot(auc=0.8)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0].startswith("ridge: 0.")
    assert ax.get_xlabel() == "Training patients"
    assert curve.plot(ax=ax, models=["dummy"]) is ax
    plt.close(ax.figure)
    with pytest.raises(EvaluationError, match="No model 'typo'"):
        curve.plot(models=["typo"])
    with pytest.raises(EvaluationError, match="No model 'typo'"):
        curve.patients_for("typo", 0.8)
    with pytest.raises(SettingsError, match="auc=80"):
        curve.patients_for("ridge", 80)


# -- the power law --------------------------------------------------------------------------


@settings(max_examples=30)
@given(
    limit=st.floats(0.6, 0.98),
    rise=st.floats(0.02, 0.3),
    rate=st.floats(0.2, 1.8),
)
def test_a_curve_of_that_form_is_found(limit, rise, rate):
    truth = PowerLaw(limit, rise / (0.2**-rate - 1), rate, 100)
    found = fit_power_laws(SIZES, truth.at(SIZES))[0]
    # the rates tried are a grid of steps of 1.7 %
    np.testing.assert_allclose(found.at(SIZES), truth.at(SIZES), atol=2e-3 * rise)
    np.testing.assert_allclose(found.at([200]), truth.at([200]), atol=0.02 * rise)


def test_the_fit_is_as_good_as_a_nonlinear_one():
    rng = np.random.default_rng(0)
    weights = np.arange(1, 6) / 5

    def form(n, limit, gap, rate):
        return limit - gap * (n / 100) ** -rate

    for _ in range(20):
        y = form(SIZES, 0.8, 0.08, 0.6) + rng.normal(0, 0.02, 5)
        found = fit_power_laws(SIZES, y)[0]
        mine = weights @ (found.at(SIZES) - y) ** 2
        best, _ = curve_fit(
            form, SIZES, y, (0.75, 0.05, 0.5), 1 / np.sqrt(weights),
            bounds=([0, 0, 0.1], [1, np.inf, 2]),
        )  # fmt: skip
        assert mine <= weights @ (form(SIZES, *best) - y) ** 2 + 1e-5


def test_a_falling_curve_gets_no_slope_and_a_steep_one_no_limit_above_one():
    falling = fit_power_laws(SIZES, [0.8, 0.75, 0.7, 0.65, 0.6])[0]
    assert falling.gap == 0
    assert falling.limit == pytest.approx(
        np.average([0.8, 0.75, 0.7, 0.65, 0.6], weights=range(1, 6))
    )
    assert falling.patients_for(0.5) == 0
    steep = fit_power_laws(SIZES, [0.5, 0.6, 0.72, 0.86, 0.99])[0]
    assert steep.limit <= 1
    both = fit_power_laws(SIZES, [[0.8, 0.75, 0.7, 0.65, 0.6], [0.5, 0.6, 0.72, 0.86, 0.99]])
    assert both == [falling, steep]


def test_what_cannot_be_is_refused(study):
    X, y = study
    model = tr.make_model("volume_only")
    with pytest.raises(EvaluationError, match="three sizes or more"):
        fit_power_laws([10, 20], [0.5, 0.6])
    for sizes in ([10, 20], [2, 10, 20], [10, 20, 46], [10, 10, 20]):
        with pytest.raises(SettingsError, match="three or more different numbers"):
            learning_curve(model, X, y, sizes=sizes)
    with pytest.raises(SettingsError, match="n_repeats=1"):
        learning_curve(model, X, y, n_repeats=1)
    with pytest.raises(SettingsError, match=r"held_out=0\.9"):
        learning_curve(model, X, y, held_out=0.9)
    with pytest.raises(EvaluationError, match="needs 32 or more") as caught:
        training_sizes(30, 0.25, None)
    assert caught.value.code == "too_few_patients"
    few = y * 0
    few.iloc[[0, 30]] = 1
    with pytest.raises(EvaluationError, match="never all had both classes"):
        learning_curve(model, X, few, sizes=[4, 10, 20])
    with pytest.raises(EvaluationError, match="predict rate") as caught:
        learning_curve(LinearRegression(), X, pd.Series(X["clinical__age"] * 2, name="rate"))
    assert caught.value.code == "task"
