"""The paired difference of two models, its interval and its p value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from tumor_response.evaluation.comparison.jackknife import jackknife_after_bootstrap
from tumor_response.evaluation.comparison.out_of_sample import (
    OutOfSample,
    out_of_sample,
    weighted_values,
)
from tumor_response.evaluation.comparison.permutation import paired_permutation
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["DIFFERENCE_METHODS", "DifferenceMethod", "compare_models"]

FloatArray = npt.NDArray[np.float64]
DifferenceMethod = Literal[
    "jackknife_after_bootstrap", "corrected_resampled_t", "oob_percentile", "patient_bootstrap"
]

DIFFERENCE_METHODS: dict[str, tuple[DifferenceMethod, ...]] = {
    "bootstrap": ("jackknife_after_bootstrap", "corrected_resampled_t", "oob_percentile"),
    "folds": ("corrected_resampled_t",),
    "test_set": ("patient_bootstrap",),
}
"""What there is for each kind of scheme; the first is the default."""

_N_DRAWS = 2000
"""Bootstrap samples of patients of ``patient_bootstrap``."""

_N_PERMUTATIONS = 9999


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
    seed: int = 0,
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
        Of interval and p value; default the first of the scheme's:

        - bootstrap: ``"jackknife_after_bootstrap"``, a normal interval of the standard error over
          patients (:mod:`tumor_response.evaluation.comparison.jackknife`);
          ``"corrected_resampled_t"``; ``"oob_percentile"``, percentiles of the resamples' own
          differences, each on about 37 % of the patients, and no p value;
        - folds, sites: ``"corrected_resampled_t"`` (Nadeau and Bengio 2003, Machine Learning
          52:239): the variance over resamples times ``1 / J + n_test / n_train``, because they
          share patients;
        - one test set: ``"patient_bootstrap"``, percentiles over bootstrap samples of its
          patients, and the p value of exchanging the two models' scores within patients
          (:mod:`tumor_response.evaluation.comparison.permutation`), the models held as they are.
    level
        Of the interval.
    seed
        Of what is drawn for a test set.

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
        For a name that was not evaluated, and code ``interval_method``: a method that this
        scheme does not have.

    Notes
    -----
    The measured coverage of the intervals and size of the p values are on the page on comparisons.
    """
    kind = result.scheme.kind
    chosen = DIFFERENCE_METHODS[kind][0] if method is None else method
    if chosen not in DIFFERENCE_METHODS[kind]:
        raise EvaluationError(
            f"method={chosen!r}: an evaluation by {kind.replace('_', ' ')} has "
            f"{', '.join(map(repr, DIFFERENCE_METHODS[kind]))}.",
            code="interval_method",
        )
    first, second = result.oob_values(a), result.oob_values(b)
    paired = (first - second)[np.isfinite(first - second)]
    found = _found(result, out_of_sample(result, [a, b]), paired, chosen, level, seed)
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
    result: EvaluationResult,
    sample: OutOfSample,
    paired: FloatArray,
    method: DifferenceMethod,
    level: float,
    seed: int,
) -> _Found:
    mean = float(paired.mean())
    tails = (50 * (1 - level), 50 * (1 + level))
    if not paired.any():
        return _Found(0.0, 0.0, 1.0, method, "the same scores, as far as order goes")
    if method == "oob_percentile":
        low, high = np.percentile(paired, tails)
        return _Found(float(low), float(high), float("nan"), "none")
    if method == "patient_bootstrap":
        low, high = np.percentile(_with_other_patients(sample, seed), tails)
        p = paired_permutation(sample, _N_PERMUTATIONS, seed).p_value
        return _Found(float(low), float(high), p, "paired_permutation")
    if method == "corrected_resampled_t":
        if len(paired) < 2:
            return _Found(*[float("nan")] * 3, method, "one resample has no spread")
        share = float(np.mean([_test_to_train(result, b) for b in range(len(result.resamples))]))
        error = float(np.sqrt((1 / len(paired) + share) * paired.var(ddof=1)))
        reach = float(student.isf((1 - level) / 2, len(paired) - 1)) * error
        p = 2 * float(student.sf(abs(mean) / error, len(paired) - 1)) if error else 0.0
        return _Found(mean - reach, mean + reach, p, method)
    error = jackknife_after_bootstrap(sample)
    if np.isnan(error):
        why = "too few resamples for so many patients; take more, or corrected_resampled_t"
        return _Found(*[float("nan")] * 3, method, why)
    reach = float(norm.isf((1 - level) / 2)) * error
    return _Found(mean - reach, mean + reach, 2 * float(norm.sf(abs(mean) / error)), method)


def _test_to_train(result: EvaluationResult, number: int) -> float:
    """Return the number of patients tested over that of different patients trained on."""
    patients, resample = result.rows.patients, result.resamples[number]
    return len(np.unique(patients[resample.test])) / len(np.unique(patients[resample.train]))


def _with_other_patients(sample: OutOfSample, seed: int) -> FloatArray:
    tested = np.unique(np.concatenate([sample.patients[fit.rows] for fit in sample.fits]))
    drawn = np.random.default_rng(seed).integers(0, len(tested), size=(_N_DRAWS, len(tested)))
    times = np.zeros((_N_DRAWS, len(sample.patients)))
    inside = np.isin(sample.patients, tested)
    place = np.searchsorted(tested, sample.patients[inside])
    counts = np.array([np.bincount(one, minlength=len(tested)) for one in drawn])
    times[:, inside] = counts[:, place]
    first, second = weighted_values(sample, times)
    difference = first - second
    return difference[np.isfinite(difference)]
