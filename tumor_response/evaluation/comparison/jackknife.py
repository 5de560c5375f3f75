"""How far a difference would move with other patients: the jackknife after the bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.comparison.out_of_sample import OutOfSample, ScoredFit

__all__ = ["jackknife_after_bootstrap"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def jackknife_after_bootstrap(sample: OutOfSample) -> float:
    """Return the standard error of the mean difference of two models over bootstrap resamples.

    Leaving patient i out of the study leaves the resamples that did not draw i, judged on their
    other out-of-bag patients; no model is fitted again (Efron 1992, JRSS B 54:83; for out-of-bag
    estimates Efron and Tibshirani 1997, JASA 92:548). The n means spread by patients and by the
    finite number of resamples; the second part, s^2 (1 / B_i - 1 / B) for a mean of B_i among B
    resamples with variance s^2, is taken off (Wager, Hastie, Efron 2014, JMLR 15:1625).

    Parameters
    ----------
    sample
        Two models on bootstrap resamples.

    Returns
    -------
    float
        NaN where the second part is as large as the whole: too few resamples for so many patients.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y, score = np.repeat([0.0, 1.0], 10), rng.normal(size=(2, 20))
    >>> fits = []
    >>> for _ in range(400):
    ...     out = np.setdiff1d(np.arange(20), rng.integers(0, 20, 20))
    ...     if 0 < y[out].sum() < len(out):
    ...         fits.append(ScoredFit(out, y[out], score[:, out]))
    >>> bool(0.05 < jackknife_after_bootstrap(
    ...     OutOfSample(("a", "b"), np.arange(20), "auc", tuple(fits))) < 0.3)
    True
    """
    names, who = np.unique(sample.patients, return_inverse=True)
    total, squares, count = (np.zeros(len(names)) for _ in range(3))
    for fit in sample.fits:
        without = _without(fit, who[fit.rows], sample.measure, len(names))
        known = ~np.isnan(without)
        total[known] += without[known]
        squares[known] += without[known] ** 2
        count += known
    seen = count > 1
    n, mean = int(seen.sum()), total[seen] / count[seen]
    if n < 2:
        return float("nan")
    spread = (squares[seen] - count[seen] * mean**2) / (count[seen] - 1)
    by_chance = spread * (1 / count[seen] - 1 / len(sample.fits))
    variance = (n - 1) / n * float(((mean - mean.mean()) ** 2).sum() - by_chance.sum())
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def _without(fit: ScoredFit, who: IntArray, measure: str, n_patients: int) -> FloatArray:
    """Return the difference on the test rows but those of a patient, for each test patient."""
    values = np.array(
        [
            (_squares if measure == "r2" else _pairs)(fit, who, score, n_patients)
            for score in fit.scores
        ]
    )
    difference = np.full(n_patients, np.nan)
    tested = np.unique(who)
    difference[tested] = (values[0] - values[1])[tested]
    return difference


def _pairs(fit: ScoredFit, who: IntArray, score: FloatArray, n_patients: int) -> FloatArray:
    above = (fit.y[:, None] > fit.y[None, :]).astype(np.float64)
    won = above * ((score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :]))
    same = who[:, None] == who[None, :]

    def without(pairs: FloatArray) -> FloatArray:
        of_rows = pairs.sum(axis=1) + pairs.sum(axis=0) - (pairs * same).sum(axis=1)
        return np.asarray(pairs.sum() - np.bincount(who, of_rows, n_patients))

    met = without(above)
    return np.divide(without(won), met, out=np.full(n_patients, np.nan), where=met > 0)


def _squares(fit: ScoredFit, who: IntArray, score: FloatArray, n_patients: int) -> FloatArray:
    left, all_there_is = (fit.y - score) ** 2, (fit.y - fit.reference) ** 2
    lower = all_there_is.sum() - np.bincount(who, all_there_is, n_patients)
    upper = left.sum() - np.bincount(who, left, n_patients)
    return 1 - np.divide(upper, lower, out=np.full(n_patients, np.nan), where=lower > 0)
