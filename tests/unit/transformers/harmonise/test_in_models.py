"""Harmonising steps inside models: evaluated, kept on disk, explained, adapted, refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.transformers.harmonise.tables import scanned
from tumor_response.evaluation.kept_fits import KeptFits
from tumor_response.exceptions import EvaluationError, ModelError
from tumor_response.transformers import ComBat, NestedComBat, adapt_sites, harmonised


def study(sizes=None) -> tuple[pd.DataFrame, pd.Series]:
    X, truth, *_ = scanned(sizes or {"A": 50, "B": 40}, n_columns=15, seed=3)
    noise = np.random.default_rng(0).normal(size=len(X))
    rate = truth["radiomics__f0"] - truth["radiomics__f1"] + noise
    return X, rate.rename("rate_percent_per_day")


def model(step="combat"):
    return tr.make_model("logistic", blocks=["radiomics"], harmonise=step, Cs=(0.1,))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def result(directory):
    X, rate = study()
    return tr.evaluate(
        {"plain": model(None), "combat": model()},
        X,
        rate,
        tr.Bootstrap632Plus(n_resamples=8, seed=0),
        label=tr.ResponderCut("median"),
        directory=directory,
        keep_fits=True,
    )


def test_a_named_model_begins_with_the_step():
    assert list(model().named_steps)[:2] == ["harmonise", "blocks"]
    assert next(iter(model(None).named_steps)) == "blocks"
    for name in ("site_zscore", "site_quantile"):
        X, rate = study()
        assert model(name).fit(X, rate > rate.median()).predict_proba(X).shape == (90, 2)
    with pytest.raises(ModelError, match="'combat'"):
        model("kombat")
    with pytest.raises(ModelError, match="Pipeline"):
        harmonised(model()[-1], ComBat())


def test_it_is_refitted_in_the_fold_and_kept_without_pickle(result, directory):
    X, rate = study()
    resample = result.resamples[0]
    by_hand = ComBat().fit(X.iloc[resample.train])
    y = (rate > rate.iloc[resample.train].median()).astype(int)
    fitted = model().fit(X.iloc[resample.train], y.iloc[resample.train])
    pd.testing.assert_frame_equal(
        fitted.named_steps["harmonise"].transform(X), by_hand.transform(X)
    )
    scores = result.scores.query("model == 'combat' and resample == 0")["score"].to_numpy()
    np.testing.assert_allclose(fitted.predict_proba(X.iloc[resample.test])[:, 1], scores, rtol=1e-9)
    loaded = KeptFits(directory).load("combat", 0)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.named_steps["harmonise"].not_harmonised_.empty


def test_explanations_sum_to_the_output(result):
    explanation = tr.explain(result, "combat")
    total = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(total, explanation.outputs, atol=1e-6)
    assert all(column.startswith("radiomics__") for column in explanation.values)


def test_a_site_left_out_is_refused_or_harmonised_by_its_own_rows():
    X, rate = study({"A": 40, "B": 30, "C": 30})
    scheme, label = tr.LeaveOneSiteOut(), tr.ResponderCut("median")
    with pytest.raises(EvaluationError, match="was not there at fit"):
        tr.evaluate(model(), X, rate, scheme, label=label)
    own = ComBat(unseen="own_rows")
    result = tr.evaluate({"m": model(own)}, X, rate, scheme, label=label)
    assert 0.5 < result.summary().filter(like="auc").iloc[0].max() <= 1


@pytest.mark.parametrize("step", [ComBat(), "site_zscore", "site_quantile", ComBat(reference="A")])
def test_a_fitted_model_is_adapted_to_a_new_hospital(step):
    X, rate = study({"A": 40, "B": 30, "C": 30})
    at_c = (X["meta__site"] == "C").to_numpy()
    y = (rate > rate.median()).astype(int)
    fitted = model(step).fit(X[~at_c], y[~at_c])
    with pytest.raises(ModelError, match="'C'"):
        fitted.predict_proba(X[at_c])
    sample, others = X[at_c][:10], X[at_c][10:]
    adapted = adapt_sites(fitted, sample)
    alone = adapted.predict_proba(others.iloc[[0]])
    np.testing.assert_allclose(adapted.predict_proba(others)[:1], alone)
    with pytest.raises(ModelError, match="'C'"):  # the first is as it was
        fitted.predict_proba(others)
    with pytest.raises(ModelError, match="no harmonising step"):
        adapt_sites(model(None).fit(X, y), sample)


@pytest.mark.parametrize("step", [ComBat, NestedComBat])
def test_covariates_that_are_the_outcome_are_refused_before_the_first_fit(step):
    X, rate = study()
    X["clinical__x"] = rate
    scheme, label = tr.Bootstrap632Plus(n_resamples=4), tr.ResponderCut("median")
    with pytest.raises(EvaluationError) as error:
        tr.evaluate(model(step(covariates=["clinical__x"])), X, rate, scheme, label=label)
    assert error.value.code == "outcome_as_predictor"
    X["clinical__dose_gy_at_follow_up"] = 1.0
    late = step(covariates=["clinical__dose_gy_at_follow_up"])
    with pytest.raises(EvaluationError) as error:
        tr.evaluate(model(late), X, rate, scheme, label=label)
    assert error.value.code == "covariate"
