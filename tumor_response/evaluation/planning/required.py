"""The answer to "how many patients?": the largest of several criteria, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real

import pandas as pd

from tumor_response.exceptions import SettingsError

__all__ = ["Criterion", "RequiredPatients", "check_between", "check_count", "whole_up"]


@dataclass(frozen=True)
class Criterion:
    """One demand on the number of patients.

    ``n`` is None where the criterion was not applied; ``detail`` then says why.
    """

    name: str
    n: int | None
    detail: str


@dataclass(frozen=True)
class RequiredPatients:
    """How many patients a study needs, by which criterion.

    Attributes
    ----------
    question : str
        What was asked, with every assumption.
    criteria : tuple of Criterion
        All demands, those that were not applied included.
    prevalence : float or None
        Anticipated share of responders; None for continuous outcomes.
    n_parameters : int or None
        Candidate parameters; None where a finished model is validated.
    remark : str
        What the numbers do not say.

    Examples
    --------
    >>> two = (Criterion("one", 100, "a"), Criterion("two", 250, "b"))
    >>> answer = RequiredPatients("A model of 5 parameters", two, 0.4, 5, "Nothing else.")
    >>> answer.n, answer.decided_by, answer.n_events
    (250, 'two', 100)
    """

    question: str
    criteria: tuple[Criterion, ...]
    prevalence: float | None
    n_parameters: int | None
    remark: str

    @property
    def n(self) -> int:
        """The largest demand."""
        return max(one.n for one in self.criteria if one.n is not None)

    @property
    def decided_by(self) -> str:
        """Name of the criterion with the largest demand."""
        return next(one.name for one in self.criteria if one.n == self.n)

    @property
    def n_events(self) -> int | None:
        """Responders expected among :attr:`n` patients; None for continuous outcomes."""
        return None if self.prevalence is None else whole_up(self.n * self.prevalence)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per ``criterion``: ``n`` (missing if not applied) and ``detail``."""
        return pd.DataFrame(
            {
                "criterion": [one.name for one in self.criteria],
                "n": pd.array([one.n for one in self.criteria], dtype="Int64"),
                "detail": [one.detail for one in self.criteria],
            }
        )

    def __str__(self) -> str:
        events = "" if self.n_events is None else f", {self.n_events:,} of them responders"
        lines = [f"{self.question}: {self.n:,} patients{events}."]
        for one in self.criteria:
            number = "not applied" if one.n is None else f"{one.n:,}"
            lines.append(f"  {one.name}: {number} ({one.detail})")
        lines.append(f"Decided by: {self.decided_by}.")
        lines.append(self.remark)
        return "\n".join(lines)


def check_between(name: str, value: object, low: float, high: float) -> None:
    """Refuse a number that is not strictly between two others."""
    if not (isinstance(value, Real) and low < float(value) < high):
        raise SettingsError(
            f"{name}={value!r}: expected a number above {low:g} and below {high:g}."
        )


def check_count(name: str, value: object, least: int) -> None:
    """Refuse what is no whole number of ``least`` or more."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise SettingsError(f"{name}={value!r}: expected a whole number of {least} or more.")


def whole_up(number: float) -> int:
    """Round up to whole patients, forgiving the last bits of a sum that is whole.

    Examples
    --------
    >>> whole_up(0.1 * 30), whole_up(3.01)
    (3, 4)
    """
    return math.ceil(number - 1e-9 * max(1.0, abs(number)))
