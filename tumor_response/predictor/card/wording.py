"""Numbers and names as the card says them."""

from __future__ import annotations

import math
from typing import Any, Final

__all__ = ["END_POINTS", "MEASURES", "count", "interval", "number", "signed"]

MEASURES: Final = {"auc": "AUC", "r2": "R squared", "c": "C-index"}
END_POINTS: Final = {
    "rate_percent_per_day": "rate of shrinkage (% of the baseline volume per day)",
    "rate_cc_per_day": "rate of shrinkage (cc per day)",
    "shrinkage_percent": "shrinkage (% of the baseline volume)",
    "log_volume_ratio": "logarithm of the volume ratio",
    "sgr_per_day": "specific growth rate (per day)",
}


def number(value: Any) -> str:
    """Return a number to three digits.

    Examples
    --------
    >>> number(0.75123), number(None), number(float("inf"))
    ('0.751', 'not known', 'infinite')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "not known"
    if math.isinf(value):
        return "infinite"
    return f"{float(value):.3g}"


def signed(value: Any) -> str:
    """Return a difference with its sign.

    Examples
    --------
    >>> signed(0.0512), signed(None)
    ('+0.051', 'not known')
    """
    return "not known" if value is None else f"{float(value):+.3f}"


def interval(value: Any, low: Any, high: Any) -> str:
    """Return a value with its interval.

    Examples
    --------
    >>> interval(0.75, 0.6, 0.9), interval(0.75, None, None)
    ('0.75 (0.60 to 0.90)', '0.75 (no interval)')
    """
    if value is None:
        return "not known"
    if low is None or high is None:
        return f"{value:.2f} (no interval)"
    return f"{value:.2f} ({low:.2f} to {high:.2f})"


def count(n: Any, what: str) -> str:
    """Return so many of something.

    Examples
    --------
    >>> count(1, "patient"), count(60, "patient"), count(None, "patient")
    ('1 patient', '60 patients', 'an unknown number of patients')
    """
    if n is None:
        return f"an unknown number of {what}s"
    return f"{n} {what}" if n == 1 else f"{n:,} {what}s"
