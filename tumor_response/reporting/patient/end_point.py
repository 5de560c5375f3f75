"""What is predicted, in words that a tumour board uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tumor_response.outcomes.end_points import SHRANK_SIGN
from tumor_response.reporting.parts import number

__all__ = ["EndPoint"]

_PER = {"day": "per day", "fraction": "per fraction", "gy": "per gray"}


@dataclass(frozen=True)
class EndPoint:
    """An end point and the cut between its classes.

    Parameters
    ----------
    name
        As the outcome table calls it; ``""``: not known.
    cut
        In its unit; None: a rate, or classes that were given.
    rule
        How the cut came about, such as ``"median"``.
    adjusted
        Whether the cut is on what was left after the baseline was allowed for.

    Examples
    --------
    >>> EndPoint("rate_percent_per_day", 1.2, "median").more("shrink")
    'shrink by more than 1.20 % of the baseline volume per day'
    >>> EndPoint("log_volume_ratio", -0.5).more("shrink")
    'shrink to less than 61 % of the baseline volume'
    >>> EndPoint("rate_cc_per_day").amount(0.25)
    '0.25 cc per day'
    """

    name: str = ""
    cut: float | None = None
    rule: str = ""
    adjusted: bool = False

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> EndPoint:
        """Return the end point of a predictor's state."""
        label = told.get("label") or {}
        name = label.get("by") or told.get("name") or ""
        cut = told.get("cut")
        usual = not label or label.get("rule") == "ResponderCut"
        asked = label.get("cut", "")
        return cls(
            str(name),
            None if cut is None else float(cut),
            asked if isinstance(asked, str) else "fixed",
            not usual,
        )

    @property
    def sign(self) -> int:
        """+1 where a larger value means more shrinkage, -1 where a smaller one does, 0: unknown."""
        return SHRANK_SIGN.get(self.name, 0)

    @property
    def is_amount(self) -> bool:
        """Whether a tumour may be said to shrink by so much of it."""
        return bool(self.sign) and not self.name.startswith(("log_", "sgr_"))

    def more(self, verb: str) -> str:
        """Return what class 1 is, with the verb in the form given: "shrink", "shrank"."""
        if self.cut is None:
            be = {"shrink": "be", "shrank": "were"}.get(verb, "be")
            return f"{be} of class 1"
        if self.adjusted:
            return f"{verb} more than expected of its baseline"
        if not self.sign:
            return f"{verb} by more than the cut of {self.cut:.3g}"
        if self.name == "log_volume_ratio":
            return f"{verb} to less than {100 * math.exp(self.cut):.0f} % of the baseline volume"
        shrunk = self.cut * self.sign
        if shrunk < 0:
            grow = "grew" if verb == "shrank" else "grow"
            return f"{verb}, or {grow} by less than {self._in_unit(-shrunk)}"
        return f"{verb} by more than {self._in_unit(shrunk)}"

    def cut_in_words(self) -> str:
        """Return where the cut comes from, as a sentence."""
        if self.cut is None:
            return (
                "Class 1 and class 0 were given when the model was fitted; how they were made is "
                "not known here."
            )
        source = {
            "median": "the median of the training tumours: half of them shrank more",
            "upper_tertile": "the upper third of the training tumours: a third of them shrank more",
            "lower_tertile": "the lower third of the training tumours: two thirds shrank more",
        }.get(self.rule, "fixed beforehand")
        return f"The cut is {source}."

    def amount(self, value: float) -> str:
        """Return a value of the end point with its unit; of one that is not known, bare."""
        return self._in_unit(value) if self.sign else number(value)

    def briefly(self, value: float) -> str:
        """Return an amount for a table, which does not say what it is a share of."""
        return self.amount(value).replace(" of the baseline volume", "")

    def _in_unit(self, value: float) -> str:
        base, _, per = self.name.partition("_per_")
        per = f" {_PER[per]}" if per in _PER else ""
        shown = number(value, _decimals(value))
        if base == "sgr":
            return f"a specific growth rate of {number(value, 4)}{per}"
        if base == "log_volume_ratio":
            return f"a log volume ratio of {shown}"
        unit = "cc" if base.endswith("_cc") else "% of the baseline volume"
        return f"{shown} {unit}{per}"


def _decimals(value: float) -> int:
    """Return the decimals of three significant figures: 0 to 3."""
    size = abs(value)
    return 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 or size == 0 else 3
