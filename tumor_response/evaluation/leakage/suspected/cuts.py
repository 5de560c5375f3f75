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
    if study.fixed_cut is not None:
        return _of_number(check, study.y.to_numpy(np.float64, na_value=np.nan), study.fixed_cut)
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
    gaps = {name: gap for name, values in columns.items() if (gap := _gap(values, label))}
    if given[1] in gaps and isinstance(given[0], (int, float)):
        return _of_number(check, columns[given[1]], float(given[0]), given[1])
    if gaps:
        return _between(check, gaps, columns)
    n1, n0 = int((label == 1).sum()), int((label == 0).sum())
    even = (
        "; as many of one class as of the other, as a median makes them" if abs(n1 - n0) < 2 else ""
    )
    missing = "without the end point" if not columns else "no end point gives these classes"
    said = f"classes cut beforehand, {n1} and {n0}{even}; {missing} nobody can tell by which rows"
    return Checked(check, NOT_CHECKABLE, said)


def _of_number(check: str, values: FloatArray, cut: float, name: str = "") -> Checked:
    """Hold a cut that is known as a number against the statistics of all rows, to all digits."""
    known = values[np.isfinite(values)]
    close = 1e-9 * max(1e-3, float(np.abs(known).max()))
    of = next((n for n, of in _STATISTICS.items() if abs(of(known) - cut) <= close), None)
    is_round = _round_number(cut - close, cut + close) is not None
    if of is not None:
        said = f"the number {cut:.10g} is the {of} of all rows; give label= what is to be fitted"
        # of rounded end points a round number may be a median as well
        return Checked(check, NOT_CHECKABLE if is_round else FAULT, said, name)
    if is_round:
        return Checked(check, PASSED, f"the cut is {cut:.6g}, no statistic of all rows", name)
    said = (
        f"the cut is {cut:.6g}, no statistic of all rows; by which rows it was chosen is not said"
    )
    return Checked(check, NOT_CHECKABLE, said, name)


def _between(
    check: str, gaps: dict[str, tuple[float, float]], columns: dict[str, FloatArray]
) -> Checked:
    """Judge a cut of which only the two rows are known that it lies between.

    The gap holds other numbers as well as statistics. One that people choose beforehand, in any of
    the columns that order the patients alike, is as good an explanation.
    """
    found = {
        name: of
        for name, gap in gaps.items()
        if (of := _quantile_in(columns[name][np.isfinite(columns[name])], gap))
    }
    first, (low, high) = next(iter(gaps.items()))
    where = next(iter(found), first)
    chosen = {
        name: number for name, gap in gaps.items() if (number := _round_number(*gap)) is not None
    }
    if not found:
        said = f"the classes follow {first}, cut between {low:.6g} and {high:.6g}, no statistic"
        return Checked(check, PASSED, said, first)
    said = f"the classes are those of {where} cut at the {found[where]} of all rows"
    if chosen:
        name, number = next(iter(chosen.items()))
        said += f", and as well those of {name} cut at {number:g}; its attrs would say which"
        return Checked(check, NOT_CHECKABLE, said, where)
    return Checked(check, FAULT, f"{said}; give the end point itself with label=", where)


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


def _quantile_in(values: FloatArray, gap: tuple[float, float]) -> str | None:
    """Return which quantile of the values lies in a gap; None for none. Nobody cuts at a mean."""
    inside = (n for n, of in _STATISTICS.items() if n != "mean" and gap[0] <= of(values) <= gap[1])
    return next(inside, None)


def _round_number(low: float, high: float) -> float | None:
    """Return a number that people choose, of one digit or of two of which the last is 5.

    Examples
    --------
    >>> _round_number(34.7, 35.2), _round_number(-36.0, -34.0), _round_number(1.46, 1.47)
    (35.0, -35.0, None)
    """
    if low <= 0 <= high:
        return 0.0
    step = 5 * 10.0 ** (np.floor(np.log10(max(abs(low), abs(high)))) - 1)
    number = float(np.floor(high / step) * step)
    return number if number >= low else None


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
            of = None if _round_number(*gap) is not None else _quantile_in(known, gap)
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
