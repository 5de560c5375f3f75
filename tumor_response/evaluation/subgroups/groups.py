"""Which lesions form which subgroup, and which subgroups are too small to be shown."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import EvaluationError

__all__ = ["MISSING", "VOLUME_TERTILE", "hidden_groups", "members", "tertiles_of"]

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

MISSING = "(missing)"
"""The subgroup of those without a value."""

VOLUME_TERTILE = "volume_tertile"
"""What ``by`` is for thirds of ``clinical__volume_cc`` (or ``volume_cc``)."""

MOST_LEVELS = 12
"""Numbers with more different values than this are no subgroups."""


def tertiles_of(values: pd.Series) -> pd.Series:
    """Return thirds of a column, named with their bounds; missing values stay missing.

    The cuts are those of all lesions given. That serves to describe them; no model is fitted to it.

    Examples
    --------
    >>> tertiles_of(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], name="volume_cc")).tolist()[::2]
    ['up to 2.67', 'above 2.67 to 4.33', 'above 4.33']
    """
    low, high = np.nanquantile(values.astype(np.float64), (1 / 3, 2 / 3))
    if not low < high:
        raise EvaluationError(
            f"{values.name}: a third or more of the values are equal, so that there are no thirds.",
            code="no_subgroups",
        )
    names = [f"up to {low:.3g}", f"above {low:.3g} to {high:.3g}", f"above {high:.3g}"]
    return pd.cut(values, [-np.inf, low, high, np.inf], labels=names)


def members(X: pd.DataFrame, by: str | pd.Series) -> tuple[str, dict[str, BoolArray]]:
    """Return what the subgroups are by, and who is in each.

    Raises
    ------
    EvaluationError
        An unknown column; a Series of another index; more than twelve different numbers (code
        ``no_subgroups``); one subgroup only.
    """
    values = _values(X, by)
    if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > MOST_LEVELS:
        raise EvaluationError(
            f"by={values.name!r} has {values.nunique()} different numbers, which are no subgroups. "
            "tertiles_of(table[column]) makes thirds of them; pd.cut makes the groups you name.",
            code="no_subgroups",
        )
    kind = values.astype("category")
    text = kind.cat.rename_categories([str(level) for level in kind.cat.categories])
    groups = {
        str(level): (text == level).to_numpy(dtype=bool)
        for level in text.cat.categories
        if (text == level).any()
    }
    if values.isna().any():
        groups[MISSING] = values.isna().to_numpy(dtype=bool)
    if len(groups) < 2:
        raise EvaluationError(
            f"by={values.name!r}: all lesions are {next(iter(groups))!r}; there is nothing to tell "
            "apart.",
            code="no_subgroups",
        )
    return str(values.name), groups


def _values(X: pd.DataFrame, by: str | pd.Series) -> pd.Series:
    if isinstance(by, pd.Series):
        missing = X.index.difference(by.index)
        if not by.index.is_unique or len(missing):
            raise EvaluationError(
                f"by: expected one value per evaluated lesion, in a Series with the table's index; "
                f"{len(missing)} of {len(X)} lesions are not in it.",
                code="index_mismatch",
            )
        chosen = by.reindex(X.index)
        return chosen if by.name is not None else chosen.rename("subgroup")
    if by == VOLUME_TERTILE and by not in X:
        for column in ("clinical__volume_cc", "volume_cc"):
            if column in X:
                return tertiles_of(X[column])
        raise EvaluationError(
            f"by={VOLUME_TERTILE!r}: the table has no column 'clinical__volume_cc'.",
            code="no_subgroups",
        )
    if by not in X:
        near = [column for column in X if str(column).endswith(f"__{by}")]
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise EvaluationError(
            f"by={by!r}: the table has no such column.{hint} A Series with the table's index works "
            "as well.",
            code="no_subgroups",
        )
    return X[by]


def hidden_groups(
    groups: dict[str, BoolArray],
    patients: IntArray,
    y: IntArray,
    min_patients: int,
    min_class: int,
) -> dict[str, str]:
    """Return the subgroups that are not shown, with the reason.

    A subgroup is hidden if it has fewer than ``min_patients`` patients, or fewer than
    ``min_class`` with a lesion of some class. All of the cohort is shown, so one hidden subgroup
    is what is left when the others are taken away: where those hidden would together still be too
    few, or are one alone, the smallest that is shown is hidden as well, until they are not.

    Examples
    --------
    >>> patients = np.arange(40)
    >>> groups = {"a": patients < 4, "b": (patients >= 4) & (patients < 16), "c": patients >= 16}
    >>> hidden_groups(groups, patients, patients % 2, 10, 2)
    {'a': 'fewer than 10 patients', 'b': 'hidden, or a small subgroup could be told'}
    """

    def counts(inside: BoolArray) -> tuple[int, int]:
        of_class = [len(np.unique(patients[inside & (y == value)])) for value in (0, 1)]
        return len(np.unique(patients[inside])), min(of_class)

    def shortfall(inside: BoolArray) -> str:
        n_patients, n_class = counts(inside)
        if n_patients < min_patients:
            return f"fewer than {min_patients} patients"
        if n_class < min_class:
            return f"fewer than {min_class} patients of a class"
        return ""

    hidden = {name: reason for name, inside in groups.items() if (reason := shortfall(inside))}
    left = sorted(groups.keys() - hidden.keys(), key=lambda name: (counts(groups[name]), name))
    while hidden and left:
        together = np.logical_or.reduce([groups[name] for name in hidden])
        if len(hidden) > 1 and not shortfall(together):
            break
        hidden[left.pop(0)] = "hidden, or a small subgroup could be told"
    return {name: hidden[name] for name in groups if name in hidden}
