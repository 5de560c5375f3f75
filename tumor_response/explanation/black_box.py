"""What any model puts out for rows made of two: columns of one row, the others of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.game import Output
from tumor_response.explanation.origins import passed_through
from tumor_response.explanation.sampled import Walk

__all__ = ["Mixer", "Outputs", "Rows", "class_sign", "finite_log_odds", "model_outputs"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Rows = pd.DataFrame | FloatArray
Outputs = Callable[[Rows], FloatArray]

_CELLS = 4_000_000
"""Of the rows that are mixed at a time: 32 MB."""

_CERTAIN = 1e-12
"""A mean over trees that all say 1 may be short of it by its rounding, and has no log-odds."""


def class_sign(final: BaseEstimator) -> float:
    """Return 1.0 if class 1 is the second of the two that an estimator was fitted to, or -1.0."""
    classes = list(final.classes_)
    if len(classes) != 2 or 1 not in classes:
        raise ExplanationError(
            f"{type(final).__name__} was fitted to classes {classes}; expected 0 and 1. Tertiles "
            "have no one output to share out: explain a model of responses or of the rate.",
            code="task",
        )
    return 1.0 if classes[1] == 1 else -1.0


def model_outputs(steps: Sequence[Any], final: BaseEstimator, output: Output) -> Outputs:
    """Return the function from rows that reach ``steps`` to the outputs of ``final``.

    Log-odds are the decision function where that is the log-odds, which has more digits than the
    probability; else the logit of the probability.
    """

    def outputs(X: Rows) -> FloatArray:
        seen = passed_through(steps, X)
        if output == "rate":
            return np.asarray(final.predict(seen), dtype=np.float64).ravel()
        sign = class_sign(final)
        scores = None
        if output != "probability" and hasattr(final, "decision_function"):
            scores = sign * np.asarray(final.decision_function(seen), dtype=np.float64)
        if output == "score" and scores is not None:
            return scores
        column = 1 if sign > 0 else 0
        chance = np.asarray(final.predict_proba(seen), dtype=np.float64)[:, column]
        if output == "probability":
            return chance
        if scores is not None and np.allclose(expit(scores), chance, rtol=0, atol=1e-9):
            return scores
        return finite_log_odds(chance)

    return outputs


def finite_log_odds(chance: FloatArray) -> FloatArray:
    """Return the log-odds of probabilities, none of which may be 0 or 1, but for rounding.

    Examples
    --------
    >>> finite_log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    if not ((chance > _CERTAIN) & (chance < 1 - _CERTAIN)).all():
        raise ExplanationError(
            "The model gives probabilities of 0 or 1, which have no log-odds. Explain "
            "output='probability'.",
            code="infinite_log_odds",
        )
    log_odds: FloatArray = logit(chance)
    return log_odds


class Mixer:
    """Two tables of the same columns, to be mixed.

    Parameters
    ----------
    rows, background
        As they reach the model: arrays, or frames of numbers and categories.
    """

    def __init__(self, rows: Rows, background: Rows) -> None:
        self._like = rows
        self._dtypes = list(rows.dtypes) if isinstance(rows, pd.DataFrame) else []
        self.rows, self.background = self._numbers(rows), self._numbers(background)

    def walk(self, outputs: Outputs, known: tuple[FloatArray, FloatArray], owner: IntArray) -> Walk:
        """Return the walk from background rows to rows, player by player.

        Parameters
        ----------
        outputs
            Of the model.
        known
            The outputs of the rows and of the background.
        owner : ndarray of shape (n_columns,)
            The player of each column.
        """
        n_columns = self.rows.shape[1]

        def walked(behind: IntArray, order: IntArray) -> FloatArray:
            n_rows, n_players = order.shape
            path = np.empty((n_rows, n_players + 1))
            path[:, 0], path[:, -1] = known[1][behind], known[0]
            turn = order.argsort(axis=1)[:, owner]
            steps = np.arange(1, n_players)
            at_once = max(1, _CELLS // max(1, len(steps) * n_columns))
            for start in range(0, n_rows, at_once) if len(steps) else ():
                part = slice(start, start + at_once)
                come = turn[part, None, :] < steps[:, None]
                mixed = np.where(
                    come, self.rows[part, None, :], self.background[behind[part], None, :]
                )
                told = outputs(self._frame(mixed.reshape(-1, n_columns)))
                path[part, 1:-1] = told.reshape(-1, len(steps))
            return path

        return walked

    def _numbers(self, table: Rows) -> FloatArray:
        """Return the values as numbers, categories by the place of their level."""
        if not isinstance(table, pd.DataFrame):
            return np.asarray(table, dtype=np.float64)
        numbers = np.empty(table.shape)
        for place, (dtype, (_, column)) in enumerate(zip(self._dtypes, table.items(), strict=True)):
            if isinstance(dtype, pd.CategoricalDtype):
                codes = column.astype(dtype).cat.codes.to_numpy()
                numbers[:, place] = np.where(codes < 0, np.nan, codes)
            else:
                numbers[:, place] = column.to_numpy(dtype=np.float64)
        return numbers

    def _frame(self, numbers: FloatArray) -> Rows:
        if not isinstance(self._like, pd.DataFrame):
            return numbers
        frame = pd.DataFrame(numbers, columns=self._like.columns)
        for place, dtype in enumerate(self._dtypes):
            if isinstance(dtype, pd.CategoricalDtype):
                codes = np.nan_to_num(numbers[:, place], nan=-1).astype(np.int64)
                frame.isetitem(place, pd.Categorical.from_codes(codes, dtype=dtype))
        return frame
