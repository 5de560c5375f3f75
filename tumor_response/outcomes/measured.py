"""The lesions of an outcome table that have an end point, and what it was computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.end_points import DENOMINATORS, sign_of

__all__ = ["MOST_OBSERVER_MM", "MeasuredLesions", "end_point", "measured_lesions", "observer_sds"]

MOST_OBSERVER_MM = 10.0
"""SD of one observer's contour above which nothing is measured; it is in another unit."""

Array = npt.NDArray[np.float64]

_OF_VOLUMES: dict[str, Callable[[Array, Array], Array]] = {
    "volume_change_cc": lambda v0, v1: v1 - v0,
    "volume_change_percent": lambda v0, v1: 100.0 * (v1 - v0) / v0,
    "shrinkage_percent": lambda v0, v1: 100.0 * (v0 - v1) / v0,
    "log_volume_ratio": lambda v0, v1: np.log(v1 / v0),
    "sgr": lambda v0, v1: np.log(v1 / v0),
    "rate_percent": lambda v0, v1: 100.0 * (v0 - v1) / v0,
    "rate_cc": lambda v0, v1: v0 - v1,
}
"""The formulas of :func:`tumor_response.outcomes.end_points.changes` for arrays (a test holds the
two together)."""


def _parts(by: str) -> tuple[str, str | None]:
    """Return what an end point is of, and per what, e.g. ``("rate_cc", "day")``."""
    quantity, per, unit = by.rpartition("_per_")
    return (quantity, unit) if per else (by, None)


def end_point(by: str, v0_cc: Array, v1_cc: Array, amount: Array) -> Array:
    """Return an end point from volumes of any shape; ``amount`` is the days, fractions or gray.

    Examples
    --------
    >>> import numpy as np
    >>> end_point("rate_percent_per_day", np.array([20.0]), np.array([15.0]), np.array([10.0]))
    array([2.5])
    """
    quantity, unit = _parts(by)
    value = _OF_VOLUMES[quantity](v0_cc, v1_cc)
    return value if unit is None else value / amount


@dataclass(frozen=True, eq=False)
class MeasuredLesions:
    """Lesions that have the end point ``by``; arrays of shape (n,) in the order of the table.

    ``known`` has one entry per row of the table, true for the rows that are here.
    """

    by: str
    known: npt.NDArray[np.bool_]
    v0_cc: Array
    v1_cc: Array
    amount: Array
    value: Array

    @property
    def gone(self) -> npt.NDArray[np.bool_]:
        """Complete responses: there is no follow-up contour to be off."""
        return np.asarray(self.v1_cc == 0)

    def log_response(self, v0_cc: Array, v1_cc: Array) -> Array:
        """Return ln(V1 / V0) per amount for volumes of these lesions; 0 for those that are gone."""
        ratio = np.where(self.gone, 1.0, v1_cc / v0_cc)
        return np.asarray(np.log(ratio) / self.amount)


def measured_lesions(outcomes: pd.DataFrame, by: str) -> MeasuredLesions:
    """Take volumes and amounts out of an outcome table, checked against the end point.

    Raises
    ------
    OutcomeError
        ``by`` is no end point or a needed column is absent; no row has a value
        (``no_outcome``); or the values do not follow from the volumes (``outcome_inconsistent``).
    """
    sign_of(by)
    _, unit = _parts(by)
    amounts = [] if unit is None else _amount_columns(outcomes, unit)
    needed = [by, "volume_baseline_cc", "volume_follow_up_cc"]
    missing = [name for name in needed if name not in outcomes.columns]
    if missing or (unit is not None and not amounts):
        if not missing:
            missing = [
                "interval_days or treatment_days" if unit == "day" else DENOMINATORS[unit or ""]
            ]
        raise OutcomeError(
            f"The outcomes lack {', '.join(missing)}; the uncertainty of {by!r} is simulated from "
            "the volumes it was made of. Pass the table that tr.shrinkage returned."
        )
    if not outcomes.index.is_unique:
        raise OutcomeError("A lesion is in the outcomes twice; expected one row per lesion.")
    value = outcomes[by].to_numpy(dtype=float)
    known = ~np.isnan(value)
    if not known.any():
        raise OutcomeError(f"No lesion has a value of {by!r}.", code="no_outcome")
    v0, v1 = (outcomes[name].to_numpy(dtype=float)[known] for name in needed[1:])
    value = value[known]
    if not ((v0 > 0) & (v1 >= 0)).all():
        raise OutcomeError(
            f"{int((~((v0 > 0) & (v1 >= 0))).sum())} lesion(s) have a value of {by!r} and no "
            "positive baseline volume, or no follow-up volume.",
            code="outcome_inconsistent",
        )
    for amount in (
        [np.ones_like(v0)]
        if unit is None
        else [outcomes[name].to_numpy(dtype=float)[known] for name in amounts]
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = end_point(by, v0, v1, amount)
        if np.allclose(value, expected, rtol=1e-6, atol=1e-9):
            return MeasuredLesions(by, known, v0, v1, amount, value)
    off = ~np.isclose(value, expected, rtol=1e-6, atol=1e-9)
    first = int(np.flatnonzero(off)[0])
    raise OutcomeError(
        f"{by!r} does not follow from the volumes{f' and {amounts[-1]}' if amounts else ''} of "
        f"{int(off.sum())} lesion(s), first {outcomes.index[known][first]!r}: received "
        f"{value[first]:.6g}, expected {expected[first]:.6g}. Check sign and unit, or pass the "
        "table that tr.shrinkage returned.",
        code="outcome_inconsistent",
    )


def _amount_columns(outcomes: pd.DataFrame, unit: str) -> list[str]:
    """Return the columns that may count the unit; for days the one the table says, if it does."""
    if unit != "day":
        names = [DENOMINATORS[unit]]
    elif (said := outcomes.attrs.get("days")) is not None:
        names = [str(said)]
    else:  # attrs are lost in a CSV; which days they were shows in the values
        names = ["interval_days", "treatment_days"]
    return [name for name in names if name in outcomes.columns]


def observer_sds(
    outcomes: pd.DataFrame,
    observer_sd_mm: float | str | pd.Series,
    known: npt.NDArray[np.bool_],
) -> Array:
    """Return each measured lesion's observer SD from a number, a column's name or a Series.

    Raises
    ------
    OutcomeError
        Code ``observer_sd``: negative, above :data:`MOST_OBSERVER_MM`, not finite, or not there for
        every lesion with an outcome.
    """
    if isinstance(observer_sd_mm, str):
        if observer_sd_mm not in outcomes.columns:
            raise OutcomeError(
                f"observer_sd_mm={observer_sd_mm!r} is not a column of the outcomes; expected a "
                "number in mm, a column or a Series by lesion.",
                code="observer_sd",
            )
        observer_sd_mm = outcomes[observer_sd_mm]
    if isinstance(observer_sd_mm, pd.Series):
        if not observer_sd_mm.index.is_unique:
            raise OutcomeError("observer_sd_mm: a lesion is there twice.", code="observer_sd")
        sds = observer_sd_mm.reindex(outcomes.index).to_numpy(dtype=float)[known]
    else:
        sds = np.full(int(known.sum()), float(observer_sd_mm))
    bad = ~(np.isfinite(sds) & (sds >= 0) & (sds <= MOST_OBSERVER_MM))
    if bad.any():
        raise OutcomeError(
            f"observer_sd_mm: {int(bad.sum())} of {len(sds)} lesions with an outcome have none, or "
            f"one that is negative or above {MOST_OBSERVER_MM:g} mm, first "
            f"{outcomes.index[known][np.flatnonzero(bad)[0]]!r} with {sds[bad][0]:g}; expected mm, "
            f"0 to {MOST_OBSERVER_MM:g}.",
            code="observer_sd",
        )
    return sds
