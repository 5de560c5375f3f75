"""The paired difference of two models, its interval and its p value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm

from tumor_response.evaluation.comparison.jackknife import jackknife_after_bootstrap
from tumor_response.evaluation.comparison.out_of_sample import (
    OutOfSample,
    out_of_sample,
    weighted_values,
)
from tumor_response.evaluation.comparison.permutation import PERMUTATION, paired_permutation
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["DifferenceMethod", "compare_models", "difference_interval"]

FloatArray = npt.NDArray[np.float64]
DifferenceMethod = Literal["oob_percentile", "jackknife_after_bootstrap", "patient_bootstrap"]

_N_DRAWS = 2000
"""Bootstrap samples of patients of ``patient_bootstrap``."""


def compare_models(
    result: EvaluationResult,
    a: str,
    b: str,
    *,
    method: DifferenceMethod | None = None,
    level: float = 0.95,
    n_permutations: int = 9999,
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
        Of the interval; default ``"jackknife_after_bootstrap"`` for a bootstrap, else
        ``"patient_bootstrap"``.

        ``"jackknife_after_bootstrap"``: the difference and a normal multiple of its standard
        error over patients, :func:`~tumor_response.evaluation.comparison.jackknife.\
jackknife_after_bootstrap`. ``"oob_percentile"``: percentiles of the resamples' own differences,
        each on about 37 % of the patients, and so wide. ``"patient_bootstrap"``: percentiles over
        bootstrap samples of the scored patients with all fits held as they are; it leaves out
        that other training patients would have given other models.
    level
        Of the interval.
    n_permutations, seed
        Of the p value, :func:`~tumor_response.evaluation.comparison.permutation.\
paired_permutation`, and of ``"patient_bootstrap"``.

    Returns
    -------
    pandas.Series
        ``model_a``, ``model_b``; their values, named as the headline with ``_a`` and ``_b``;
        ``difference``; ``ci_low``, ``ci_high``, ``ci_method``; ``p_value``, ``p_method``;
        ``share_above_zero``, a share of resamples and no probability that ``a`` is better;
        ``n_resamples``.

    Raises
    ------
    EvaluationError
        For a name that was not evaluated, and a method that the scheme does not have.

    Notes
    -----
    The measured coverage of the intervals and size of the p value are on the page on comparisons.
    """
    sample = out_of_sample(result, [a, b])
    first, second = result.oob_values(a), result.oob_values(b)
    paired = first - second
    known = paired[np.isfinite(paired)]
    if method is None:
        bootstrap = result.scheme.kind == "bootstrap"
        method = "jackknife_after_bootstrap" if bootstrap else "patient_bootstrap"
    low, high = difference_interval(
        sample, paired, method, kind=result.scheme.kind, level=level, seed=seed
    )
    return pd.Series(
        {
            "model_a": a,
            "model_b": b,
            f"{result.headline}_a": float(np.nanmean(first)),
            f"{result.headline}_b": float(np.nanmean(second)),
            "difference": float(known.mean()),
            "ci_low": low,
            "ci_high": high,
            "ci_method": f"{method}, paired",
            "p_value": paired_permutation(sample, n_permutations, seed).p_value,
            "p_method": PERMUTATION,
            "share_above_zero": float((known > 0).mean()),
            "n_resamples": len(paired),
        },
        name=f"{a} - {b}",
    )


def difference_interval(
    sample: OutOfSample,
    paired: FloatArray,
    method: DifferenceMethod,
    *,
    kind: str = "bootstrap",
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the interval of a paired difference; see :func:`compare_models`.

    Parameters
    ----------
    sample
        The two models.
    paired
        Their difference in every resample.
    method, level, seed
        As there.
    kind
        Of the scheme.

    Raises
    ------
    EvaluationError
        Code ``interval_method``.
    """
    if method not in get_args(DifferenceMethod):
        raise EvaluationError(
            f"method={method!r}: expected one of {', '.join(get_args(DifferenceMethod))}.",
            code="interval_method",
        )
    if method != "patient_bootstrap" and kind != "bootstrap":
        raise EvaluationError(
            f"method={method!r} is made of bootstrap resamples, and this evaluation has none "
            f"({kind}); give method='patient_bootstrap'.",
            code="interval_method",
        )
    tails = (50 * (1 - level), 50 * (1 + level))
    known = paired[np.isfinite(paired)]
    if method == "oob_percentile":
        low, high = np.percentile(known, tails)
    elif method == "patient_bootstrap":
        low, high = np.percentile(_with_other_patients(sample, seed), tails)
    else:
        reach = float(norm.isf((1 - level) / 2)) * jackknife_after_bootstrap(sample)
        low, high = known.mean() - reach, known.mean() + reach
    return float(low), float(high)


def _with_other_patients(sample: OutOfSample, seed: int) -> FloatArray:
    names, who = np.unique(sample.patients, return_inverse=True)
    drawn = np.random.default_rng(seed).integers(0, len(names), size=(_N_DRAWS, len(names)))
    times = np.array([np.bincount(one, minlength=len(names)) for one in drawn])[:, who]
    first, second = weighted_values(sample, times.astype(np.float64))
    difference = first - second
    return difference[np.isfinite(difference)]
