"""Numbers as a reader wants to meet them: few digits, an interval beside each, no bare NaN."""

from __future__ import annotations

import math
from numbers import Integral, Real

__all__ = ["figure_text", "interval_text", "number_text"]

_NOTHING = "\N{EN DASH}"


def number_text(value: object, digits: int = 3) -> str:
    """Return a value for a cell: whole numbers whole, others with so many significant digits.

    Examples
    --------
    >>> [number_text(value) for value in (12345, 0.123456, 1234.6, float("nan"), None, "T2")]
    ['12,345', '0.123', '1,235', '–', '–', 'T2']
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return _NOTHING
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    number = float(value)
    if not math.isfinite(number):
        return _NOTHING if math.isnan(number) else str(number)
    if number and abs(number) < 1e-3:
        return f"{number:.{digits - 1}g}"
    decimals = digits if number == 0 else digits - 1 - math.floor(math.log10(abs(number)))
    return f"{number:,.{min(max(decimals, 0), digits)}f}"


def figure_text(value: object) -> str:
    """Return a measure with two decimals, as the report prints it.

    Examples
    --------
    >>> figure_text(0.7149), figure_text(float("nan"))
    ('0.71', '–')
    """
    if value is None or not isinstance(value, Real) or not math.isfinite(value):
        return _NOTHING
    return f"{float(value):.2f}".replace("-", "\N{MINUS SIGN}")


def interval_text(low: object, high: object) -> str:
    """Return an interval in words; where there is none it says so.

    Examples
    --------
    >>> interval_text(0.61, 0.805), interval_text(float("nan"), float("nan"))
    ('0.61 to 0.81', 'no interval')
    """
    low, high = figure_text(low), figure_text(high)
    return "no interval" if _NOTHING in (low, high) else f"{low} to {high}"
