"""The paired difference of two models, its interval and its p value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from tumor_response.evaluation.comparison.out_of_sample import out_of_sample
from tumor_response.evaluation.comparison.permutation import paired_permutation
from tumor_response.evaluation.intervals import obuchowski_test
from tumor_response.evaluation.intervals.folds import corrected_resampled_se
from tumor_response.evaluation.intervals.influence import Influence, pair_influence, times_drawn
from tumor_response.evaluation.intervals.jackknife import jackknife_after_bootstrap
from tumor_response.evaluation.intervals.limits import normal_limits, percentile_limits
from tumor_response.evaluation.intervals.patients_left_out import values_without_each
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["DifferenceMethod", "Differences", "compare_models", "difference_of_influences"]

FloatArray = npt.NDArray[np.float64]
DifferenceMethod = Literal[
    "delta_after_bootstrap",
    "oob_influence",
    "corrected_resampled",
    "jackknife_after_bootstrap",
    "oob_percentile",
    "obuchowski",
    "jackknife",
]


class _Found(NamedTuple):
    low: float
    high: float
    p_value: float
    p_method: str
    note: str = ""


def compare_models(
    result: EvaluationResult,
    a: str,
    b: str,
    *,
    method: DifferenceMethod | None = None,
    level: float = 0.95,
) -> pd.Series:
    """Return the paired difference of two models' headline measure, ``a`` minus ``b``.

    Both models were fitted to the same patients in every resample and scored on the same others,
    so that the difference is taken there, and its mean is what is reported.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    a, b
        Names of two of its models.
    method
        Of interval and p value; they are the headline's (:mod:`tumor_response.evaluation.\
intervals`), made for a difference. The first that serves is the default:

        - bootstrap: ``"delta_after_bootstrap"`` (AUC, C-index), the variance of the difference
          from what each patient adds to it as one who is tested and as one who is trained on;
          ``"oob_influence"``, the same less what the patients trained on change in the models
          themselves: it asks about these fits, and the default about fits to other patients;
          ``"corrected_resampled"`` (Nadeau and Bengio 2003, Machine Learning 52:239), the
          variance over resamples times ``1 / J + n_test / n_train``;
          ``"jackknife_after_bootstrap"``; ``"oob_percentile"``, percentiles of the resamples' own
          differences, without a p value;
        - folds, sites: ``"corrected_resampled"``;
        - one test set: ``"obuchowski"`` (AUC; with one lesion per patient the test of DeLong and
          others 1988), or ``"jackknife"``, whose p value is that of exchanging the two models'
          scores within patients. Both hold the models as they are.
    level
        Of the interval.

    Returns
    -------
    pandas.Series
        ``model_a``, ``model_b``; their values, named as the headline with ``_a`` and ``_b``;
        ``difference``; ``ci_low``, ``ci_high``, ``ci_method``; ``p_value`` (two-sided; NaN where
        the method has none), ``p_method``; ``share_above_zero``, a share of resamples and no
        probability that ``a`` is better; ``n_resamples``; ``note``, why an interval is missing.

    Raises
    ------
    EvaluationError
        For a name that was not evaluated, and code ``interval_method``: a method that does not
        serve this scheme and measure.

    Notes
    -----
    The measured coverage of the intervals and size of the p values are on the page on comparisons.
    """
    return Differences(result).of(a, b, method, level)


class Differences:
    """The differences of an evaluation's models; what belongs to one model is computed once.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    """

    def __init__(self, result: EvaluationResult) -> None:
        self._result = result
        self._influences: dict[str, Influence] = {}
        self._left_out: dict[str, FloatArray] = {}

    @property
    def methods(self) -> tuple[DifferenceMethod, ...]:
        """The methods that serve this scheme and measure, the default first."""
        match self._result.scheme.kind, self._result.task:
            case "bootstrap", "rate":
                return ("corrected_resampled", "jackknife_after_bootstrap", "oob_percentile")
            case "bootstrap", _:
                return (
                    "delta_after_bootstrap",
                    "oob_influence",
                    "corrected_resampled",
                    "jackknife_after_bootstrap",
                    "oob_percentile",
                )
            case "folds", _:
                return ("corrected_resampled",)
            case _, "response":
                return ("obuchowski", "jackknife")
            case _:
                return ("jackknife",)

    def of(self, a: str, b: str, method: DifferenceMethod | None, level: float) -> pd.Series:
        """Return the difference of two models; see :func:`compare_models`."""
        result = self._result
        chosen = self.methods[0] if method is None else method
        if chosen not in self.methods:
            raise EvaluationError(
                f"method={chosen!r}: differences in {result.measure} by a scheme of kind "
                f"{result.scheme.kind!r} have {', '.join(map(repr, self.methods))}.",
                code="interval_method",
            )
        first, second = result.oob_values(a), result.oob_values(b)
        paired = (first - second)[np.isfinite(first - second)]
        found = self._found(a, b, paired, chosen, level)
        return pd.Series(
            {
                "model_a": a,
                "model_b": b,
                f"{result.headline}_a": float(np.nanmean(first)),
                f"{result.headline}_b": float(np.nanmean(second)),
                "difference": float(paired.mean()),
                "ci_low": found.low,
                "ci_high": found.high,
                "ci_method": f"{chosen}, paired",
                "p_value": found.p_value,
                "p_method": found.p_method,
                "share_above_zero": float((paired > 0).mean()),
                "n_resamples": len(first),
                "note": found.note,
            },
            name=f"{a} - {b}",
        )

    def _found(
        self, a: str, b: str, paired: FloatArray, method: DifferenceMethod, level: float
    ) -> _Found:
        mean = float(paired.mean())
        if not paired.any():
            return _Found(0.0, 0.0, 1.0, method, "no difference in any resample")
        match method:
            case "oob_percentile":
                return _Found(*percentile_limits(paired, level), float("nan"), "none")
            case "delta_after_bootstrap":
                return _by_error(mean, self._both(a, b).variance_of_estimate, level, method)
            case "oob_influence":
                return _by_error(mean, self._both(a, b).variance_about_target, level, method)
            case "corrected_resampled":
                if len(paired) < 2:
                    return _missing(method, "one resample has no spread")
                error = corrected_resampled_se(paired, self._test_to_train())
                return _by_error(mean, error**2, level, method, len(paired) - 1)
            case "jackknife_after_bootstrap":
                known = np.isfinite(self._result.oob_values(a) - self._result.oob_values(b))
                without = self._without(a) - self._without(b)
                variance, _ = jackknife_after_bootstrap(
                    without[known], paired, self._drawn()[known]
                )
                return _by_error(mean, variance, level, method)
            case _:
                return self._of_test_set(a, b, mean, method, level)

    def _of_test_set(
        self, a: str, b: str, mean: float, method: DifferenceMethod, level: float
    ) -> _Found:
        result = self._result
        if method == "obuchowski":
            one, tested = result.out_of_bag[0], result.resamples[0].test
            test = obuchowski_test(
                one.y_test, one.scores[a], one.scores[b], result.rows.patients[tested]
            )
            limits = normal_limits(test.difference, float(np.sqrt(test.variance)), level)
            return _Found(*limits, test.p_value, method)
        left = (self._without(a) - self._without(b))[0]
        left = left[np.isfinite(left)]
        n = len(left)
        error = float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))
        p = paired_permutation(out_of_sample(result, [a, b])).p_value
        return _Found(*normal_limits(mean, error, level), p, "paired_permutation")

    def _both(self, a: str, b: str) -> Influence:
        values = np.array([self._result.oob_values(name) for name in (a, b)])
        values = values[:, np.isfinite(values).all(axis=0)]
        steady = bool((values.std(axis=1) == 0).any())
        correlation = 0.0 if steady else float(np.corrcoef(values)[0, 1])
        return difference_of_influences(self._influence(a), self._influence(b), correlation)

    def _influence(self, name: str) -> Influence:
        if name not in self._influences:
            result = self._result
            self._influences[name] = pair_influence(
                [one.y_test for one in result.out_of_bag],
                [one.scores[name] for one in result.out_of_bag],
                [resample.test for resample in result.resamples],
                self._drawn(),
                result.rows.patients,
            )
        return self._influences[name]

    def _without(self, name: str) -> FloatArray:
        if name not in self._left_out:
            self._left_out[name] = values_without_each(self._result, name)
        return self._left_out[name]

    def _drawn(self) -> npt.NDArray[np.int64]:
        trained = [resample.train for resample in self._result.resamples]
        return times_drawn(trained, self._result.rows.patients)

    def _test_to_train(self) -> float:
        """Return the number of patients tested over that of different patients trained on."""
        patients, resamples = self._result.rows.patients, self._result.resamples
        tested = sum(len(np.unique(patients[one.test])) for one in resamples)
        return tested / sum(len(np.unique(patients[one.train])) for one in resamples)


def difference_of_influences(a: Influence, b: Influence, correlation: float) -> Influence:
    """Return what each patient adds to the difference of two models' estimates.

    Influence is linear: that on a difference is the difference of those on its parts. What the
    finite number of resamples adds is less than the sum of the parts, since both models met the
    same resamples.

    Parameters
    ----------
    a, b
        Of two models on the same resamples.
    correlation
        Of their values over the resamples.
    """
    shared = 2 * correlation * float(np.sqrt(a.noise * b.noise))
    return Influence(
        a.estimate - b.estimate,
        a.tested - b.tested,
        a.trained - b.trained,
        a.noise + b.noise - shared,
    )


def _by_error(
    mean: float, variance: float, level: float, method: str, df: float = np.inf
) -> _Found:
    if np.isnan(variance):
        return _missing(method, "too few resamples for so many patients: take more")
    error = float(np.sqrt(variance))
    if error == 0:
        return _missing(method, "no patient moves the difference, so that it has no error")
    spread = norm if np.isinf(df) else student(df)
    p = 2 * float(spread.sf(abs(mean) / error))
    return _Found(*normal_limits(mean, error, level, df), p, method)


def _missing(method: str, why: str) -> _Found:
    return _Found(float("nan"), float("nan"), float("nan"), method, why)
