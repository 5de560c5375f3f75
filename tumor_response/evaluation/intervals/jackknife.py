"""Jackknife after bootstrap: each patient left out by keeping the resamples that never drew it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.intervals.influence import ordered_pairs

__all__ = ["concordance_without_each", "jackknife_after_bootstrap", "r2_without_each"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def concordance_without_each(
    y: npt.ArrayLike, score: npt.ArrayLike, patients: npt.ArrayLike
) -> tuple[IntArray, FloatArray]:
    """Return the patients of these rows and the AUC (or C-index) without each of them.

    NaN where no pair with different outcomes is left.

    Examples
    --------
    >>> who, without = concordance_without_each([1, 1, 0, 0], [4.0, 2.0, 3.0, 1.0], [0, 1, 2, 3])
    >>> without.tolist()
    [0.5, 1.0, 1.0, 0.5]
    """
    names, who = np.unique(np.asarray(patients), return_inverse=True)
    kept_wins, kept_pairs = np.zeros(len(names)), np.zeros(len(names))
    for better, worse, above in ordered_pairs(y, score):
        first, second = who[better], who[worse]
        kept_wins += _without_each(above, first, second, len(names))
        kept_pairs += _without_each(np.ones_like(above), first, second, len(names))
    left = np.full(len(names), np.nan)
    return names, np.divide(kept_wins, kept_pairs, out=left, where=kept_pairs > 0.5)


def _without_each(
    matrix: FloatArray, first: IntArray, second: IntArray, n_patients: int
) -> FloatArray:
    """Return the sum of a matrix without the rows and columns of each patient."""
    lost = np.bincount(first, weights=matrix.sum(axis=1), minlength=n_patients)
    lost += np.bincount(second, weights=matrix.sum(axis=0), minlength=n_patients)
    # pairs within a patient were taken off twice
    within = np.where(first[:, None] == second[None, :], matrix, 0.0)
    lost -= np.bincount(first, weights=within.sum(axis=1), minlength=n_patients)
    kept: FloatArray = matrix.sum() - lost
    return kept


def r2_without_each(
    y: npt.ArrayLike, prediction: npt.ArrayLike, patients: npt.ArrayLike, mean_of_training: float
) -> tuple[IntArray, FloatArray]:
    """Return the patients of these rows and R2 about the training mean without each of them.

    Examples
    --------
    >>> r2_without_each([1.0, 2.0, 4.0], [1.5, 2.0, 3.0], [0, 1, 2], 2.0)[1].tolist()
    [0.75, 0.75, 0.75]
    """
    outcome = np.asarray(y, dtype=np.float64)
    names, who = np.unique(np.asarray(patients), return_inverse=True)
    rest = (outcome - np.asarray(prediction, dtype=np.float64)) ** 2
    total = (outcome - mean_of_training) ** 2
    kept_rest = rest.sum() - np.bincount(who, weights=rest)
    kept_total = total.sum() - np.bincount(who, weights=total)
    left = np.full(len(names), np.nan)
    return names, 1.0 - np.divide(kept_rest, kept_total, out=left, where=kept_total > 0)


def jackknife_after_bootstrap(
    without: npt.ArrayLike, values: npt.ArrayLike, drawn: npt.ArrayLike
) -> tuple[float, float]:
    r"""Return the variance of the mean out-of-bag value, corrected and as it is.

    The resamples that never drew patient i are bootstrap samples of the others; the mean of their
    values, i taken out of the tested too, is the estimate without i (Efron 1992, JRSS B 54:83).
    With :math:`\hat\theta_{(i)}` so found, the jackknife has

    .. math:: V_J = \frac{n - 1}{n} \sum_i (\hat\theta_{(i)} - \bar\theta_{(\cdot)})^2 .

    Finitely many resamples add :math:`(e - 1)\, n\, s^2 / B`, with :math:`s^2` the variance of
    the values over B resamples, which is taken off (Wager, Hastie and Efron 2014, JMLR 15:1625).
    Where that leaves nothing, or somebody was never out of bag, the corrected variance is NaN:
    there are too few resamples.

    Parameters
    ----------
    without : array of shape (n_resamples, n_patients)
        The value of each resample without patient i among the tested; NaN where the patient was
        drawn or the value has no meaning.
    values : array of shape (n_resamples,)
        The values themselves.
    drawn : array of shape (n_resamples, n_patients)
        How often each resample drew each patient.

    Returns
    -------
    tuple of float
        (corrected, uncorrected).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> drawn = rng.multinomial(20, np.full(20, 0.05), size=4000)
    >>> effect = rng.normal(size=20)  # of each patient on whatever is tested without it
    >>> values = 0.7 + 0.01 * drawn @ effect
    >>> corrected, raw = jackknife_after_bootstrap(np.tile(values[:, None], 20), values, drawn)
    >>> bool(abs(corrected / np.sum((0.01 * (effect - effect.mean())) ** 2) - 1) < 0.25)
    True
    """
    left_out = np.where(np.asarray(drawn) == 0, np.asarray(without, dtype=np.float64), np.nan)
    there = ~np.isnan(left_out)
    count = there.sum(axis=0)
    used = count > 0
    mean = np.where(there, left_out, 0.0).sum(axis=0)[used] / count[used]
    n, n_resamples = int(used.sum()), len(left_out)
    raw = float((n - 1) / n * ((mean - mean.mean()) ** 2).sum())
    spread = float(np.var(np.asarray(values, dtype=np.float64)))
    corrected = raw - (np.e - 1.0) * n * spread / n_resamples
    return (corrected if corrected > 0 and used.all() else np.nan), raw
