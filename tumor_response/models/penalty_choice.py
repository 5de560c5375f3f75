"""Which penalty of a path is taken: inner folds of whole patients, and the rule that chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ModelError
from tumor_response.models.inner import inner_folds
from tumor_response.models.training_rows import TrainingRows

__all__ = ["PenaltyChoice", "Rule", "checked_path"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Rule = Literal["min", "one_se"]


def checked_path(name: str, penalties: Sequence[float]) -> FloatArray:
    """Return the penalties of a path, ascending and each once.

    Raises
    ------
    ModelError
        None there, or one that is not positive and finite; ``name`` says whose.

    Examples
    --------
    >>> checked_path("Cs", (1.0, 0.1, 1.0)).tolist()
    [0.1, 1.0]
    """
    path = np.unique(np.asarray(penalties, dtype=np.float64))
    if not (path.size and np.isfinite(path).all() and (path > 0).all()):
        raise ModelError(f"{name}={penalties!r}: expected one or more positive finite numbers.")
    return path


@dataclass(frozen=True)
class PenaltyChoice:
    """The inner folds of one fit, and how its penalty is chosen.

    Attributes
    ----------
    fold : ndarray of int, shape (n_rows,), or None
        The fold that holds each row out; None: nothing is tuned, the strongest penalty is taken.
    weight : ndarray of shape (n_rows,)
    rule
        ``"min"``: the smallest mean held-out loss, of equal ones the strongest penalty.
        ``"one_se"``: the strongest penalty whose loss is within one standard error of that, the
        error being taken over the folds (Breiman et al. 1984; Friedman et al. 2010, J. Stat.
        Softw. 33:1).
    """

    fold: IntArray | None
    weight: FloatArray
    rule: Rule

    @classmethod
    def of(cls, estimator: BaseEstimator, n_penalties: int, rows: TrainingRows) -> Self:
        """Make the folds that ``estimator`` asks for, and note on it whether it is tuned.

        Parameters
        ----------
        estimator
            Its ``n_inner_folds``, ``random_state`` and ``rule`` are read, its ``tuned_`` is set.
        n_penalties
            One alone is not tuned.
        rows
            The training rows.
        """
        if estimator.rule not in ("min", "one_se"):
            raise ModelError(f"rule={estimator.rule!r}: expected 'min' or 'one_se'.")
        fold = inner_folds(estimator, rows) if n_penalties > 1 else None
        estimator.tuned_ = None if n_penalties == 1 else fold is not None
        return cls(fold, rows.weight, estimator.rule)

    @property
    def problem_weights(self) -> FloatArray:
        """Row weights of each problem to solve, shape (1 + n_folds, n_rows).

        The whole sample first, then the sample without each fold.
        """
        if self.fold is None:
            return self.weight[None, :]
        keep = self.fold[None, :] != np.arange(self.fold.max() + 1)[:, None]
        return np.vstack([self.weight, keep * self.weight])

    def choose(self, losses: FloatArray) -> tuple[FloatArray, int]:
        """Return the weighted mean loss of each penalty, and the position of the one to take.

        Parameters
        ----------
        losses : array of shape (n_penalties, n_rows)
            Each row's loss by the fit that did not see it; penalties from the strongest.

        Examples
        --------
        >>> choice = PenaltyChoice(np.array([0, 0, 1, 1]), np.ones(4), "min")
        >>> choice.choose(np.array([[2.0, 2, 2, 2], [1, 1, 2, 2], [1, 1, 2, 2]]))
        (array([2. , 1.5, 1.5]), 1)
        >>> PenaltyChoice(choice.fold, choice.weight, "one_se").choose(
        ...     np.array([[2.0, 2, 2, 2], [1, 1, 2, 2], [1, 1, 2, 2]]))[1]
        0
        """
        means: FloatArray = losses @ self.weight / self.weight.sum()
        best = int(np.argmin(means))
        if self.rule == "min" or self.fold is None:
            return means, best
        in_fold = np.bincount(self.fold, weights=self.weight)
        of_fold = np.bincount(self.fold, weights=self.weight * losses[best]) / in_fold
        variance = in_fold @ (of_fold - means[best]) ** 2 / in_fold.sum() / (len(in_fold) - 1)
        return means, int(np.argmax(means <= means[best] + np.sqrt(variance)))
