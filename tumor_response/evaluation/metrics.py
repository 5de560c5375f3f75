"""The AUC and the .632 family: small functions on arrays, formulas as published."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from tumor_response.exceptions import EvaluationError

__all__ = ["auc", "auc_632", "auc_632plus", "c_index", "r2", "relative_overfitting", "roc_curve"]

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


def c_index(y: npt.ArrayLike, score: npt.ArrayLike) -> float:
    """Return the concordance: the share of pairs with different outcomes that are ranked alike.

    Harrell's C (Harrell, Lee and Mark 1996, Stat. Med. 15:361) without censoring; ties of the score
    count half. For two classes it is the AUC.

    Parameters
    ----------
    y : array of shape (n,)
        Outcomes, continuous or ordered classes.
    score : array of shape (n,)

    Raises
    ------
    EvaluationError
        If all outcomes are the same.

    Examples
    --------
    >>> c_index([0.1, 0.5, 0.9], [1.0, 3.0, 2.0])
    0.6666666666666666
    """
    outcome, scores = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    pairs = won = 0.0
    for value, own in zip(outcome, scores, strict=True):
        greater = scores[outcome > value]
        pairs += greater.size
        won += float((greater > own).sum()) + 0.5 * float((greater == own).sum())
    if not pairs:
        raise EvaluationError("A C-index needs outcomes that differ.", code="one_class")
    return won / pairs


def r2(y: npt.ArrayLike, prediction: npt.ArrayLike, mean_of_training: float) -> float:
    """Return the share of squared error that a model saves over the training rows' mean.

    ``1 - sum((y - prediction)**2) / sum((y - mean_of_training)**2)``. On new patients the honest
    comparison is the mean that was known beforehand, not the mean of those patients; it can be
    negative.

    Parameters
    ----------
    y, prediction : array of shape (n,)
    mean_of_training : float
        Mean outcome of the rows that the model was fitted to.

    Raises
    ------
    EvaluationError
        If all outcomes equal ``mean_of_training``.

    Examples
    --------
    >>> r2([1.0, 2.0, 3.0], [1.5, 2.0, 2.5], 2.0)
    0.75
    """
    outcome = np.asarray(y, dtype=np.float64)
    total = float(((outcome - mean_of_training) ** 2).sum())
    if not total:
        raise EvaluationError("R2 needs outcomes that differ from the mean.", code="one_class")
    rest = float(((outcome - np.asarray(prediction, dtype=np.float64)) ** 2).sum())
    return 1.0 - rest / total


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
    has the means that ``benchmarks/null_models.py`` measured.

    Examples
    --------
    >>> auc_632plus(1.0, 0.45)
    0.5
    """
    w = 0.632 / (1.0 - 0.368 * relative_overfitting(apparent, out_of_bag))
    return (1.0 - w) * apparent + w * max(out_of_bag, 0.5)
