"""The end points of a lesion: their names, units and signs, and the formulas (docs/definitions.md).

Signs: ``volume_change_*``, ``log_volume_ratio`` and ``sgr_*`` are negative when a lesion shrank;
``shrinkage_percent`` and ``rate_*`` are positive when it shrank.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from tumor_response.exceptions import OutcomeError

__all__ = [
    "DENOMINATORS",
    "MOST_CC",
    "SHRANK_SIGN",
    "Days",
    "amounts_between",
    "began_before_baseline",
    "changes",
    "equivalent_diameter_mm",
    "sign_of",
]

MOST_CC = 20_000.0
"""A tumour of more would be 34 cm across: such a volume is in mm³."""

Days = Literal["interval_days", "treatment_days"]

DENOMINATORS = {"day": "", "fraction": "fractions", "gy": "dose_gy"}
"""What a rate is per, and the column that counts it; for days that is chosen by ``per=``."""

SHRANK_SIGN = {
    "volume_change_cc": -1,
    "volume_change_percent": -1,
    "log_volume_ratio": -1,
    "shrinkage_percent": 1,
    **{f"sgr_per_{unit}": -1 for unit in DENOMINATORS},
    **{f"rate_percent_per_{unit}": 1 for unit in DENOMINATORS},
    **{f"rate_cc_per_{unit}": 1 for unit in DENOMINATORS},
}
"""+1 where a larger value means more shrinkage, -1 where a smaller one does."""


def began_before_baseline(known: Mapping[str, object]) -> bool:
    """Say whether treatment began before the baseline scan.

    Treatment days, fractions and gray are then more than what lies between the two scans.

    Parameters
    ----------
    known
        ``interval_days`` and ``treatment_days``, if they are known.

    Examples
    --------
    >>> began_before_baseline({"interval_days": 28.0, "treatment_days": 31.0})
    True
    """
    days, treated = known.get("interval_days"), known.get("treatment_days")
    return isinstance(days, float) and isinstance(treated, float) and treated > days


def amounts_between(known: Mapping[str, object], per: str) -> dict[str, float]:
    """Return how many days, fractions and gray lie between the scans: what rates are per.

    Parameters
    ----------
    known
        Columns of an outcome table -> values; what is unknown is absent.
    per
        The column that counts the days.

    Returns
    -------
    dict
        Key of :data:`DENOMINATORS` -> amount. Where treatment began before the baseline scan,
        nothing that is counted from its beginning.

    Examples
    --------
    >>> amounts_between({"interval_days": 28.0, "fractions": 15.0}, "interval_days")
    {'day': 28.0, 'fraction': 15.0}
    >>> late = {"interval_days": 28.0, "treatment_days": 31.0, "fractions": 18.0}
    >>> amounts_between(late, "interval_days"), amounts_between(late, "treatment_days")
    ({'day': 28.0}, {})
    """
    columns = {**DENOMINATORS, "day": per}
    if began_before_baseline(known):
        columns = {"day": per} if per == "interval_days" else {}
    return {
        unit: value for unit, name in columns.items() if isinstance(value := known.get(name), float)
    }


def changes(v0_cc: float, v1_cc: float, amounts: Mapping[str, float]) -> dict[str, float]:
    """Return every end point that two volumes and the amounts of treatment between them define.

    Parameters
    ----------
    v0_cc, v1_cc
        Baseline and follow-up volume in cc; the first is positive, the second may be 0.
    amounts
        Key of :data:`DENOMINATORS` -> how many days, fractions or gray lie between the two. What
        is absent, not finite or not positive has no rate.

    Returns
    -------
    dict
        Names of :data:`SHRANK_SIGN`; without those that have no value (the logarithms of a
        complete response, rates per an unknown amount).

    Notes
    -----
    ``log_volume_ratio`` per day is the specific growth rate of Mehrara et al. (Cancer Research
    2007; 67: 3970).

    Examples
    --------
    >>> found = changes(20.0, 15.0, {"day": 10.0})
    >>> found["volume_change_percent"], found["rate_percent_per_day"], found["rate_cc_per_day"]
    (-25.0, 2.5, 0.5)
    >>> round(found["sgr_per_day"], 4)
    -0.0288
    >>> "log_volume_ratio" in changes(20.0, 0.0, {})
    False
    """
    shrinkage = 100.0 * ((v0_cc - v1_cc) / v0_cc)
    found = {
        "volume_change_cc": v1_cc - v0_cc,
        "volume_change_percent": -shrinkage,
        "shrinkage_percent": shrinkage,
    }
    if v1_cc > 0:
        found["log_volume_ratio"] = math.log(v1_cc / v0_cc)
    for unit in DENOMINATORS:
        amount = amounts.get(unit, math.nan)
        if not (math.isfinite(amount) and amount > 0):
            continue
        found[f"rate_percent_per_{unit}"] = shrinkage / amount
        found[f"rate_cc_per_{unit}"] = (v0_cc - v1_cc) / amount
        if v1_cc > 0:
            found[f"sgr_per_{unit}"] = found["log_volume_ratio"] / amount
    return found


def equivalent_diameter_mm(volume_cc: float) -> float:
    """Return the diameter of the sphere of this volume.

    Examples
    --------
    >>> round(equivalent_diameter_mm(0.5236), 2)
    10.0
    """
    return float((6000.0 * volume_cc / math.pi) ** (1.0 / 3.0))


def sign_of(by: object) -> int:
    """Return +1 if a larger value of the end point means more shrinkage, else -1.

    Raises
    ------
    OutcomeError
        If ``by`` is no end point.

    Examples
    --------
    >>> sign_of("rate_percent_per_day"), sign_of("volume_change_cc")
    (1, -1)
    """
    if not isinstance(by, str) or by not in SHRANK_SIGN:
        raise OutcomeError(
            f"{by!r} is no end point, so its sign is unknown; expected one of "
            f"{', '.join(SHRANK_SIGN)}. Name it with ResponderCut(cut, by=...)."
        )
    return SHRANK_SIGN[by]
