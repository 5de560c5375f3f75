"""Predictions of tables: each column against plain arithmetic; refusals; any n_jobs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

import tumor_response as tr
from tests.unit.predictor import made
from tumor_response.exceptions import EvaluationError, ModelError, SettingsError, TableError
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.predictor.refusal import RefusalRule

COLUMNS = [
    "probability",
    "spread_low",
    "spread_high",
    "label_set",
    "predicted_class",
    "probability_volume_only",
    "in_domain_score",
    "in_domain",
    "out_of_domain",
    "n_missing",
    "refused",
    "refusal",
]
SMALL = {
    "model": tr.make_model("logistic", Cs=[0.1]),
    "n_resamples": 4,
    "n_repeats": 1,
    "n_folds": 3,
}


X = made.table(60)


@pytest.fixture(scope="module")
def fitted() -> ShrinkagePredictor:
    predictor = ShrinkagePredictor(label=tr.ResponderCut("median"), **SMALL)
    return predictor.fit_table(X[:60], made.rates(X)[:60])


def test_every_number_is_what_the_state_says_by_hand(fitted: ShrinkagePredictor) -> None:
    new, state = X[60:], fitted.state_
    found = fitted.predict_table(new, coverage=0.8)
    assert list(found) == COLUMNS
    assert found.index.equals(new.index)

    def calibrated(model: object, line: object) -> np.ndarray:
        raw = logit(model.predict_proba(new)[:, 1])  # type: ignore[attr-defined]
        return expit(line.intercept + line.slope * raw)  # type: ignore[attr-defined]

    point = calibrated(state.model, state.calibration)
    np.testing.assert_allclose(found["probability"], point, rtol=1e-12)
    fits = [calibrated(one, state.calibration) for one in state.resample_models]
    np.testing.assert_allclose(found["spread_low"], np.quantile(fits, 0.05, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["spread_high"], np.quantile(fits, 0.95, axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        found["probability_volume_only"],
        calibrated(state.volume_model, state.volume_calibration),
        rtol=1e-12,
    )
    assert (found["predicted_class"] == (point >= state.threshold["value"])).all()
    q = state.conformal.quantiles["0.8"]
    by_hand = [
        "{" + ", ".join(c for c, p in (("0", 1 - p), ("1", p)) if 1 - p <= q) + "}" for p in point
    ]
    assert found["label_set"].tolist() == by_hand


def test_calibration_and_threshold_are_of_patients_left_out(fitted: ShrinkagePredictor) -> None:
    # on its own training rows the ridge looks better than it is; left out it does not
    own = fitted.predict_table(X[:60])["probability"]
    y = (made.rates(X)[:60] > made.rates(X)[:60].median()).to_numpy()
    said = own >= fitted.state_.threshold["value"]
    apparent = said[y].mean() + 1 - said[~y].mean() - 1
    left_out = fitted.state_.threshold["sensitivity"] + fitted.state_.threshold["specificity"] - 1
    assert left_out < apparent


def test_a_refused_lesion_keeps_its_row_and_says_why(fitted: ShrinkagePredictor) -> None:
    new = X[60:].copy()
    new.iloc[0, :4] = np.nan
    new.iloc[1, 0] = np.nan  # one of four: more than a tenth
    new.iloc[2, 4] = np.nan  # the volume, which the block shares with sex
    found = fitted.predict_table(new)
    assert found.index.equals(new.index)
    assert found["refusal"].tolist()[:3] == ["block_missing", "columns_missing", "columns_missing"]
    assert found["n_missing"].tolist()[:3] == [4, 1, 1]
    gone = found[found["refused"]]
    assert len(gone) == 3
    assert gone[["probability", "spread_low", "probability_volume_only"]].isna().all(axis=None)
    assert gone["predicted_class"].isna().all()
    assert (gone["label_set"] == "").all()
    pd.testing.assert_frame_equal(found[3:], fitted.predict_table(new[3:]), rtol=1e-12)
    lenient = fitted.predict_table(new, refuse=RefusalRule(max_missing_share=0.5))
    assert lenient["refused"].tolist()[:4] == [True, False, False, False]
    assert np.isnan(lenient["probability_volume_only"].iloc[2])
    assert np.isfinite(lenient["probability"].iloc[2])
    none = fitted.predict_table(new.iloc[:1])
    assert list(none) == COLUMNS
    assert none["refused"].all()


def test_what_training_lesions_lacked_may_be_missing() -> None:
    lacking = X.copy()
    lacking.iloc[[3, 50], 0] = np.nan
    predictor = ShrinkagePredictor(label=tr.ResponderCut("median"), **SMALL)
    predictor.fit_table(lacking[:60], made.rates(X)[:60])
    new = X[60:].copy()
    new.iloc[0, 0] = np.nan
    new.iloc[1, 1] = np.nan
    assert predictor.predict_table(new)["refused"].tolist()[:3] == [False, True, False]


def test_columns_in_another_order_or_beside_others_change_nothing(
    fitted: ShrinkagePredictor,
) -> None:
    new = X[60:]
    shuffled = new[list(new)[::-1]].assign(deep__other=1.0)
    pd.testing.assert_frame_equal(
        fitted.predict_table(new), fitted.predict_table(shuffled), check_exact=True
    )


def test_the_state_is_the_same_for_any_number_of_processes() -> None:
    y = made.rates(X)
    one, two = (
        ShrinkagePredictor(label=tr.ResponderCut("median"), **SMALL).fit_table(
            X[:40], y[:40], n_jobs=n
        )
        for n in (1, 2)
    )
    assert one.state_.record == two.state_.record
    assert one.state_.conformal == two.state_.conformal
    pd.testing.assert_frame_equal(
        one.predict_table(X[40:]), two.predict_table(X[40:]), check_exact=True
    )


def test_rates_have_intervals_and_no_classes() -> None:
    y = made.rates(X)
    model = tr.make_model("linear", outcome="rate", alphas=[10.0])
    predictor = ShrinkagePredictor(outcome="rate", **SMALL | {"model": model})
    found = predictor.fit_table(X[:60], y[:60]).predict_table(X[60:], coverage=0.9)
    assert list(found)[:6] == [
        "rate",
        "spread_low",
        "spread_high",
        "interval_low",
        "interval_high",
        "rate_volume_only",
    ]
    np.testing.assert_allclose(found["rate"], predictor.state_.model.predict(X[60:]), rtol=1e-12)
    half = predictor.state_.conformal.quantiles["0.9"]
    np.testing.assert_allclose(found["interval_high"] - found["rate"], half, rtol=1e-12)
    assert predictor.state_.end_point["mean"] == pytest.approx(y[:60].mean())


def test_missing_outcomes_are_left_out_and_counted() -> None:
    y = made.rates(X)[:60].copy()
    y.iloc[5] = np.nan
    predictor = ShrinkagePredictor(label=tr.ResponderCut("median"), **SMALL).fit_table(X[:60], y)
    flow = predictor.state_.record["fit"]["flow"]
    assert flow["evaluated"]["n_lesions"] == 59
    assert flow["left out, outcome: missing"]["n_lesions"] == 1


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda X: X.drop(columns="radiomics__f1"), TableError, "columns_missing"),
        (lambda X: X.drop(columns="clinical__volume_cc"), TableError, "columns_missing"),
        (lambda X: X.assign(radiomics__f1="1"), EvaluationError, "object_columns"),
        (lambda X: X.assign(radiomics__f1=np.inf), EvaluationError, "infinite"),
        (lambda X: X.reset_index(drop=True), EvaluationError, "index"),
    ],
)
def test_tables_that_cannot_be_predicted(
    fitted: ShrinkagePredictor, change: object, error: type, code: str
) -> None:
    with pytest.raises(error) as caught:
        fitted.predict_table(change(X[60:]))  # type: ignore[operator]
    assert caught.value.code == code


def test_what_was_not_fitted_is_not_given(fitted: ShrinkagePredictor) -> None:
    with pytest.raises(ModelError) as caught:
        fitted.predict_table(X, coverage=0.7)
    assert caught.value.code == "coverage"
    with pytest.raises(ModelError) as caught:
        _ = ShrinkagePredictor().state_
    assert caught.value.code == "not_fitted"
    with pytest.raises(SettingsError, match="n_resamples"):
        ShrinkagePredictor(n_resamples=1)
    thirds = pd.Series(np.arange(len(X)) % 3, X.index)
    with pytest.raises(EvaluationError) as refused:
        ShrinkagePredictor(model=tr.make_model("ordinal", outcome="tertiles")).fit_table(X, thirds)
    assert refused.value.code == "task"
