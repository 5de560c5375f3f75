"""Out-of-sample pairs: which responder scored above which other lesion, by one fitted model.

An AUC is the share of (responder, other) pairs in which the responder scores higher. Pairs are
compared only where one fitted model scored both: in the test rows of one resample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.tasks import Task
from tumor_response.exceptions import EvaluationError

__all__ = ["Pairs", "check_response"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of one resample.

    Attributes
    ----------
    responders, others : ndarray of int64
        The patient of each responder lesion and of each other one.
    won : ndarray of shape (n_responders, n_others)
        1 where the responder scored higher, 0.5 for a tie.
    """

    responders: IntArray
    others: IntArray
    won: FloatArray

    @classmethod
    def of(cls, patients: IntArray, y: IntArray, scores: FloatArray) -> Pairs:
        """Compare all responders with all others.

        Examples
        --------
        >>> pairs = Pairs.of(np.arange(4), np.array([0, 1, 0, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
        >>> pairs.auc, pairs.n
        (0.875, 4)
        """
        positive = y == 1
        above = scores[positive][:, None] - scores[~positive]
        return cls(patients[positive], patients[~positive], (np.sign(above) + 1) / 2)

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.won.size

    @property
    def auc(self) -> float:
        """Share of the pairs won; NaN without pairs."""
        return float(self.won.mean()) if self.n else float("nan")

    def without_each(self) -> tuple[IntArray, FloatArray]:
        """Return the patients, and the AUC with one after the other left out.

        Where a patient is in all pairs, the AUC stays as it is.
        """
        names = np.union1d(self.responders, self.others)
        own = self.responders[:, None] == self.others
        won = self.won.sum() - self._of_each(names, self.won, own)
        met = self.n - self._of_each(names, np.ones_like(self.won), own)
        left = np.full(len(names), self.auc)
        np.divide(won, met, out=left, where=met > 0)
        return names, left

    def _of_each(
        self, names: IntArray, values: FloatArray, own: npt.NDArray[np.bool_]
    ) -> FloatArray:
        """Sum what each patient has a part in; pairs within a patient count once."""
        total = np.zeros(len(names))
        np.add.at(total, np.searchsorted(names, self.responders), (values * ~own).sum(axis=1))
        np.add.at(total, np.searchsorted(names, self.others), values.sum(axis=0))
        return total

    def weighted(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return weighted sums of pairs won and met.

        Parameters
        ----------
        weights : array of shape (n_weightings, n_patients)
            Of the patients by their number; a pair weighs the product.
        """
        of_responders, of_others = weights[:, self.responders], weights[:, self.others]
        won = np.einsum("bj,bj->b", of_responders @ self.won, of_others)
        return won, of_responders.sum(axis=1) * of_others.sum(axis=1)


def check_response(task: Task, what: str) -> None:
    """Refuse outcomes that make no (responder, other) pairs."""
    if task != "response":
        raise EvaluationError(
            f"{what} is made for responders and others; these models predict {task}. Give "
            "classifiers with a 0/1 outcome, or with label=tr.ResponderCut(...).",
            code="task",
        )
