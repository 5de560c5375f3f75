"""How often each column, family or block stood at which rank, resample by resample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError

if TYPE_CHECKING:
    from tumor_response.explanation.result import Explanation

__all__ = [
    "LEVELS",
    "LISTED",
    "Level",
    "block_of_each",
    "importance_by_resample",
    "rank_frequencies",
    "rank_table",
    "top_sets",
    "top_shares",
]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

Level = Literal["column", "family", "block"]
LEVELS: tuple[Level, ...] = ("column", "family", "block")
"""What can be ranked: columns, families of columns, whole blocks."""

LISTED: dict[Level, int] = {"column": 10, "family": 3, "block": 1}
"""How long a resample's list of the most important is, unless it is said."""


def importance_by_resample(explanation: Explanation, level: Level = "column") -> pd.DataFrame:
    """Return the mean ``|SHAP|`` over each resample's out-of-bag lesions.

    Parameters
    ----------
    explanation
        Out of bag.
    level
        ``"column"``, ``"family"`` or ``"block"``.

    Returns
    -------
    DataFrame (resamples x columns, families or blocks)

    Raises
    ------
    ExplanationError
        Code ``no_resamples``: in sample, or of one resample; code ``level``: no such level.
    """
    if level not in LEVELS:
        raise ExplanationError(
            f"level={level!r}: expected one of {', '.join(map(repr, LEVELS))}.", code="level"
        )
    frames = {
        "column": explanation.column_mean_abs,
        "family": explanation.family_mean_abs,
        "block": explanation.block_mean_abs,
    }
    frame = frames[level]
    if frame is None or len(frame) < 2:
        raise ExplanationError(
            f"The explanation of {explanation.name!r} ({explanation.mode}) has "
            f"{0 if frame is None else len(frame)} resample(s); stability is agreement between two "
            "or more. Explain an evaluation: tr.explain(result, name).",
            code="no_resamples",
        )
    return frame


def block_of_each(explanation: Explanation, level: Level) -> dict[str, str]:
    """Return the block of each column, family or block, in their order.

    Where families were the finest players, they stand for columns as well.
    """
    of_column = {c: block for block, members in explanation.blocks.items() for c in members}
    if level == "column" and explanation.level == "column":
        return of_column
    if level != "block":
        families = explanation.families.items()
        return {family: of_column[members[0]] for family, members in families}
    return {block: block for block in explanation.blocks}


def top_sets(importance: npt.ArrayLike, k: int) -> BoolArray:
    """Return which columns are among the ``k`` largest of each row.

    A column of no importance is never among them, so that a sparse model may have fewer than
    ``k``. Of equal importances the earlier column comes first.

    Parameters
    ----------
    importance : array of shape (n_resamples, n_columns)
        0 or more, finite.
    k
        1 or more.

    Returns
    -------
    ndarray of bool, shape (n_resamples, n_columns)

    Raises
    ------
    ExplanationError
        Code ``k``: below 1.

    Examples
    --------
    >>> top_sets([[3.0, 1.0, 2.0], [0.0, 5.0, 0.0]], 2).astype(int).tolist()
    [[1, 0, 1], [0, 1, 0]]
    """
    places = _places(importance, k)
    return (places >= 0) & (places < k)


def top_shares(importance: pd.DataFrame, k: int) -> pd.Series:
    """Return the share of resamples in which each column was among the ``k`` largest.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [3.0, 3.0], "b": [1.0, 2.0], "c": [2.0, 1.0]})
    >>> top_shares(frame, 2).to_dict()
    {'a': 1.0, 'b': 0.5, 'c': 0.5}
    """
    return pd.Series(top_sets(importance, k).mean(axis=0), index=importance.columns)


def rank_frequencies(importance: pd.DataFrame, k: int = 10) -> pd.DataFrame:
    """Return the share of resamples in which each column stood at each of the first ``k`` ranks.

    Returns
    -------
    DataFrame (columns x ranks 1 to k)
        Each rank's shares sum to 1, or to less where some resamples have fewer than ``k`` columns
        of any importance. A row's sum is its share in the top ``k``.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [3.0, 1.0], "b": [1.0, 3.0], "c": [2.0, 2.0]})
    >>> rank_frequencies(frame, 2).loc["a"].to_dict()
    {1: 0.5, 2: 0.0}
    """
    places = _places(importance, k)
    shares = {rank: (places == rank - 1).mean(axis=0) for rank in range(1, k + 1)}
    return pd.DataFrame(shares, index=importance.columns).rename_axis(columns="rank")


def rank_table(
    explanation: Explanation, level: Level = "column", tops: Sequence[int] = (1, 3, 10)
) -> pd.DataFrame:
    """Return how firmly each column, family or block holds its rank over the resamples.

    Parameters
    ----------
    explanation
        Out of bag, at least two resamples.
    level
        ``"column"``, ``"family"`` or ``"block"``.
    tops
        For which k the share of resamples in the top k is told.

    Returns
    -------
    DataFrame
        Index: the level's name. ``mean_abs_resample`` (mean over resamples of each one's mean
        ``|SHAP|``, in the explanation's unit), by which the rows are sorted; ``rank_median``,
        ``rank_low``, ``rank_high`` (2.5th and 97.5th percentile over resamples; columns of no
        importance in a resample share the middle of the ranks that are left there: a spread over
        resamples of one cohort, no confidence interval); ``top_<k>``, shares of the resamples;
        ``used``, the share in which it had any importance at all.

    Raises
    ------
    ExplanationError
        As :func:`importance_by_resample`.
    """
    importance = importance_by_resample(explanation, level)
    values = importance.to_numpy(dtype=np.float64)
    # of a whole matrix at once pandas ranks with ties; argsort would not share them out
    ranks = importance.rank(axis=1, ascending=False, method="average").to_numpy()
    low, median, high = np.percentile(ranks, (2.5, 50, 97.5), axis=0)
    places = _places(importance, 1)
    table = pd.DataFrame(
        {
            "mean_abs_resample": values.mean(axis=0),
            "rank_median": median,
            "rank_low": low,
            "rank_high": high,
            **{f"top_{k}": ((places >= 0) & (places < k)).mean(axis=0) for k in tops},
            "used": (values > 0).mean(axis=0),
        },
        index=importance.columns.rename(level),
    )
    return table.sort_values("mean_abs_resample", ascending=False, kind="stable")


def _places(importance: npt.ArrayLike, k: int) -> npt.NDArray[np.int64]:
    """Return each column's place in its row, 0 for the largest; -1 where it has no importance."""
    if k < 1:
        raise ExplanationError(f"k={k!r}: expected 1 or more.", code="k")
    values = np.asarray(importance, dtype=np.float64)
    order = np.argsort(-values, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(values.shape[1])[None, :], axis=1)
    places[values <= 0] = -1
    return places
