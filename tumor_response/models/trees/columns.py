"""Which columns the trees are shown, and the directions in which some may act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.exceptions import ModelError
from tumor_response.transformers import CategoryEncoder
from tumor_response.transformers._frames import (
    as_floats,
    frame_like,
    remember_columns,
    same_columns,
)
from tumor_response.transformers.blocks import block_members
from tumor_response.transformers.dropped import dropped_record

__all__ = ["EncoderOfNamed", "StrongestColumns", "constraints", "rank_scores", "strongest"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def rank_scores(
    values: FloatArray, y: npt.NDArray[np.generic], weight: FloatArray | None = None
) -> FloatArray:
    r"""Return how strongly the ranks of each column go with the ranks of the outcome.

    The score is :math:`|\sum_i w_i (r_i - \bar r)(t_i - \bar t)| / (\sum_i w_i)^3` with
    :math:`r` and :math:`t` the midranks (Kendall 1945, Biometrika 33:239) of column and outcome
    in the weighted sample. Of two classes it is ``|AUC - 0.5|`` times a number that is the same
    for all columns; it serves a rate and ordered classes as well. It does not mind the heavy
    tails of radiomics features. A constant column scores 0.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
    y : array of shape (n_rows,)
        Anything that can be ordered.
    weight : array of shape (n_rows,), optional
        How often each row counts; default once.

    Examples
    --------
    >>> X = np.array([[1.0, 1.0, 2.0], [2.0, 4.0, 2.0], [3.0, 2.0, 2.0], [4.0, 3.0, 2.0]])
    >>> rank_scores(X, np.array([0, 0, 1, 1])).tolist()
    [0.0625, 0.0, 0.0]
    """
    weight = np.ones(len(values)) if weight is None else weight
    total = weight.sum()
    outcome = _midranks(np.unique(y, return_inverse=True)[1][:, None].astype(np.float64), weight)
    centred = weight * (outcome[:, 0] - total / 2)
    scores: FloatArray = np.abs(centred @ (_midranks(values, weight) - total / 2)) / total**3
    # what rounding leaves of nothing must not decide between columns
    return np.where(scores > 1e-12, scores, 0.0)


def _midranks(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weight below each value of a column, plus half of the weight that it shares."""
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    upto = np.cumsum(weight[order], axis=0)
    ends = np.ones(values.shape, dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=ends[:-1])
    starts = np.ones(values.shape, dtype=bool)
    starts[1:] = ends[:-1]
    below = np.zeros(values.shape)
    below[1:] = upto[:-1]
    low = np.maximum.accumulate(np.where(starts, below, 0.0), axis=0)
    high = np.minimum.accumulate(np.where(ends, upto, np.inf)[::-1], axis=0)[::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (low + high) / 2, axis=0)
    return ranks


def strongest(scores: FloatArray, names: Sequence[str] | None, n_per_block: int) -> BoolArray:
    """Return which columns are among the ``n_per_block`` of the highest score in their block.

    Ties go to the earlier column. Without names all columns are one block.

    Examples
    --------
    >>> strongest(np.array([0.1, 0.3, 0.2]), ["a__x", "b__x", "b__y"], 1).tolist()
    [True, True, False]
    """
    kept = np.zeros(len(scores), dtype=bool)
    blocks = {"": np.arange(len(scores))} if names is None else block_members(tuple(names))
    for members in blocks.values():
        kept[members[np.argsort(-scores[members], kind="stable")[:n_per_block]]] = True
    return kept


class StrongestColumns(TransformerMixin, BaseEstimator):
    """Keep, in each block, the columns whose ranks go with the outcome's most.

    For two classes it is :class:`~tumor_response.transformers.UnivariateFilter`; it serves a rate
    and three classes as well.

    Parameters
    ----------
    n_columns_per_block
        How many columns to keep in each block, default 20; smaller blocks are kept whole.

    Attributes
    ----------
    scores_ : ndarray of shape (n_columns_in,)
        See :func:`rank_scores`.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept; ties go to the earlier column.

    Examples
    --------
    >>> X = pd.DataFrame({"r__a": [1.0, 2, 3, 4], "r__b": [1.0, 2, 4, 3], "r__c": [1.0, 3, 2, 4]})
    >>> StrongestColumns(1).fit(X, [0.1, 0.3, 0.2, 0.9]).get_feature_names_out().tolist()
    ['r__c']
    """

    def __init__(self, n_columns_per_block: int = 20) -> None:
        self.n_columns_per_block = n_columns_per_block

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> Self:
        """Rank the columns on the training rows."""
        if self.n_columns_per_block < 1:
            raise ModelError(
                f"n_columns_per_block={self.n_columns_per_block!r}: expected 1 or more."
            )
        frame = remember_columns(self, X)
        self.scores_ = rank_scores(as_floats(self, frame), np.asarray(y))
        names = [str(name) for name in self.feature_names_in_]
        self.support_ = strongest(self.scores_, names, self.n_columns_per_block)
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (the score)."""
        return dropped_record(self.feature_names_in_, ~self.support_, "not_selected", self.scores_)

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the columns that are kept, in their order in the table."""
        frame = same_columns(self, X)
        values = as_floats(self, frame)[:, self.support_]
        return frame_like(values, frame.index, frame.columns[self.support_])

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names of the columns that are kept."""
        return np.asarray(self.feature_names_in_[self.support_])


def constraints(monotone: Mapping[str, int], columns: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the direction of each column: 1 (may only raise), -1 (may only lower), 0 (free).

    A name stands for the column of that name, or for the one column into which encoding has
    turned it (``clinical__smoker`` for ``clinical__smoker=yes``). A name without a column, which
    a filter has left out, constrains nothing.

    Raises
    ------
    ModelError
        A direction other than -1, 0, 1; a category that became several columns, between which a
        direction means nothing.

    Examples
    --------
    >>> constraints({"clinical__age": 1}, ["clinical__age", "deep__n__0"]).tolist()
    [1, 0]
    """
    directions = np.zeros(len(columns), dtype=np.int64)
    for name, direction in monotone.items():
        if direction not in (-1, 0, 1):
            raise ModelError(f"monotone: {name!r} has direction {direction!r}; expected -1, 0, 1.")
        places = named_columns(name, columns)
        if len(places) > 1:
            several = ", ".join(repr(str(columns[place])) for place in places)
            raise ModelError(
                f"monotone: {name!r} is a category of {len(places)} columns, {several}. Name the "
                "one that is meant.",
                code="monotone_category",
            )
        directions[places] = direction
    return directions


def named_columns(name: str, columns: Sequence[str]) -> list[int]:
    """Return the position of the column ``name``, or of the columns it was encoded to."""
    exact = [place for place, column in enumerate(columns) if column == name]
    return exact or [p for p, column in enumerate(columns) if str(column).startswith(f"{name}=")]


class EncoderOfNamed(CategoryEncoder):
    """A CategoryEncoder that insists on some columns, so that no misspelling passes silently.

    Behind it a filter may leave a column out in one resample and keep it in another; whether a
    name was misspelt can be told here only.

    Parameters
    ----------
    named
        Columns that must be there, or have been encoded to one column.

    Raises
    ------
    ModelError
        Code ``missing_columns``: a named column is not there.

    Examples
    --------
    >>> X = pd.DataFrame({"clinical__smoker": pd.Categorical(["no", "yes"])})
    >>> EncoderOfNamed(("clinical__smoker",)).fit_transform(X).columns.tolist()
    ['clinical__smoker=yes']
    """

    def __init__(self, named: Sequence[str] = ()) -> None:
        self.named = named

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Note levels, and look for the named columns."""
        super().fit(X, y)
        columns = self.get_feature_names_out().tolist()
        if lost := [name for name in self.named if not named_columns(name, columns)]:
            raise ModelError(
                f"monotone: {len(lost)} named column(s) are not among the {len(columns)} that the "
                f"model reads: {', '.join(map(repr, lost[:5]))}. Columns go by their name in the "
                "table, as 'clinical__age'.",
                code="missing_columns",
            )
        return self
