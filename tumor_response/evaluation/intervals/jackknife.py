"""Jackknife after bootstrap: each patient left out by keeping the resamples that never drew it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


__all__ = ["auc_without_each", "jackknife_after_bootstrap"]

FloatArray = npt.NDArray[np.float64]


def auc_without_each(
    y: npt.ArrayLike, score: npt.ArrayLike, groups: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the groups of rows and the AUC without each of them, NaN where a class is gone.

    The number of ordered pairs is kept per row, so that all AUCs cost one sort of the rows'
    pairs; with one row per group a group's pairs are that row's.

    Examples
    --------
    >>> groups, without = auc_without_each([1, 1, 0, 0], [4.0, 2.0, 3.0, 1.0], [0, 1, 2, 3])
    >>> without.tolist()
    [0.5, 1.0, 1.0, 0.5]
    """
    label = np.asarray(y) == 1
    value = np.asarray(score, dtype=np.float64)
    names, of_group = np.unique(np.asarray(groups), return_inverse=True)
    above = np.sign(value[label][:, None] - value[~label][None, :]) * 0.5 + 0.5
    positive, negative = of_group[label], of_group[~label]
    size = len(names)
    n_positive = np.bincount(positive, minlength=size)
    n_negative = np.bincount(negative, minlength=size)
    wins = above.sum()
    lost = np.bincount(positive, weights=above.sum(axis=1), minlength=size)
    lost += np.bincount(negative, weights=above.sum(axis=0), minlength=size)
    # pairs within a group were counted on both sides
    same = positive[:, None] == negative[None, :]
    if same.any():
        lost -= np.bincount(positive, weights=(above * same).sum(axis=1), minlength=size)
    pairs = (label.sum() - n_positive) * ((~label).sum() - n_negative)
    left = np.divide(wins - lost, pairs, out=np.full(size, np.nan), where=pairs > 0)
    return names, left


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
    Where that leaves nothing the corrected variance is NaN: there are too few resamples.

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
    return (corrected if corrected > 0 else np.nan), raw
