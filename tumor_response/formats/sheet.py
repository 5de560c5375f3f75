"""A table as other programs take it: plain columns, what each is, and why a value is missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from tumor_response.exceptions import TableError

__all__ = ["Kind", "Sheet", "Variable"]

Kind = Literal["number", "category", "text"]


@dataclass(frozen=True)
class Variable:
    """What one column is.

    Parameters
    ----------
    name
        Its name in the library, which the name map leads back to.
    label
        One sentence, with the unit.
    kind
        ``"number"`` (float64 or whole numbers), ``"category"`` (one of ``levels``) or ``"text"``.
    unit
        ``"mm"``, ``"cc"``, ``"HU"`` ...; ``""`` for none.
    levels
        The levels of a category, in order; their values are 1, 2, ... in programs that number
        them.
    value_labels
        Words for whole numbers, such as ``{0: "shrank less", 1: "shrank more"}``.

    Examples
    --------
    >>> Variable("clinical__age", "Age at the planning CT (years)", "number", unit="years").levels
    ()
    """

    name: str
    label: str
    kind: Kind
    unit: str = ""
    levels: tuple[str, ...] = ()
    value_labels: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sheet:
    """One table to be written.

    Parameters
    ----------
    name
        Of the file, without its ending: ``"features"``.
    label
        What the table is, in one sentence.
    frame
        Rows and columns, keys among the columns; the index says nothing. Missing values are NaN
        or ``None``.
    variables
        One per column, in order.
    reasons
        Of the frame's shape and columns, text: why a value is missing (``"mask_empty"``,
        ``"follow_up_missing"`` ...), ``""`` where it is not or nobody knows. None: nothing is
        known of any.

    Raises
    ------
    TableError
        If the parts do not belong together, two columns have one name (code
        ``names_repeated``), or a name is no text that UTF-8 can hold (``name_not_text``).
    """

    name: str
    label: str
    frame: pd.DataFrame
    variables: tuple[Variable, ...]
    reasons: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        names = [variable.name for variable in self.variables]
        twice = [name for name, times in Counter(names).items() if times > 1]
        strangers = [name for name in names if not _is_text(name)]
        if strangers:
            raise TableError(
                f"{self.name!r} has columns whose names are no text: {strangers[:3]!r}. Rename "
                "them.",
                code="name_not_text",
            )
        if twice:
            raise TableError(
                f"{self.name!r} has columns of the same name: {twice[:3]}. Rename them.",
                code="names_repeated",
            )
        if names != list(self.frame.columns):
            raise TableError(f"The variables of {self.name!r} are not its columns, in order.")
        if self.reasons is not None and (
            self.reasons.shape != self.frame.shape or names != list(self.reasons.columns)
        ):
            raise TableError(f"The reasons of {self.name!r} are not of its shape and columns.")


def _is_text(name: object) -> bool:
    return isinstance(name, str) and name == name.encode(errors="ignore").decode()
