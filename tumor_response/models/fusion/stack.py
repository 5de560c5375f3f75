"""What stacks of blocks share: models per block, out-of-fold scores, contributions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import _check_sample_weight

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import remember_columns, same_columns
from tumor_response.transformers.blocks import block_members

__all__ = ["Stack", "block_is_missing"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Stack(BaseEstimator):
    """What the stacks of classifiers and of regressors share; not made by itself."""

    base: BaseEstimator
    by_block: Mapping[str, BaseEstimator] | None
    n_folds: int
    strength: float
    random_state: int

    def contributions(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return what each block adds to the score of each row, shape (n_rows, n_blocks).

        The intercept and a row's contributions sum to its score. A block that is missing in a
        row adds 0, which is what it says on average.
        """
        frame = same_columns(self, X)
        added = np.zeros((len(frame), len(self.block_weights_)))
        for place, (block, weight) in enumerate(self.block_weights_.items()):
            if block in self.models_:
                said = self._said_by(self.models_[block], frame, self._members[block])
                added[:, place] = weight * np.nan_to_num(said - self.block_means_[block], nan=0.0)
        return pd.DataFrame(added, index=frame.index, columns=self.block_weights_.index)

    def _score(self, X: pd.DataFrame) -> FloatArray:
        scores: FloatArray = self.intercept_ + self.contributions(X).to_numpy().sum(axis=1)
        return scores

    def _fit(
        self,
        frame: pd.DataFrame,
        y: npt.NDArray[np.generic],
        target: FloatArray,
        weight: FloatArray | None,
        fold: IntArray | None,
    ) -> None:
        self._members = {
            block: frame.columns[members]
            for block, members in block_members(tuple(map(str, frame.columns))).items()
        }
        if unknown := sorted(set(self.by_block or {}) - set(self._members)):
            raise ModelError(
                f"{type(self).__name__}: by_block names {unknown[0]!r}; there are the blocks "
                f"{', '.join(map(repr, self._members))}.",
                code="missing_block",
            )
        self.models_: dict[str, Any] = {}
        heard: dict[str, FloatArray] = {}
        for block, columns in self._members.items():
            there = ~block_is_missing(frame[columns])
            if len(np.unique(target[there])) < 2:
                continue
            model = (self.by_block or {}).get(block, self.base)
            self.models_[block] = _fitted(model, frame.loc[:, columns], y, weight, there)
            said = np.full(len(frame), np.nan)
            for number in range(0 if fold is None else int(fold.max()) + 1):
                train, held_out = there & (fold != number), there & (fold == number)
                if held_out.any() and len(np.unique(target[train])) > 1:
                    one = _fitted(model, frame.loc[:, columns], y, weight, train)
                    said[held_out] = self._said_by(one, frame[held_out], columns)
            heard[block] = said
        self.left_out_ = [block for block in self._members if block not in self.models_]
        self.tuned_ = fold is not None
        self._weigh(frame, target, weight, heard)

    def _weigh(
        self,
        frame: pd.DataFrame,
        target: FloatArray,
        weight: FloatArray | None,
        heard: dict[str, FloatArray],
    ) -> None:
        """Weigh the blocks by what they said of rows they did not see, or all alike."""
        rows = np.ones(len(frame)) if weight is None else weight
        self.block_weights_ = pd.Series(0.0, index=pd.Index(self._members, name="block"))
        self.block_means_: dict[str, float] = {}
        if not self.tuned_:  # nothing was heard of unseen rows: the mean of what is said of seen
            for block, model in self.models_.items():
                heard[block] = self._said_by(model, frame, self._members[block])
                self.block_weights_[block] = 1.0 / len(self.models_)
        matrix = np.zeros((len(frame), len(heard)))
        for place, (block, said) in enumerate(heard.items()):
            known = np.isfinite(said)
            mean = np.average(said[known], weights=rows[known]) if known.any() else 0.0
            self.block_means_[block] = float(mean)
            matrix[known, place] = said[known] - mean
        if self.tuned_ and heard:
            self.intercept_, found = self._meta(matrix, target, rows)
            self.block_weights_[list(heard)] = found
        else:
            self.intercept_ = self._meta(matrix[:, :0], target, rows)[0]

    def _check(self, X: pd.DataFrame, sample_weight: npt.ArrayLike | None) -> FloatArray | None:
        if self.n_folds < 2:
            raise ModelError(f"n_folds={self.n_folds!r}: expected 2 or more.")
        if not self.strength > 0:
            raise ModelError(f"strength={self.strength!r}: expected more than 0.")
        remember_columns(self, X)
        if sample_weight is None:
            return None
        row = np.zeros((len(X), 1))
        weight: FloatArray = _check_sample_weight(sample_weight, row, ensure_non_negative=True)
        return weight

    def _said_by(self, model: BaseEstimator, frame: pd.DataFrame, columns: pd.Index) -> FloatArray:
        """Return a block's model's score of each row, NaN where the block is missing."""
        block = frame.loc[:, columns]
        there = ~block_is_missing(block)
        said = np.full(len(frame), np.nan)
        if there.any():
            said[there] = self._scored(model, block[there])
        return said

    @abstractmethod
    def _scored(self, model: BaseEstimator, block: pd.DataFrame) -> FloatArray:
        """Return a block's model's score of rows that have the block."""

    @abstractmethod
    def _meta(
        self, matrix: FloatArray, target: FloatArray, weight: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return the intercept and the blocks' weights."""


def block_is_missing(block: pd.DataFrame) -> BoolArray:
    """Return which rows have nothing in any of a block's columns.

    Examples
    --------
    >>> block_is_missing(pd.DataFrame({"a": [1.0, None], "b": [None, None]})).tolist()
    [False, True]
    """
    return np.asarray(block.isna().to_numpy().all(axis=1), dtype=np.bool_)


def _fitted(
    model: BaseEstimator,
    block: pd.DataFrame,
    y: npt.NDArray[np.generic],
    weight: FloatArray | None,
    rows: BoolArray,
) -> BaseEstimator:
    """Return a clone fitted to some rows of a block, weights given to its last step."""
    one = clone(model)
    if weight is None:
        return one.fit(block[rows], y[rows])
    name = "sample_weight"
    if isinstance(one, Pipeline):
        name = f"{one.steps[-1][0]}__{name}"
    return one.fit(block[rows], y[rows], **{name: weight[rows]})
