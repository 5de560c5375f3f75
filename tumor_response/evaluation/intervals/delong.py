r"""One test set: DeLong's variance of the AUC, Obuchowski's for several lesions per patient.

Both rest on placements: the share of the other class that a lesion's score is on the right side
of. All of them come from three sorts, O(n log n) (Sun and Xu 2014, IEEE Signal Processing Letters
21:1389).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, rankdata

from tumor_response.evaluation.intervals.limits import logit_limits, normal_limits
from tumor_response.exceptions import EvaluationError

__all__ = [
    "AucTest",
    "AucVariance",
    "Scale",
    "delong",
    "delong_test",
    "obuchowski",
    "obuchowski_test",
    "placements",
]

FloatArray = npt.NDArray[np.float64]
Scale = Literal["plain", "logit"]


@dataclass(frozen=True)
class AucVariance:
    """An AUC on one test set with its sampling variance."""

    auc: float
    variance: float

    def limits(self, level: float = 0.95, scale: Scale = "plain") -> tuple[float, float]:
        """Return the limits: ``"plain"`` is cut off at 0 and 1, ``"logit"`` stays inside.

        Examples
        --------
        >>> AucVariance(0.75, 0.0025).limits()
        (0.652..., 0.847...)
        """
        se = float(np.sqrt(self.variance))
        if scale == "logit":
            return logit_limits(self.auc, se, level)
        low, high = normal_limits(self.auc, se, level)
        return max(low, 0.0), min(high, 1.0)


@dataclass(frozen=True)
class AucTest:
    """Two scores on the same lesions: AUC of a minus AUC of b, its variance, z and p."""

    auc_a: float
    auc_b: float
    difference: float
    variance: float
    z: float
    p_value: float


def placements(y: npt.ArrayLike, score: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return V10 of the responders and V01 of the others, in the order of the rows.

    V10: share of non-responders that score lower; V01: share of responders that score higher;
    ties count half. Both have the AUC as their mean (DeLong, DeLong and Clarke-Pearson 1988,
    Biometrics 44:837).

    Raises
    ------
    EvaluationError
        For one class, scores that are not finite, or of another length.

    Examples
    --------
    >>> placements([1, 0, 1, 0], [0.9, 0.2, 0.2, 0.1])
    (array([1.  , 0.75]), array([0.75, 1.  ]))
    """
    label, value = np.asarray(y), np.asarray(score, dtype=np.float64)
    if label.shape != value.shape or label.ndim != 1 or not np.isfinite(value).all():
        raise EvaluationError(
            f"y and score: expected two columns of one length with finite scores, received shapes "
            f"{label.shape} and {value.shape}, {int((~np.isfinite(value)).sum())} scores not "
            "finite.",
            code="test_set",
        )
    positive = label == 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        raise EvaluationError("An AUC needs both classes; y has one only.", code="one_class")
    rank = rankdata(value)
    above = (rank[positive] - rankdata(value[positive])) / n_negative
    below = (rank[~positive] - rankdata(value[~positive])) / n_positive
    return above, 1.0 - below


def delong(y: npt.ArrayLike, score: npt.ArrayLike, patients: npt.ArrayLike) -> AucVariance:
    """Return the AUC and DeLong's variance; each patient may have one lesion only.

    Parameters
    ----------
    y, score : array of shape (n,)
        Classes (1 = responder) and scores of a test set that took no part in the fit.
    patients : array of shape (n,)
        Who each row belongs to.

    Raises
    ------
    EvaluationError
        Code ``repeated_patients``: lesions of one patient are not independent, and the variance
        would be too small. :func:`obuchowski` is made for them. Code ``too_few_patients``: fewer
        than two of a class.

    Examples
    --------
    >>> found = delong([1, 0, 1, 0, 1, 0], [0.9, 0.2, 0.4, 0.5, 0.8, 0.1], range(6))
    >>> round(found.auc, 4), round(found.variance, 4)
    (0.8889, 0.0247)
    """
    _check_single(patients)
    return obuchowski(y, score, patients)


def obuchowski(y: npt.ArrayLike, score: npt.ArrayLike, patients: npt.ArrayLike) -> AucVariance:
    r"""Return the AUC and its variance with patients as clusters (Obuchowski 1997).

    With :math:`X_k, Y_k` the sums over patient k's lesions of V10 and V01 minus the AUC, M
    responder lesions in :math:`I_{10}` patients, N others in :math:`I_{01}`, I patients in all:

    .. math::

        \frac{I_{10}}{I_{10} - 1} \frac{\sum_k X_k^2}{M^2}
        + \frac{I_{01}}{I_{01} - 1} \frac{\sum_k Y_k^2}{N^2}
        + \frac{2 I}{I - 1} \frac{\sum_k X_k Y_k}{M N}

    (Biometrics 53:567). With one lesion per patient it is DeLong's.

    Parameters
    ----------
    y, score, patients : array of shape (n,)
        As for :func:`delong`, several rows per patient allowed.

    Raises
    ------
    EvaluationError
        Code ``too_few_patients``: a class has lesions of one patient only.

    Examples
    --------
    >>> obuchowski([1, 0, 1, 0], [0.9, 0.2, 0.4, 0.5], ["A", "A", "B", "C"]).auc
    0.75
    """
    found = placements(y, score)
    auc = float(found[0].mean())
    variance = _clustered_variance(np.asarray(y), found[0] - auc, found[1] - auc, patients)
    return AucVariance(auc, variance)


def delong_test(
    y: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    nested: bool = False,
    in_sample: bool = False,
) -> AucTest:
    """Test whether two scores of the same lesions have the same AUC (DeLong et al. 1988).

    Parameters
    ----------
    y, a, b, patients : array of shape (n,)
        Classes, the two scores, who each row belongs to.
    nested
        Whether one score comes of a model that has all predictors of the other and more.
    in_sample
        Whether the models were fitted to these rows.

    Raises
    ------
    EvaluationError
        Code ``repeated_patients`` as for :func:`delong`. Code ``nested_in_sample``: for nested
        models on their own training rows the statistic is not normal when the added predictors
        are worth nothing, and the test has almost no power (Demler, Pencina and D'Agostino 2012,
        Statistics in Medicine 31:2577).

    Examples
    --------
    >>> y, a = [1, 0, 1, 0, 1, 0], [0.9, 0.2, 0.4, 0.5, 0.8, 0.1]
    >>> test = delong_test(y, a, [0.3, 0.2, 0.1, 0.5, 0.8, 0.4], range(6))
    >>> round(test.difference, 3), round(test.p_value, 3)
    (0.444, 0.074)
    """
    _check_single(patients)
    return obuchowski_test(y, a, b, patients, nested=nested, in_sample=in_sample)


def obuchowski_test(
    y: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    patients: npt.ArrayLike,
    *,
    nested: bool = False,
    in_sample: bool = False,
) -> AucTest:
    """Test two scores of the same lesions with patients as clusters (Obuchowski 1997).

    The variance of the difference is that of the placements' differences. Parameters and errors
    are those of :func:`delong_test`, several rows per patient allowed. Where the placements do
    not differ at all z is 0 and p is 1.

    Examples
    --------
    >>> test = obuchowski_test([1, 0, 1, 0], [4, 1, 3, 2], [4, 1, 3, 2], ["A", "A", "B", "C"])
    >>> test.z, test.p_value
    (0.0, 1.0)
    """
    if nested and in_sample:
        raise EvaluationError(
            "Two nested models on the rows they were fitted to: the test of their AUCs is not "
            "valid there. Compare them out of bag, on new patients, or, if neither is penalised, "
            "by the likelihood ratio test.",
            code="nested_in_sample",
        )
    of_a, of_b = placements(y, a), placements(y, b)
    auc_a, auc_b = float(of_a[0].mean()), float(of_b[0].mean())
    difference = auc_a - auc_b
    above, below = of_a[0] - of_b[0] - difference, of_a[1] - of_b[1] - difference
    variance = _clustered_variance(np.asarray(y), above, below, patients)
    with np.errstate(divide="ignore"):
        z = float(np.divide(difference, np.sqrt(variance))) if difference else 0.0
    return AucTest(auc_a, auc_b, difference, variance, z, float(2.0 * norm.sf(abs(z))))


def _clustered_variance(
    y: npt.NDArray[np.generic], above: FloatArray, below: FloatArray, patients: npt.ArrayLike
) -> float:
    """Return Obuchowski's variance of a mean of centred placements."""
    names, who = np.unique(np.asarray(patients), return_inverse=True)
    if who.shape != y.shape:
        raise EvaluationError(
            f"patients: expected one per row ({len(y)}), received {len(who)}.", code="test_set"
        )
    positive = y == 1
    X = np.bincount(who[positive], weights=above, minlength=len(names)) / positive.sum()
    Y = np.bincount(who[~positive], weights=below, minlength=len(names)) / (~positive).sum()
    with_positive, with_negative = len(np.unique(who[positive])), len(np.unique(who[~positive]))
    if min(with_positive, with_negative) < 2:
        raise EvaluationError(
            "A variance of the AUC needs two patients of each class or more; there are "
            f"{with_positive} with a responder lesion and {with_negative} with another.",
            code="too_few_patients",
        )
    variance = (
        _unbiased(with_positive) * (X**2).sum()
        + _unbiased(with_negative) * (Y**2).sum()
        + 2.0 * _unbiased(len(names)) * (X * Y).sum()
    )
    # lesions of one patient that offset each other can carry it a rounding error below 0
    return float(max(variance, 0.0))


def _unbiased(n: int) -> float:
    return n / (n - 1)


def _check_single(patients: npt.ArrayLike) -> None:
    names, counts = np.unique(np.asarray(patients), return_counts=True)
    if (counts > 1).any():
        worst = int(np.argmax(counts))
        raise EvaluationError(
            f"{int((counts > 1).sum())} patient(s) have several rows ({names[worst]!r} has "
            f"{int(counts[worst])}); DeLong's variance takes rows to be independent. Use "
            "obuchowski, which has patients as clusters.",
            code="repeated_patients",
        )
