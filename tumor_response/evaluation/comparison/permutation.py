"""A p value for two models that scored the same patients: exchange them, patient by patient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from tumor_response.evaluation.comparison.out_of_sample import OutOfSample

__all__ = ["Permuted", "paired_permutation"]

FloatArray = npt.NDArray[np.float64]

_BLOCK = 4_000_000  # signs in memory at once


class Permuted(NamedTuple):
    """What :func:`paired_permutation` found: the difference of the pooled measure, and p."""

    difference: float
    p_value: float


def paired_permutation(sample: OutOfSample, n_permutations: int = 9999, seed: int = 0) -> Permuted:
    """Test whether two models' out-of-sample scores could be exchanged within patients.

    If neither model is better, a patient's two scores, each as a rank among the rows of its fit,
    may change places. They do, for all lesions and all fits of a patient together and for each
    patient by a coin, and the difference of the measure is computed again (Bandos, Rockette, Gur
    2005, Statistics in Medicine 24:2873, for the AUC). With pairs compared within fits that
    difference is a sum of one number per patient whose sign the coin decides, so that no AUC has
    to be computed twice. Two-sided, ``(b + 1) / (B + 1)`` (Phipson and Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9:39), so that it is never 0.

    The fits are held as they are. That is right for one test set, whose patients no fit has seen;
    for resamples of one cohort it leaves out that other patients would have given other models,
    and is wrong: of 100 null hypotheses it rejected far more than 5, as
    ``benchmarks/comparison_coverage.py`` shows.

    Parameters
    ----------
    sample
        Two configurations.
    n_permutations, seed
        B coins for every patient, and their seed.

    Examples
    --------
    >>> from tumor_response.evaluation.comparison.out_of_sample import ScoredFit
    >>> y = np.repeat([0.0, 1.0], 15)
    >>> good, bad = np.arange(30.0), np.tile(np.arange(15.0), 2)
    >>> fit = ScoredFit(np.arange(30), y, np.array([good, bad]))
    >>> found = paired_permutation(OutOfSample(("a", "b"), np.arange(30), "auc", (fit,)), 999)
    >>> found.difference, found.p_value < 0.01
    (0.5, True)
    """
    of_rows = _errors(sample) if sample.measure == "r2" else _orders(sample)
    names, who = np.unique(sample.patients, return_inverse=True)
    of_patients = np.bincount(who, weights=of_rows, minlength=len(names))
    rng = np.random.default_rng(seed)
    # equal up to rounding counts as equal
    least = abs(of_patients.sum()) - 1e-9 * np.abs(of_patients).sum()
    n_as_far, left, most = 0, n_permutations, max(1, _BLOCK // len(names))
    while left:
        signs = 2.0 * rng.integers(0, 2, size=(min(left, most), len(names))) - 1.0
        n_as_far += int((np.abs(signs @ of_patients) >= least).sum())
        left -= len(signs)
    return Permuted(float(of_patients.sum()), (n_as_far + 1) / (n_permutations + 1))


def _orders(sample: OutOfSample) -> FloatArray:
    """Return what each row adds to the difference in the share of pairs in order.

    With the signs s of the two rows of a pair and [xy] for "x of the upper row is above y of the
    lower", exchanging turns the pair's difference into
    s_upper ([aa] - [bb] + [ab] - [ba]) / 2 + s_lower ([aa] - [bb] - [ab] + [ba]) / 2.
    """
    added = np.zeros(len(sample.patients))
    n_pairs = 0
    for fit in sample.fits:
        known = ~np.isnan(fit.scores).any(axis=0)
        rows, y = fit.rows[known], fit.y[known]
        a, b = (rankdata(score[known]) for score in fit.scores)
        above = y[:, None] > y[None, :]
        same = np.where(above, _won(a, a) - _won(b, b), 0.0)
        across = np.where(above, _won(a, b) - _won(b, a), 0.0)
        np.add.at(added, rows, (same + across).sum(axis=1) / 2)
        np.add.at(added, rows, (same - across).sum(axis=0) / 2)
        n_pairs += int(above.sum())
    return added / n_pairs


def _won(upper: FloatArray, lower: FloatArray) -> FloatArray:
    won: FloatArray = (upper[:, None] > lower[None, :]) + 0.5 * (upper[:, None] == lower[None, :])
    return won


def _errors(sample: OutOfSample) -> FloatArray:
    """Return what each row adds to the difference in R2: squared errors have one scale already."""
    added = np.zeros(len(sample.patients))
    all_there_is = 0.0
    for fit in sample.fits:
        known = ~np.isnan(fit.scores).any(axis=0)
        rows, y = fit.rows[known], fit.y[known]
        a, b = ((y - score[known]) ** 2 for score in fit.scores)
        np.add.at(added, rows, b - a)
        all_there_is += float(((y - fit.reference) ** 2).sum())
    return np.asarray(added / all_there_is)
