"""How often a responder's value is the larger one, for all columns at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import rankdata
from scipy.stats import t as student

from tumor_response.evaluation.planning.precision import newcombe_limits

__all__ = ["Superiority", "patient_sums", "superiority"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Superiority(NamedTuple):
    """The probability of superiority of each column, with its limits.

    Attributes
    ----------
    auc, low, high : ndarray of shape (n_columns,)
        P(responder > other) + P(equal) / 2. Cliff's delta, which is the rank-biserial correlation
        of two groups, is twice that less 1, and so are its limits.
    """

    auc: FloatArray
    low: FloatArray
    high: FloatArray


def superiority(
    values: FloatArray, label: FloatArray, patients: IntArray, level: float = 0.95
) -> Superiority:
    r"""Return the probability of superiority of the class 1 in each column, and its interval.

    It is the AUC of the column (Bamber 1975, J. Math. Psychol. 12:387; Vargha and Delaney 2000,
    J. Educ. Behav. Stat. 25:101). The variance is that of
    :func:`tumor_response.evaluation.intervals.obuchowski`, patients being clusters; with one
    lesion per patient it is DeLong's. The limits are symmetric in log-odds, with Student's t on
    two degrees of freedom fewer than there are patients: on the plain scale and with the normal
    quantile such intervals are too short in small groups. A column in which the groups do not
    overlap has no variance; there the limits are Newcombe's (method 4; 2006, Stat. Med. 25:559),
    with the numbers of patients of the two classes.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        Finite.
    label : array of shape (n_rows,)
        0 and 1.
    patients : array of int, shape (n_rows,)
        Who each row belongs to.
    level
        Of the interval.

    Examples
    --------
    >>> values = np.array([[1.0], [2.0], [2.0], [4.0], [5.0], [6.0]])
    >>> found = superiority(values, np.array([0.0, 0, 1, 0, 1, 1]), np.arange(6))
    >>> [round(float(one[0]), 3) for one in found]
    [0.833, 0.096, 0.996]
    """
    positive = label == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(values, axis=0)
    above = (ranks[positive] - rankdata(values[positive], axis=0)) / n_negative
    below = 1.0 - (ranks[~positive] - rankdata(values[~positive], axis=0)) / n_positive
    auc = above.mean(axis=0)
    # a responder's part of the AUC, or another's, as placements have it
    parts = np.empty_like(ranks)
    parts[positive], parts[~positive] = (above - auc) / n_positive, (below - auc) / n_negative
    of_positive = patient_sums(np.where(positive[:, None], parts, 0.0), patients)
    of_negative = patient_sums(np.where(positive[:, None], 0.0, parts), patients)
    n_patients = len(of_positive)
    m, k = len(np.unique(patients[positive])), len(np.unique(patients[~positive]))
    variance = (
        m / (m - 1) * (of_positive**2).sum(axis=0)
        + k / (k - 1) * (of_negative**2).sum(axis=0)
        + 2 * n_patients / (n_patients - 1) * (of_positive * of_negative).sum(axis=0)
    )
    se = np.sqrt(np.maximum(variance, 0.0))
    quantile = float(student.ppf(0.5 + level / 2, n_patients - 2))
    low, high = np.empty_like(auc), np.empty_like(auc)
    inside = (auc > 0) & (auc < 1)
    half = quantile * se[inside] / (auc[inside] * (1 - auc[inside]))
    centre = logit(auc[inside])
    low[inside], high[inside] = expit(centre - half), expit(centre + half)
    for apart in np.unique(auc[~inside]):
        low[auc == apart], high[auc == apart] = newcombe_limits(float(apart), m, k, level)
    return Superiority(auc, low, high)


def patient_sums(parts: FloatArray, patients: IntArray) -> FloatArray:
    """Return the sum over each patient's rows, (n_patients, ...), patients in sorted order.

    Examples
    --------
    >>> patient_sums(np.array([1.0, 2.0, 4.0]), np.array([7, 3, 7])).tolist()
    [2.0, 5.0]
    """
    order = np.argsort(patients, kind="stable")
    _, starts = np.unique(patients[order], return_index=True)
    sums: FloatArray = np.add.reduceat(parts[order], starts, axis=0)
    return sums
