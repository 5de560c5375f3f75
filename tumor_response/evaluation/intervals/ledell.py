r"""The influence-curve interval of a cross-validated AUC (LeDell, Petersen, van der Laan 2015)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.intervals.delong import AucVariance, placements
from tumor_response.exceptions import EvaluationError

__all__ = ["ledell"]

IntArray = npt.NDArray[np.int64]


def ledell(
    y: Sequence[npt.ArrayLike],
    scores: Sequence[npt.ArrayLike],
    test: Sequence[IntArray],
    repeats: Sequence[int],
    patients: IntArray,
) -> AucVariance:
    r"""Return the cross-validated AUC and its variance, with patients as units.

    The estimate is the mean of the folds' AUCs. A responder lesion i of fold v has the influence
    :math:`(V10_i - AUC_v) / P_1`, another :math:`(V01_i - AUC_v) / P_0`, with the placements
    within the fold and :math:`P_1, P_0` the shares of the classes among all rows; with n rows

    .. math:: \hat\sigma^2 = \sum_k \Bigl( \frac1n \sum_{i \in k} IC_i \Bigr)^2

    over patients k (Electronic Journal of Statistics 9:1583, section 4; patients with several
    lesions as in section 5). With repeated folds the variance is the mean of the repeats' own:
    how much repeating takes off is not known, and it is little once K is 5 or more.
    It holds for models that settle as patients are added; training on fewer patients than there
    are, and how the model changes from fold to fold, are not in it.

    Parameters
    ----------
    y, scores, test
        Per fold, those of all repeats one after another: classes, scores and row positions of
        the tested rows.
    repeats
        Per fold: the repeat it belongs to.
    patients : array of shape (n_rows,)

    Raises
    ------
    EvaluationError
        Code ``one_class`` if a fold has one class, so that it has no AUC of its own.

    Examples
    --------
    >>> folds = [np.array([0, 1, 2]), np.array([3, 4, 5])]
    >>> found = ledell([[1, 0, 0], [1, 1, 0]], [[3, 1, 2], [1, 3, 2]], folds, [0, 0], np.arange(6))
    >>> found.auc
    0.75
    """
    positives = [np.asarray(label) == 1 for label in y]
    share = sum(int(one.sum()) for one in positives) / sum(len(one) for one in positives)
    names = sorted(set(repeats))
    influence, tested = np.zeros((len(names), len(patients))), np.zeros(len(names))
    aucs = []
    for positive, score, rows, repeat in zip(positives, scores, test, repeats, strict=True):
        if positive.all() or not positive.any():
            raise EvaluationError(
                f"A fold of {len(rows)} row(s) has one class and no AUC of its own; take fewer "
                "folds.",
                code="one_class",
            )
        above, below = placements(positive, score)
        aucs.append(float(above.mean()))
        run = names.index(repeat)
        influence[run, rows[positive]] = (above - aucs[-1]) / share
        influence[run, rows[~positive]] = (below - aucs[-1]) / (1.0 - share)
        tested[run] += len(rows)
    of_patient = np.unique(patients, return_inverse=True)[1]
    variances = [
        float(((np.bincount(of_patient, weights=one) / n) ** 2).sum())
        for one, n in zip(influence, tested, strict=True)
    ]
    return AucVariance(float(np.mean(aucs)), float(np.mean(variances)))
