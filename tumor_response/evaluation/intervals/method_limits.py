"""The limits of each method from an evaluation's resamples."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.intervals.delong import AucVariance, obuchowski
from tumor_response.evaluation.intervals.folds import corrected_resampled_se
from tumor_response.evaluation.intervals.influence import (
    Influence,
    pair_influence,
    times_drawn,
)
from tumor_response.evaluation.intervals.jackknife import jackknife_after_bootstrap
from tumor_response.evaluation.intervals.ledell import ledell
from tumor_response.evaluation.intervals.limits import (
    logit_limits,
    normal_limits,
    percentile_limits,
)
from tumor_response.evaluation.intervals.patients_left_out import values_without_each
from tumor_response.evaluation.intervals.shifted import location_shifted
from tumor_response.evaluation.metrics import auc_632, auc_632plus
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = [
    "bagged_scores",
    "corrected_resampled",
    "delta_after_bootstrap",
    "fold_influence",
    "jackknife_of_resamples",
    "jackknife_of_test_set",
    "on_test_set",
    "oob_combined",
    "oob_influence",
    "oob_percentile",
    "optimism_corrected",
    "shifted_about",
    "with_632",
    "with_632plus",
]

FloatArray = npt.NDArray[np.float64]
Limits = tuple[float, float]


def _values(result: EvaluationResult, name: str) -> FloatArray:
    values = result.oob_values(name)
    return values[np.isfinite(values)]


def _about(
    result: EvaluationResult,
    estimate: float,
    variance: float,
    level: float,
    df: float = np.inf,
) -> Limits:
    """Return limits on the log-odds scale, for R2, which has none, on its own."""
    scale = normal_limits if result.task == "rate" else logit_limits
    return scale(estimate, float(np.sqrt(variance)), level, df)


def oob_percentile(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return the middle of the resamples' own values."""
    return percentile_limits(_values(result, name), level)


def corrected_resampled(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits by Nadeau and Bengio's variance, with J - 1 degrees of freedom."""
    values = _values(result, name)
    return _about(
        result, float(values.mean()), _resampled_variance(result, name), level, len(values) - 1
    )


def _resampled_variance(result: EvaluationResult, name: str) -> float:
    """Return Nadeau and Bengio's variance of the mean of the resamples' values."""
    values, patients = _values(result, name), result.rows.patients
    if len(values) < 2:
        raise EvaluationError(
            "The corrected resampled interval needs two resamples or more whose test rows have "
            "both classes.",
            code="too_few_resamples",
        )
    tested = [len(np.unique(patients[one.test])) for one in result.resamples]
    trained = [len(np.unique(patients[one.train])) for one in result.resamples]
    return corrected_resampled_se(values, float(np.sum(tested) / np.sum(trained))) ** 2


def shifted_about(estimate: Callable[[EvaluationResult, str], float]) -> Callable[..., Limits]:
    """Return the location-shifted limits about an estimate corrected for optimism."""

    def limits(result: EvaluationResult, name: str, level: float) -> Limits:
        train = [one.train_values[name] for one in result.out_of_bag]
        return location_shifted(
            estimate(result, name), result.apparent[name], train, _values(result, name), level
        )

    return limits


def optimism_corrected(result: EvaluationResult, name: str) -> float:
    """Return Harrell's estimate: the apparent value less the resamples' mean optimism.

    Optimism is what a resample's model scores higher on its own sample than on all rows (Harrell,
    Lee and Mark 1996, Statistics in Medicine 15:361).
    """
    optimism = [one.train_values[name] - one.all_values[name] for one in result.out_of_bag]
    return result.apparent[name] - float(np.mean(optimism))


def with_632(result: EvaluationResult, name: str) -> float:
    """Return the .632 estimate."""
    return auc_632(result.apparent[name], float(_values(result, name).mean()))


def with_632plus(result: EvaluationResult, name: str) -> float:
    """Return the .632+ estimate."""
    return auc_632plus(result.apparent[name], float(_values(result, name).mean()))


def jackknife_of_resamples(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits by the jackknife after the bootstrap."""
    values = result.oob_values(name)
    drawn = times_drawn([one.train for one in result.resamples], result.rows.patients)
    known = np.isfinite(values)
    without = values_without_each(result, name)
    variance, raw = jackknife_after_bootstrap(without[known], values[known], drawn[known])
    if np.isnan(variance):
        raise EvaluationError(
            f"{len(values)} resamples are too few for the jackknife after the bootstrap with "
            f"{drawn.shape[1]} patients: what chance adds to its variance ({raw:.2g}) is more than "
            "the variance itself. Take more resamples, or another method.",
            code="too_few_resamples",
        )
    return _about(result, float(values[known].mean()), variance, level)


def _influence(result: EvaluationResult, name: str) -> Influence:
    """Return the influence of each patient on a model's out-of-bag AUC or C-index."""
    drawn = times_drawn([one.train for one in result.resamples], result.rows.patients)
    return pair_influence(
        [one.y_test for one in result.out_of_bag],
        [one.scores[name] for one in result.out_of_bag],
        [one.test for one in result.resamples],
        drawn,
        result.rows.patients,
    )


def delta_after_bootstrap(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits by the variance of the out-of-bag estimate."""
    variance = _influence(result, name).variance_of_estimate
    return _about(result, float(_values(result, name).mean()), variance, level)


def oob_influence(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits by the variance about the refitted model's value."""
    variance = _influence(result, name).variance_about_target
    return _about(result, float(_values(result, name).mean()), variance, level)


def oob_combined(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits by the larger of the influence's and the corrected resampled variance."""
    values = _values(result, name)
    by_influence = _influence(result, name).variance_about_target
    variance = max(by_influence, _resampled_variance(result, name))
    return _about(result, float(values.mean()), variance, level, len(values) - 1)


def bagged_scores(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits by Obuchowski's variance of each lesion's mean out-of-bag score."""
    score = result.bagged_scores[name].to_numpy()
    seen = np.isfinite(score)
    found = obuchowski(result.rows.y[seen], score[seen], result.rows.patients[seen])
    return _about(result, float(_values(result, name).mean()), found.variance, level)


def fold_influence(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return LeDell's limits; folds of one class have no AUC and are left out."""
    whole = [
        (one.y_test, one.scores[name], resample.test, resample.repeat)
        for resample, one in zip(result.resamples, result.out_of_bag, strict=True)
        if np.isfinite(one.values[name])
    ]
    y, scores, test, repeats = zip(*whole, strict=True)
    found = ledell(y, scores, test, repeats, result.rows.patients)
    return _about(result, found.auc, found.variance, level)


def on_test_set(variance: Callable[..., AucVariance]) -> Callable[..., Limits]:
    """Return limits by a variance of the AUC on one test set."""

    def limits(result: EvaluationResult, name: str, level: float) -> Limits:
        one, rows = result.out_of_bag[0], result.resamples[0].test
        found = variance(one.y_test, one.scores[name], result.rows.patients[rows])
        return found.limits(level, "logit")

    return limits


def jackknife_of_test_set(result: EvaluationResult, name: str, level: float) -> Limits:
    """Return limits on one test set by leaving out each of its patients."""
    left = values_without_each(result, name)[0]
    left = left[np.isfinite(left)]
    n = len(left)
    variance = float((n - 1) / n * ((left - left.mean()) ** 2).sum())
    return _about(result, float(result.oob_values(name)[0]), variance, level)
