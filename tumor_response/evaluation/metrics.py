"""The AUC and the .632 family: small functions on arrays, formulas as published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from tumor_response.exceptions import EvaluationError

__all__ = ["auc", "auc_632", "auc_632plus", "relative_overfitting", "roc_curve"]

FloatArray = npt.NDArray[np.float64]


def auc(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the area under the ROC curve; ties count half, the direction is never turned.

    The Mann-Whitney form: the chance that a responder scores higher than a non-responder
    (Hanley and McNeil 1982, Radiology 143:29). An AUC below 0.5 stays below 0.5.

    Parameters
    ----------
    y : array of shape (n,)
        1 for responders, 0 for the others.
    score : array of shape (n,)
        Higher means response is likelier.

    Raises
    ------
    EvaluationError
        If ``y`` has one class only.

    Examples
    --------
    >>> auc([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    positive = np.asarray(y) == 1
    ranks = rankdata(np.asarray(score, dtype=np.float64))
    n_positive = int(positive.sum())
    n_negative = positive.size - n_positive
    if not n_positive or not n_negative:
        raise EvaluationError("An AUC needs both classes; y has one only.", code="one_class")
    u = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return float(u / (n_positive * n_negative))


def roc_curve(y: npt.ArrayLike, score: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return (false positive rate, true positive rate) at every threshold, from (0, 0) to (1, 1).

    Examples
    --------
    >>> fpr, tpr = roc_curve([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    >>> fpr.tolist(), tpr.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    scores = np.asarray(score, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")
    positive = (np.asarray(y) == 1)[order]
    ends = np.append(np.nonzero(np.diff(scores[order]))[0], positive.size - 1)
    tpr = np.cumsum(positive)[ends] / positive.sum()
    fpr = np.cumsum(~positive)[ends] / (~positive).sum()
    return np.append(0.0, fpr), np.append(0.0, tpr)


def auc_632(apparent: float, out_of_bag: float) -> float:
    """Return the .632 estimate, ``0.368 apparent + 0.632 out_of_bag`` (Efron 1983).

    Examples
    --------
    >>> round(auc_632(1.0, 0.5), 3)
    0.684
    """
    return 0.368 * apparent + 0.632 * out_of_bag


def relative_overfitting(apparent: float, out_of_bag: float) -> float:
    """Return R, how far the out-of-bag AUC has fallen from the apparent one towards 0.5.

    R = 1 if ``out_of_bag <= 0.5``; (apparent - out_of_bag) / (apparent - 0.5) if
    ``0.5 < out_of_bag < apparent``; else 0, also when ``apparent <= 0.5``.

    Examples
    --------
    >>> relative_overfitting(1.0, 0.75), relative_overfitting(0.7, 0.4)
    (0.5, 1.0)
    """
    if apparent <= 0.5:
        return 0.0
    if out_of_bag <= 0.5:
        return 1.0
    if out_of_bag < apparent:
        return (apparent - out_of_bag) / (apparent - 0.5)
    return 0.0


def auc_632plus(apparent: float, out_of_bag: float) -> float:
    """Return the .632+ estimate of the AUC (Efron and Tibshirani 1997, JASA 92:548).

    ``(1 - w) apparent + w max(out_of_bag, 0.5)`` with ``w = 0.632 / (1 - 0.368 R)`` and R from
    :func:`relative_overfitting`. Biased upward where there is nothing to find: the definitions page
    has the means that ``benchmarks/null_bias.py`` measured.

    Examples
    --------
    >>> auc_632plus(1.0, 0.45)
    0.5
    """
    w = 0.632 / (1.0 - 0.368 * relative_overfitting(apparent, out_of_bag))
    return (1.0 - w) * apparent + w * max(out_of_bag, 0.5)
