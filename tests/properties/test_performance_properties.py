"""What holds of every figure of merit, whatever the predictions are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from tumor_response.evaluation import performance
from tumor_response.exceptions import EvaluationError

probabilities = st.floats(0.01, 0.99)
figures = st.floats(-2, 1)


@st.composite
def predictions(draw):
    """Both classes, with any probabilities, ties included."""
    n = draw(st.integers(2, 25))
    p = draw(st.lists(probabilities | st.sampled_from([0.2, 0.5, 0.8]), min_size=n, max_size=n))
    y = [0, 1, *draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2))]
    return np.array(y), np.array(p)


@given(predictions())
@settings(max_examples=60, deadline=None)
def test_bounds_and_identities(pair):
    y, p = pair
    prevalence = y.mean()
    assert 0 < performance.average_precision(y, p) <= 1
    benefit = performance.decision_curve(y, p)
    assert (benefit["model"] <= prevalence + 1e-12).all()
    assert (benefit["treat_all"] <= prevalence).all()
    parts = performance.brier_decomposition(y, p)
    total = parts.reliability - parts.resolution + parts.uncertainty
    total += parts.within_variance - parts.within_covariance
    assert total == pytest.approx(parts.brier, abs=1e-12)
    errors = performance.calibration_errors(y, p)
    assert 0 <= errors.e50 <= errors.e90 <= errors.emax
    assert errors.ici <= errors.emax
    gamma = performance.no_information_brier(y, p)
    assert gamma >= prevalence * (1 - prevalence) - 1e-12


@given(predictions())
@settings(max_examples=60, deadline=None)
def test_order_of_lesions_is_of_no_consequence_and_recalibration_recalibrates(pair):
    y, p = pair
    turned = slice(None, None, -1)
    assert performance.average_precision(y, p) == pytest.approx(
        performance.average_precision(y[turned], p[turned])
    )
    higher, lower = p[y == 1], p[y == 0]
    if higher.min() >= lower.max() or lower.min() >= higher.max():
        with pytest.raises(EvaluationError, match=r"separate|equal"):
            performance.recalibration(y, p)
        return
    fit = performance.recalibration(y, p)
    again = expit(fit.intercept + fit.slope * logit(p))
    assume(again.min() > 0 and again.max() < 1)  # a slope that rounds one to certainty
    assert again.mean() == pytest.approx(y.mean(), abs=1e-8)
    assert performance.calibration_in_the_large(y, again) == pytest.approx(0, abs=1e-7)


@given(figures, figures, figures, st.sampled_from(["low", "high"]))
@settings(max_examples=200, deadline=None)
def test_632plus_lies_between_apparent_and_out_of_bag_as_held(apparent, oob, gamma, better):
    held = min(oob, gamma) if better == "low" else max(oob, gamma)
    found = performance.estimate_632plus(apparent, oob, gamma, better)
    low, high = sorted((apparent, held))
    assert low - 1e-12 <= found <= high + 1e-12
    assert 0 <= performance.overfitting_rate(apparent, oob, gamma, better) <= 1
