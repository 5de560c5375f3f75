"""Traces of gaps that were filled from all rows: means, medians, neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Finding,
    shown,
)
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt, Numbers

__all__ = ["filled_findings", "is_fine"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_EQUAL = 1e-9
"""Of a standard deviation; sums differ by rounding."""

_ROUNDED = 2e-3
_MOST_NEIGHBOURS = 10
_LEAST_SHARE_DISTINCT = 0.9
_BY_CHANCE = 1e-4


def filled_findings(study: LookedAt) -> Iterator[Finding]:
    """Yield what the columns show of filled gaps."""
    check = "gaps filled from all rows"
    groups = {rows: [which] for rows, which in study.row_sets.items()}
    if study.classes is not None:
        known = study.classes.to_numpy(np.float64)
        groups["the rows of one class"] = [known == value for value in (0.0, 1.0)]
    numbers = study.numbers
    for rows, parts in groups.items():
        found: dict[str, str] = {}
        for part in parts:
            if part.sum() >= 8:
                found |= _repeated(numbers.rows(part), study.patients[part])
        if found:
            yield _told(check, found, rows)
            return
    found = _of_neighbours(numbers)
    if found:
        yield _told(check, found, "all rows")
        return
    n_gaps = int(np.isnan(numbers.values).sum())
    if n_gaps:
        yield Finding(check, PASSED, f"no filled value was found; {n_gaps} gaps are still there")
    else:
        said = (
            "no value repeats a mean, a median or a mean of neighbours; what a regression filled "
            "in looks like any other value"
        )
        yield Finding(check, NOT_CHECKABLE, said)


def is_fine(values: FloatArray) -> bool:
    """Tell numbers with all their digits from rounded ones, whose values repeat by chance.

    Fine: fewer than half of them are whole multiples of a thousandth of their spread's order.

    Examples
    --------
    >>> is_fine(np.sqrt(np.arange(1.0, 30.0))), is_fine(np.arange(1.0, 30.0))
    (True, False)
    """
    spread = float(values.std())
    if not spread > 0:
        return False
    step = 10.0 ** (np.floor(np.log10(spread)) - 3)
    rounded = np.rint(values / step) * step
    return bool(np.mean(np.abs(values - rounded) < 1e-6 * step) < 0.5)


def _told(check: str, found: dict[str, str], rows: str) -> Finding:
    names, first = list(found), next(iter(found.values()))
    said = f"{len(names)} column(s) hold what looks filled in from {rows}: {first}"
    return Finding(check, FAULT, said, shown(names))


def _repeated(numbers: Numbers, patients: IntArray) -> dict[str, str]:
    """Return columns with a value that is the mean or the median of the others."""
    found, rounded = dict[str, str](), dict[str, str]()
    n_repeats, chance = 0, 0.0
    for name, column in zip(numbers.names, numbers.values.T, strict=True):
        known = _once_per_patient(column, patients)
        values, counts = np.unique(known, return_counts=True)
        if len(values) < 8 or len(values) < _LEAST_SHARE_DISTINCT * len(known):
            # a single value may fill many gaps: all others occur once
            if len(values) < 8 or (counts > 1).sum() != 1:
                continue
        fine = is_fine(values)
        mean, spread = known.mean(), known.std()
        equal = values[np.abs(values - mean) < _EQUAL * spread]
        if fine and len(equal):
            n = int((known == equal[0]).sum())
            found[name] = f"{n} value(s) are the mean, {equal[0]:.6g}"
            continue
        repeated = np.nonzero(counts > 1)[0]
        n_repeats += len(repeated)
        chance = max(chance, 2.0 / len(known))
        if len(repeated) != 1 or values[repeated[0]] == np.rint(values[repeated[0]]):
            continue
        value, n = values[repeated[0]], int(counts[repeated[0]])
        below, above = int((known < value).sum()), int((known > value).sum())
        # one more on one side: the median of an even number lies between two
        central = abs(below - above) <= (1 if n > 2 else 0)
        if fine and abs(value - mean) < _ROUNDED * spread:
            found[name] = f"{n} values are the mean, {value:.6g}, and no other value repeats"
        elif central:
            said = f"{n} values are the median, {value:.6g}, and no other value repeats"
            (found if fine else rounded)[name] = said
    # rounded values repeat by themselves, and some of them in the middle
    if rounded and binom.sf(len(rounded) - 1, max(n_repeats, 1), min(chance, 1.0)) < _BY_CHANCE:
        found |= rounded
    return found


def _once_per_patient(column: FloatArray, patients: IntArray) -> FloatArray:
    """Return the known values, those that a patient's lesions share once."""
    known = np.isfinite(column)
    pairs = np.unique(np.column_stack([patients[known].astype(np.float64), column[known]]), axis=0)
    return pairs[:, 1]


def _of_neighbours(numbers: Numbers) -> dict[str, str]:
    """Return columns with values that are the mean of the nearest rows' values.

    Distances are taken over all other columns, raw and standardised.
    """
    continuous = numbers.take(numbers.is_continuous)
    raw = continuous.values
    if raw.shape[1] < 2 or len(raw) <= _MOST_NEIGHBOURS + 1:
        return {}
    found: dict[str, str] = {}
    mean, spread = np.nanmean(raw, axis=0), np.nanstd(raw, axis=0)
    filled = np.where(np.isfinite(raw), raw, mean)
    scaled = (filled - mean) / np.where(spread > 0, spread, 1.0)
    for space in (filled, scaled):
        square = (space**2).sum(axis=1)
        distance = square[:, None] + square - 2 * space @ space.T
        for at, name in enumerate(continuous.names):
            values = raw[:, at]
            if name in found or not np.isfinite(values).all() or not is_fine(values):
                continue
            without = distance - (space[:, at][:, None] - space[:, at]) ** 2
            np.fill_diagonal(without, np.inf)
            ordered = values[_nearest(without)]
            means = np.cumsum(ordered, axis=1) / np.arange(1, _MOST_NEIGHBOURS + 1)
            equal = np.abs(means - values[:, None]) < _EQUAL * spread[at]
            equal[:, 0] = False
            equal &= ~(ordered == values[:, None]).any(axis=1)[:, None]  # copies of a row
            if equal.any():
                n, k = int(equal.any(axis=1).sum()), int(equal.any(axis=0).argmax()) + 1
                found[name] = f"{n} value(s) are the mean of the {k} nearest rows' values"
    return found


def _nearest(distance: FloatArray) -> IntArray:
    """Return the nearest rows of each row, nearest first."""
    some = np.argpartition(distance, _MOST_NEIGHBOURS, axis=1)[:, :_MOST_NEIGHBOURS]
    order = np.argsort(np.take_along_axis(distance, some, axis=1), axis=1)
    nearest: IntArray = np.take_along_axis(some, order, axis=1)
    return nearest
