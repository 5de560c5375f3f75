r"""Standard error of the out-of-bag AUC from the influence of each patient.

A patient moves the out-of-bag AUC in two ways: as one who is tested, and as one whom models were
trained on. Both are read off the resamples that there are, without a further fit. This is Efron
and Tibshirani's delta method after the bootstrap (1997, JASA 92:548, section 5) carried over to
pairs of lesions, as Yousef, Wagner and Loew (2005, Pattern Recognition Letters 26:2600) did for
the AUC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Influence",
    "ordered_pairs",
    "pair_influence",
    "times_drawn",
    "variance_about_target",
    "variance_of_estimate",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Influence:
    r"""Influence of every patient on the leave-pair-out AUC.

    Attributes
    ----------
    estimate : float
        The leave-pair-out bootstrap AUC: every pair's mean over the resamples in which both
        lesions were out of bag, averaged over pairs.
    tested, trained : ndarray of shape (n_patients,)
        What a patient adds as one of those tested, and as one of those trained on; each sums
        to 0 up to rounding.
    noise : float
        What the finite number of resamples adds to ``sum(trained ** 2)`` in expectation.
    """

    estimate: float
    tested: FloatArray
    trained: FloatArray
    noise: float

    @property
    def variance_of_estimate(self) -> float:
        """See :func:`variance_of_estimate`."""
        squares = float(self.trained @ self.trained)
        return variance_of_estimate(*self._of_testing, squares, self.noise)

    @property
    def variance_about_target(self) -> float:
        """See :func:`variance_about_target`."""
        return variance_about_target(*self._of_testing)

    @property
    def _of_testing(self) -> tuple[float, float]:
        return float(self.tested @ self.tested), float(self.tested @ self.trained)


def variance_of_estimate(tested: float, cross: float, trained: float, noise: float) -> float:
    r"""Return :math:`\sum_k (T_k + R_k)^2` less what finitely many resamples add to it.

    Parameters
    ----------
    tested, cross, trained
        The sums of :math:`T_k^2`, of :math:`T_k R_k` and of :math:`R_k^2`.
    noise
        As in :class:`Influence`.

    Examples
    --------
    >>> round(variance_of_estimate(0.003, 0.001, 0.004, 0.001), 4)
    0.008
    """
    return tested + max(2.0 * cross + max(trained - noise, 0.0), 0.0)


def variance_about_target(tested: float, cross: float) -> float:
    r"""Return :math:`\sum_k T_k (T_k + 2 R_k)`, the variance about the refitted model's AUC.

    What training patients change by themselves, :math:`\sum_k R_k^2`, moves the target as it
    moves the estimate, and is left out. The cross term carries no noise on average, so that
    nothing has to be taken off. It is never taken below what testing alone makes the estimate
    vary.

    Examples
    --------
    >>> round(variance_about_target(0.003, 0.001), 4)
    0.005
    """
    return tested + max(2.0 * cross, 0.0)


def times_drawn(train: Sequence[IntArray], patients: IntArray) -> IntArray:
    """Return how often each resample drew each patient, shape (n_resamples, n_patients).

    A patient's copies all bring all of its rows, so the count is that of its first row.

    Parameters
    ----------
    train
        Row positions of the training rows per resample, with copies.
    patients : array of shape (n_rows,)
        An integer per row.

    Examples
    --------
    >>> times_drawn([np.array([0, 0, 1])], np.array([7, 8, 9])).tolist()
    [[2, 1, 0]]
    """
    first = np.unique(patients, return_index=True)[1]
    return np.array([np.bincount(rows, minlength=len(patients))[first] for rows in train])


def ordered_pairs(
    y: npt.ArrayLike, score: npt.ArrayLike
) -> Iterator[tuple[IntArray, IntArray, FloatArray]]:
    """Yield, for every two outcomes: rows with the better, rows with the worse, who scores higher.

    The third is an array (better, worse) of 1, 1/2 for equal scores, 0.

    Examples
    --------
    >>> [above.tolist() for *_, above in ordered_pairs([1, 0, 0], [0.3, 0.1, 0.3])]
    [[[1.0, 0.5]]]
    """
    outcome, value = np.asarray(y), np.asarray(score, dtype=np.float64)
    levels = np.unique(outcome)
    rows = [np.nonzero(outcome == level)[0] for level in levels]
    for higher in range(1, len(levels)):
        for lower in range(higher):
            difference = value[rows[higher]][:, None] - value[rows[lower]][None, :]
            yield rows[higher], rows[lower], np.sign(difference) * 0.5 + 0.5


def pair_influence(
    y: Sequence[npt.ArrayLike],
    scores: Sequence[npt.ArrayLike],
    test: Sequence[IntArray],
    drawn: npt.ArrayLike,
    patients: IntArray,
) -> Influence:
    r"""Return the influence of each patient on the AUC (or C-index) out of bag.

    With :math:`h_{ij}` the mean, over the resamples b in which lesions i and j were both out of
    bag and i was the better responder, of :math:`\psi^b_{ij} = 1, 1/2, 0` for a score of i above,
    equal to or below that of j, and :math:`\omega_{ij}` equal weights of all such pairs, the
    estimate is :math:`\hat\theta = \sum_{ij} \omega_{ij} h_{ij}` and patient k has

    .. math::

        T_k = \sum_{i \in k, j} \omega_{ij} (h_{ij} - \hat\theta)
              + \sum_{i, j \in k} \omega_{ij} (h_{ij} - \hat\theta), \qquad
        R_k = \frac{1}{B} \sum_b (N^b_k - 1)\, r_b, \qquad
        r_b = \sum_{ij\ \mathrm{out\ in}\ b} \omega_{ij}
              \frac{\psi^b_{ij} - h_{ij}}{c_{ij} / B},

    :math:`N^b_k` being how often b drew k and :math:`c_{ij}` how many resamples compare i with j.
    :math:`T` alone is DeLong's variance (Obuchowski's, if patients have several lesions) of the
    pairs' means. Where the cut is fitted in each resample, a pair counts by the share of its
    resamples in which it was one.

    Parameters
    ----------
    y, scores
        Per resample, classes (higher = better response) and scores of its out-of-bag rows.
    test
        Per resample, the positions of these rows.
    drawn : array of shape (n_resamples, n_patients)
        From :func:`times_drawn`.
    patients : array of shape (n_rows,)
        An integer per row.
    """
    n_resamples, n_rows = len(test), len(patients)
    wins, compared = np.zeros((n_rows, n_rows)), np.zeros((n_rows, n_rows))
    out = np.zeros((n_resamples, n_rows))
    outcomes: list[list[tuple[tuple[IntArray, ...], FloatArray]]] = []
    for number, (classes, score, rows) in enumerate(zip(y, scores, test, strict=True)):
        out[number, rows] = 1.0
        outcomes.append(
            [
                (np.ix_(rows[better], rows[worse]), above)
                for better, worse, above in ordered_pairs(classes, score)
            ]
        )
        for cells, above in outcomes[-1]:
            wins[cells] += above
            compared[cells] += 1.0
    seen = compared > 0
    mean = np.divide(wins, compared, out=np.zeros_like(wins), where=seen)
    share = np.divide(compared, out.T @ out, out=np.zeros_like(wins), where=seen)
    weight = share / share.sum()
    estimate = float((weight * mean).sum())
    centred = weight * (mean - estimate)
    of_patient = np.unique(patients, return_inverse=True)[1]
    both_sides = centred.sum(axis=1) + centred.sum(axis=0)
    tested: FloatArray = np.bincount(of_patient, weights=both_sides).astype(np.float64)
    per_pair = np.divide(weight * n_resamples, compared, out=np.zeros_like(wins), where=seen)
    residual = np.array(
        [
            sum(float(np.vdot(per_pair[cells], above - mean[cells])) for cells, above in pairs)
            for pairs in outcomes
        ]
    )
    counts = np.asarray(drawn, dtype=np.float64) - 1.0
    trained = counts.T @ residual / n_resamples
    noise = float((counts.var(axis=0) * residual.var()).sum() / n_resamples)
    return Influence(estimate, tested, trained, noise)
