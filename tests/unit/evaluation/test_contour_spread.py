"""Spread of predictions under other contours: a plain script, who had seen whom, what is held."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import tumor_response as tr
from tests.unit.repeat_rules import stored_repeats
from tumor_response.evaluation import prediction_spread, spread_of_model
from tumor_response.exceptions import EvaluationError, FeatureError, ModelError
from tumor_response.transformers import BlockSelector, StableColumns

KEY = "views__repeats__key"
COLUMNS = ["radiomics__a", "radiomics__b", "radiomics__c", "deep__x"]
N, REPEATS = 36, 6


class Study:
    def __init__(self, folder, seed=0):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(N, 1, len(COLUMNS)))
        noise = 0.3 * rng.normal(size=(N, 1 + REPEATS, len(COLUMNS)))
        noise[:, 0] = 0.0
        self.values = truth + noise
        self.values[4, 1:4] = np.nan  # repeats that failed altogether
        self.values[5, 2, :3] = np.nan  # without radiomics
        self.values[6, 2:] = np.nan  # one repeat is left
        self.folder = folder
        self.keys = stored_repeats(folder, self.values, COLUMNS)
        index = pd.MultiIndex.from_arrays(
            [[f"P{n % 30:02d}" for n in range(N)], [str(n // 30) for n in range(N)]],
            names=["patient_id", "lesion_id"],
        )
        self.X = pd.DataFrame(self.values[:, 0], index=index, columns=COLUMNS)
        self.X.insert(0, "clinical__age", rng.normal(size=N))
        self.X[KEY] = self.keys
        self.X.loc[self.X.index[7], KEY] = None
        logit = self.X["radiomics__a"] + self.X["clinical__age"]
        self.y = (logit + 0.5 * rng.logistic(size=N) > 0).astype(int)
        self.model = make_pipeline(BlockSelector(), LogisticRegression())


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def result(study):
    scheme = tr.Bootstrap632Plus(n_resamples=5, seed=0)
    return tr.evaluate({"all": study.model}, study.X, study.y, scheme)


def _plain(study, result):
    """SD, shift and flips of each lesion, fit by fit, written out."""
    found = {lesion: [] for lesion in range(N)}
    X = study.X[["clinical__age", *COLUMNS]].to_numpy()
    for resample in result.resamples:
        fitted = LogisticRegression().fit(X[resample.train], study.y.iloc[resample.train])
        for lesion in resample.test:
            drawn = fitted.predict_proba(X[[lesion]])[0, 1]
            own = []
            for repeat in study.values[lesion, 1:]:
                if np.isnan(repeat[:3]).all() or np.isnan(repeat[3]):
                    continue
                row = np.concatenate([X[lesion, :1], repeat])
                own.append(fitted.predict_proba(row[None])[0, 1])
            flips = np.mean([(p >= 0.5) != (drawn >= 0.5) for p in own])
            spread = (np.std(own, ddof=1), np.quantile(own, 0.05), np.quantile(own, 0.95))
            found[lesion].append((drawn, *spread, np.mean(own) - drawn, flips))
    return pd.DataFrame(
        [np.mean(of, axis=0) if of else np.full(6, np.nan) for of in found.values()],
        index=study.X.index,
        columns=["probability", "sd", "low", "high", "shift", "flip_share"],
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_out_of_bag_it_is_what_a_plain_script_finds(study, result):
    found = prediction_spread(result, study.folder)
    expected = _plain(study, result)
    seen = found.table["reason"] == ""
    assert seen.sum() > 25
    columns = list(expected)
    np.testing.assert_allclose(found.table.loc[seen, columns], expected[seen], atol=1e-8)
    bagged = result.bagged_scores["all"]
    np.testing.assert_allclose(found.table["probability"], bagged, atol=1e-8)
    assert 0 < found.table["flip_share"].mean() < 0.5
    counts = found.table[["n_repeats", "n_failed", "reason"]]
    assert counts.iloc[4].tolist()[:2] == [3, 3]
    assert counts.iloc[5].tolist()[:2] == [5, 1]
    assert counts.iloc[6].tolist() == [1, 5, "too_few_repeats"]
    assert counts.iloc[7].tolist() == [0, 0, "no_repeats"]
    assert found.table.loc[~seen, "sd"].isna().all()
    assert found.held == ["clinical__age"]
    assert found.varied == COLUMNS


def test_a_model_of_what_hangs_on_no_contour_has_no_spread(study):
    model = make_pipeline(BlockSelector(["clinical"]), LogisticRegression())
    scheme = tr.RepeatedKFold(n_folds=3, n_repeats=1, seed=0)
    result = tr.evaluate({"age": model}, study.X, study.y, scheme)
    with pytest.raises(EvaluationError) as none:
        prediction_spread(result, study.folder)
    assert none.value.code == "no_repeats"
    named = make_pipeline(BlockSelector(["deep"]), LogisticRegression(C=1e-9))
    flat = tr.evaluate({"flat": named}, study.X, study.y, scheme)
    found = prediction_spread(flat, study.folder)
    assert found.table["sd"].max() < 1e-6
    assert found.varied == ["deep__x"]
    assert found.held == []


def test_a_fitted_model_says_whom_it_has_seen(study):
    fitted = clone(study.model).fit(study.X.iloc[:20], study.y.iloc[:20])
    found = spread_of_model(fitted, study.X, study.folder, training=study.X.index[:20])
    # P00 to P05 have two lesions: the second, 30 to 35, is of a patient that was seen
    seen = [number < 20 or number >= 30 for number in range(N)]
    assert (found.table["sample"] == "in_sample").tolist() == seen
    assert "in-sample" in found.sentence()
    unknown = spread_of_model(fitted, study.X, study.folder, training=None)
    assert set(unknown.table["sample"]) == {"unknown"}
    drawn = fitted.predict_proba(study.X)[:, 1]
    np.testing.assert_array_equal(found.table["probability"], drawn)


def test_it_goes_with_columns_chosen_in_the_fold(study):
    model = tr.make_model("logistic", stable=StableColumns(store=study.folder, min_icc=0.9))
    scheme = tr.RepeatedKFold(n_folds=3, n_repeats=1, seed=0)
    result = tr.evaluate({"stable": model}, study.X, study.y, scheme)
    assert np.isfinite(prediction_spread(result, study.folder).table["sd"].iloc[0])


def test_a_perturbation_leaves_what_it_does_not_concern(tmp_path, study):
    values = study.values[:, :3].copy()
    values[:, 2, 3] = np.nan  # bin width: nothing for the deep column
    values = np.where(np.isnan(values), 0.0, values)
    values[:, 2, 3] = np.nan
    keys = stored_repeats(
        tmp_path, values, COLUMNS, ["contour", "bin_width"], {"bin_width": ["radiomics"]}
    )
    X = study.X.assign(**{KEY: keys})
    fitted = clone(study.model).fit(X, study.y)
    with pytest.raises(EvaluationError, match="'contour', 'bin_width'") as several:
        spread_of_model(fitted, X, tmp_path, training=None)
    assert several.value.code == "perturbation_unknown"
    both = spread_of_model(
        fitted, X, tmp_path, training=None, perturbations=["contour", "bin_width"]
    )
    row = np.r_[X["clinical__age"].iloc[0], values[0, 2, :3], values[0, 0, 3]]
    frame = pd.DataFrame([row], columns=["clinical__age", *COLUMNS])
    other = pd.DataFrame([np.r_[row[0], values[0, 1]]], columns=frame.columns)
    own = [fitted.predict_proba(one)[0, 1] for one in (other, frame)]
    assert both.table["sd"].iloc[0] == pytest.approx(np.std(own, ddof=1))
    assert both.table["n_failed"].iloc[0] == 0


def test_words_and_figure(study, result):
    found = prediction_spread(result, study.folder)
    told = str(found)
    assert "held as they are (clinical: 1)" in told
    assert f"{found.summary()['n_without']} lesion(s) have no spread" in told
    ax = found.plot()
    (_, chosen) = plt.subplots()
    assert found.plot(chosen) is chosen
    drawn = sum(len(one.get_offsets()) for one in ax.collections if hasattr(one, "get_sizes"))
    assert drawn >= (found.table["reason"] == "").sum()
    assert "out of bag" in ax.get_title(loc="left")
    plt.close("all")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"model": "none"}, "unknown_model"),
        ({"perturbations": "rotation"}, "perturbation_unknown"),
        ({"column": "views__axial__key"}, "key_column"),
        ({"store": "nowhere"}, "view_store"),
    ],
)
def test_what_cannot_be_said_is_refused(study, result, asked, code):
    given = {"store": study.folder} | asked
    with pytest.raises((EvaluationError, ModelError, FeatureError)) as refused:
        prediction_spread(result, **given)
    assert refused.value.code == code


def test_rates_and_other_tables_are_refused(study):
    model = tr.make_model("linear", outcome="rate", blocks=["radiomics"])
    scheme = tr.RepeatedKFold(n_folds=3, n_repeats=1, seed=0)
    result = tr.evaluate({"rate": model}, study.X, study.X["clinical__age"] * 2.0, scheme)
    with pytest.raises(EvaluationError) as rate:
        prediction_spread(result, study.folder)
    assert rate.value.code == "task"
    fitted = clone(study.model).fit(study.X, study.y)
    scaled = study.X.assign(radiomics__b=study.X["radiomics__b"] * 10)
    with pytest.raises(ModelError) as other:
        spread_of_model(fitted, scaled, study.folder, training=None)
    assert other.value.code == "repeats_of_other_values"
    images = make_pipeline(BlockSelector(), tr.FineTuned(store=str(study.folder)))
    with pytest.raises(EvaluationError) as unsupported:
        spread_of_model(_Fitted(images), study.X, study.folder, training=None)
    assert unsupported.value.code == "unsupported_model"


class _Fitted:
    """Says of an unfitted model what is looked at before it is used."""

    classes_ = (0, 1)

    def __init__(self, model):
        self.model = model

    def get_params(self, deep=True):
        return self.model.get_params(deep)

    def predict_proba(self, X):
        raise AssertionError("refused before")
