"""Traces of cut-points that all rows decided: of the outcome, and of predictors."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    shown,
)
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt
from tumor_response.outcomes import SHRANK_SIGN

__all__ = ["cut_findings"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_STATISTICS: dict[str, Callable[[FloatArray], float]] = {
    "median": lambda v: float(np.median(v)),
    "mean": lambda v: float(v.mean()),
    "lower tertile": lambda v: float(np.quantile(v, 1 / 3)),
    "upper tertile": lambda v: float(np.quantile(v, 2 / 3)),
    "lower quartile": lambda v: float(np.quantile(v, 0.25)),
    "upper quartile": lambda v: float(np.quantile(v, 0.75)),
}


def cut_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield whether classes, or predictors of two values, follow a cut of all rows."""
    yield _of_outcome(study)
    yield _of_predictors(study)


def _of_outcome(study: LookedAt) -> Checked:
    check = "a cut of the outcome that all rows decide"
    if study.classes is None:
        return Checked(check, PASSED, "the outcome is not cut into two classes")
    if not study.is_finished:
        return Checked(check, PASSED, "the cut is fitted to the training rows of each resample")
    label = study.classes.to_numpy(np.float64, na_value=np.nan)
    given = study.y.attrs.get("cut"), study.y.attrs.get("by")
    columns = (
        {}
        if study.outcomes is None
        else {
            str(name): study.outcomes[name].to_numpy(np.float64, na_value=np.nan)
            for name in study.outcomes.select_dtypes("number")
            if name in SHRANK_SIGN or study.outcomes.shape[1] == 1
        }
    )
    for name, values in columns.items():
        if given[1] is not None and name != given[1]:
            continue
        if (gap := _gap(values, label)) is None:
            continue
        of = _statistic_in(values[np.isfinite(values)], gap, given[0])
        if of is not None:
            said = f"the classes are those of {name} cut at the {of} of all rows"
            return Checked(check, FAULT, f"{said}; give the end point itself with label=", name)
        said = f"the classes follow {name}, cut between {gap[0]:.6g} and {gap[1]:.6g}, no statistic"
        return Checked(check, PASSED, said, name)
    n1, n0 = int((label == 1).sum()), int((label == 0).sum())
    even = (
        "; as many of one class as of the other, as a median makes them" if abs(n1 - n0) < 2 else ""
    )
    missing = "without the end point" if not columns else "no end point gives these classes"
    said = f"classes cut beforehand, {n1} and {n0}{even}; {missing} nobody can tell by which rows"
    return Checked(check, NOT_CHECKABLE, said)


def _gap(values: FloatArray, label: FloatArray) -> tuple[float, float] | None:
    """Return the interval of cuts that give these classes, low end first; None for no cut."""
    there = np.isfinite(values) & np.isfinite(label)
    one, other = values[there & (label == 1)], values[there & (label == 0)]
    if not (len(one) and len(other)):
        return None
    if one.min() >= other.max() and one.min() > other.min():
        return float(other.max()), float(one.min())
    if other.min() >= one.max() and other.max() > one.min():
        return float(one.max()), float(other.min())
    return None


def _statistic_in(values: FloatArray, gap: tuple[float, float], cut: object) -> str | None:
    """Return which statistic of the values the cut is; None for none.

    The gap between two neighbours holds whole numbers as well as statistics; a number that
    somebody would choose beforehand is believed.
    """
    if isinstance(cut, (int, float)) and np.isfinite(cut):
        close = 1e-9 * max(1.0, float(np.abs(values).max()))
        found = {n: abs(of(values) - cut) <= close for n, of in _STATISTICS.items()}
        return next((name for name, yes in found.items() if yes), None)
    inside = [name for name, of in _STATISTICS.items() if gap[0] <= of(values) <= gap[1]]
    return inside[0] if inside and not _holds_round_number(*gap) else None


def _holds_round_number(low: float, high: float) -> bool:
    """Tell whether a number of one digit lies between the ends."""
    size = max(abs(low), abs(high))
    step = 10.0 ** np.floor(np.log10(size)) if size > 0 else 1.0
    return bool(np.floor(high / step) > np.floor(low / step) or low <= 0 <= high)


def _of_predictors(study: LookedAt) -> Checked:
    """Look for columns of two values that are another column cut where the outcome says."""
    check = "predictors cut where all rows say"
    numbers = study.numbers
    flags = np.nonzero((numbers.n_distinct == 2) & (numbers.n_known > 0))[0]
    continuous = np.nonzero(numbers.is_continuous)[0]
    label = None if study.classes is None else study.classes.to_numpy(np.float64, na_value=np.nan)
    found: dict[str, str] = {}
    n_pairs = 0
    for flag in flags:
        column = numbers.values[:, flag]
        two = (column == np.nanmax(column)).astype(np.float64)
        two[np.isnan(column)] = np.nan
        for at in continuous:
            values = numbers.values[:, at]
            if (gap := _gap(values, two)) is None:
                continue
            n_pairs += 1
            known = values[np.isfinite(values)]
            of = _statistic_in(known, gap, None)
            if of is None and label is not None and _is_best(values, label, gap):
                of = "best point for the outcome"
            if of is not None:
                found[numbers.names[flag]] = f"{numbers.names[at]} at the {of} of all rows"
    if found:
        said = (
            f"{len(found)} column(s) are another one cut by all rows: {next(iter(found.values()))}"
        )
        return Checked(check, FAULT, said, shown(found))
    if n_pairs:
        return Checked(check, PASSED, f"{n_pairs} column(s) are another one cut, at no statistic")
    if len(flags):
        said = f"{len(flags)} column(s) of two values, and what they were cut from is not here"
        return Checked(check, NOT_CHECKABLE, said)
    return Checked(check, PASSED, "no column has two values only")


def _is_best(values: FloatArray, label: FloatArray, gap: tuple[float, float]) -> bool:
    """Tell whether a cut has the largest Youden index of all cuts of a column."""
    there = np.isfinite(values) & np.isfinite(label)
    order = np.argsort(values[there], kind="stable")
    ordered, y = values[there][order], label[there][order]
    if not 0 < y.sum() < len(y):
        return False
    youden = np.abs(np.cumsum(y) / y.sum() - np.cumsum(1 - y) / (1 - y).sum())
    youden[:-1][ordered[1:] == ordered[:-1]] = -1  # no cut between equal values
    at = int(np.searchsorted(ordered, gap[0], side="right")) - 1
    # several cuts may be equally good
    return bool(0 <= at < len(youden) - 1 and youden[at] >= youden[:-1].max() - 1e-9)
