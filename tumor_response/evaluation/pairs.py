"""Out-of-sample pairs: who scored above whom, counted once and weighed as often as needed.

An AUC is the share of (responder, other) pairs in which the responder scores higher. Pairs count
only where one fitted model scored both, in the test rows of one resample. Kept as two matrices of
lesions, they give the AUC of any subgroup, of any reweighting of patients, and its jackknife.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.tasks import Task
from tumor_response.exceptions import EvaluationError

__all__ = ["Pairs", "check_response", "count_pairs"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs won and met by responders (rows) against others (columns).

    Attributes
    ----------
    won, met : ndarray of shape (n, n)
        How often, over the resamples; a tie is half a win. ``n`` is lesions, or patients after
        :meth:`of_patients`. 16 bytes per pair of lesions: 16 MB for 1,000.
    """

    won: FloatArray
    met: FloatArray

    @property
    def auc(self) -> float:
        """Share of the pairs won; NaN without pairs."""
        met = float(self.met.sum())
        return float(self.won.sum()) / met if met else float("nan")

    def among(self, members: npt.NDArray[np.bool_]) -> Pairs:
        """Return the pairs of which both are members; the others keep their place, empty."""
        both = np.outer(members, members)
        return Pairs(self.won * both, self.met * both)

    def of_patients(self, patients: IntArray) -> Pairs:
        """Sum the lesions of each patient, in the order of the sorted patient numbers."""
        names, place = np.unique(patients, return_inverse=True)
        belongs = np.zeros((len(patients), len(names)))
        belongs[np.arange(len(patients)), place] = 1
        return Pairs(belongs.T @ self.won @ belongs, belongs.T @ self.met @ belongs)

    def without_each(self) -> FloatArray:
        """Return the AUC with one patient after the other left out of the pairs.

        Where a patient's pairs are all there are, the AUC stays as it is.
        """
        won, met = (_left_without(part) for part in (self.won, self.met))
        whole = np.full(len(won), self.auc)
        np.divide(won, met, out=whole, where=met > 0)
        return whole

    def weighted(self, weights: FloatArray) -> FloatArray:
        """Return the AUC under each row of ``weights``, of shape (n_weightings, n)."""
        won = np.einsum("bi,bi->b", weights @ self.won, weights)
        met = np.einsum("bi,bi->b", weights @ self.met, weights)
        return np.asarray(won / met, dtype=np.float64)


def _left_without(pairs: FloatArray) -> FloatArray:
    of_each = pairs.sum(axis=0) + pairs.sum(axis=1) - np.diag(pairs)
    return np.asarray(pairs.sum() - of_each, dtype=np.float64)


def count_pairs(n_rows: int, scored: Iterable[tuple[IntArray, IntArray, FloatArray]]) -> Pairs:
    """Count the pairs of all resamples.

    Parameters
    ----------
    n_rows
        Lesions evaluated.
    scored
        For each resample its test rows (each once), their classes, 0 or 1, and their scores.

    Examples
    --------
    >>> rows = np.arange(4)
    >>> pairs = count_pairs(4, [(rows, np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8]))])
    >>> pairs.auc
    0.875
    """
    won, met = np.zeros((n_rows, n_rows)), np.zeros((n_rows, n_rows))
    for rows, y, scores in scored:
        responders, others = y == 1, y == 0
        above = scores[responders][:, None] - scores[others]
        place = np.ix_(rows[responders], rows[others])
        won[place] += (np.sign(above) + 1) / 2
        met[place] += 1
    return Pairs(won, met)


def check_response(task: Task, what: str) -> None:
    """Refuse outcomes that make no (responder, other) pairs."""
    if task != "response":
        raise EvaluationError(
            f"{what} is made for responders and others; these models predict {task}. Give "
            "classifiers with a 0/1 outcome, or with label=tr.ResponderCut(...).",
            code="task",
        )
