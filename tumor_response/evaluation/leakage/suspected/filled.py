"""Traces of gaps that were filled from all rows: means, medians, neighbours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
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
_LEAST_VALUES = 3
_LEAST_SPIKE = 4
_MOST_REPEATED = 0.05
"""Of the other values, that may repeat: a site with few gaps, and chance among rounded numbers."""
_MOST_PARTS = 12
_WHOLE = 1e-6


def filled_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield what the columns show of filled gaps."""
    check = "gaps filled from all rows"
    found = _repeated(study) or _spikes(study)
    if not found:
        found = {name: ("all rows", said) for name, said in _of_neighbours(study.numbers).items()}
    n_gaps = int(np.isnan(study.numbers.values).sum())
    if found:
        rows, first = next(iter(found.values()))
        said = f"{len(found)} column(s) hold what looks filled in from {rows}: {first}"
        yield Checked(check, FAULT, said, shown(found))
    elif n_gaps:
        yield Checked(check, PASSED, f"no filled value was found; {n_gaps} gaps are still there")
    else:
        said = (
            "no value repeats a mean, a median or a mean of neighbours; what a regression filled "
            "in looks like any other value"
        )
        yield Checked(check, NOT_CHECKABLE, said)


def is_fine(values: FloatArray) -> bool:
    """Tell numbers with all their digits from rounded ones, whose values repeat by chance.

    Fine: fewer than half of them are whole multiples of the ten-millionth part of their spread, and
    they are not whole steps apart, as counts are even after they were scaled.

    Examples
    --------
    >>> is_fine(np.sqrt(np.arange(1.0, 30.0))), is_fine(np.arange(1.0, 30.0) / 100)
    (True, False)
    >>> is_fine(np.array([3.0, 5.0, 8.0, 9.0, 21.0]) / 7), is_fine(np.array([0.1 + 0.2, 0.3]))
    (False, False)
    """
    spread = float(values.std())
    if not spread > 0:
        return False
    step = 10.0 ** (np.floor(np.log10(spread)) - 7)
    rounded = np.rint(values / step) * step
    return bool(np.mean(np.abs(values - rounded) < 1e-3 * step) < 0.5) and not _is_grid(values)


def _is_grid(values: FloatArray) -> bool:
    """Tell whether all values are whole steps apart, of the smallest distance or a part of it."""
    apart = np.diff(np.unique(values))
    apart = apart[apart > 1e-12 * np.abs(values).max()]  # equal but for rounding
    if not len(apart):
        return True  # one value, and its neighbours by rounding
    steps = apart[:, None] / (apart.min() / np.arange(1, _MOST_PARTS + 1))
    return bool((np.abs(steps - np.rint(steps)) < _WHOLE).all(axis=0).any())


def _repeated(study: LookedAt) -> dict[str, tuple[str, str]]:
    """Return columns with a value that is the mean or the median of the others, and of whom."""
    found: dict[str, tuple[str, str]] = {}
    labels = None if study.classes is None else study.classes.to_numpy(np.float64)
    for at, name in enumerate(study.numbers.names):
        column = study.numbers.values[:, at]
        known = _once_per_patient(column, study.patients)
        values, counts = np.unique(known, return_counts=True)
        repeated = values[counts > 1]
        may_be_mean = (
            np.abs(values - known.mean()).min() < _ROUNDED * known.std() if len(values) else False
        )
        if len(values) < 8 or len(repeated) > 2 or not (len(repeated) or may_be_mean):
            continue
        if not is_fine(values):
            continue
        for rows, which in study.row_sets.items():
            if said := _filled_in(column[which], study.patients[which], repeated):
                found[name] = (rows, said)
                break
        else:
            if labels is not None and len(repeated):
                told = [  # both classes, or it is one site's lower limit, say
                    _filled_in(column[labels == v], study.patients[labels == v], inside)
                    for v in (0.0, 1.0)
                    if len(inside := repeated[np.isin(repeated, column[labels == v])])
                ]
                apart = not set(column[labels == 0]) & set(column[labels == 1]) & set(repeated)
                if apart and len(told) == 2 and all(told):
                    found[name] = ("the rows of one class", str(told[0]))
    return found


def _spikes(study: LookedAt) -> dict[str, tuple[str, str]]:
    """Return columns in which a value repeats as no other does, if there are several.

    Such as the medians of each site: no statistic of all rows, and yet no measurement.
    """
    found: dict[str, tuple[str, str]] = {}
    for at, name in enumerate(study.numbers.names):
        known = _once_per_patient(study.numbers.values[:, at], study.patients)
        values, counts = np.unique(known, return_counts=True)
        # a limit of detection lies at an end
        inside = (values > values[:1]) & (values < values[-1:]) & (values != np.rint(values))
        spikes = inside & (counts >= _LEAST_SPIKE)
        others = counts[~spikes]
        if spikes.any() and len(others) >= 8 and (others > 1).sum() <= _MOST_REPEATED * len(others):
            said = f"{counts[spikes].max()} values are {values[spikes][0]:.6g}, few others repeat"
            found[name] = ("some rows", said)
    return found if len(found) >= 2 else {}


def _filled_in(column: FloatArray, patients: IntArray, repeated: FloatArray) -> str | None:
    """Say how a value looks filled in, of numbers with all their digits; None if none does."""
    known = _once_per_patient(column, patients)
    if len(known) < 8:
        return None
    mean, spread = known.mean(), known.std()
    equal = known[np.abs(known - mean) < _EQUAL * spread]
    if len(equal):
        return f"{len(equal)} value(s) are the mean, {equal[0]:.6g}"
    if len(repeated) != 1 or repeated[0] == np.rint(repeated[0]):
        return None
    value = repeated[0]
    n = int((known == value).sum())
    if n > 1 and abs(value - mean) < _ROUNDED * spread:
        return f"{n} values are the mean, {value:.6g}, and no other value repeats"
    below, above = int((known < value).sum()), int((known > value).sum())
    # the median of an even number lies between two, and is none of them itself
    if n > 1 and below == above:
        return f"{n} values are the median, {value:.6g}, and no other value repeats"
    return None


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
    found: dict[str, npt.NDArray[np.bool_]] = {}
    mean, spread = np.nanmean(raw, axis=0), np.nanstd(raw, axis=0)
    filled = np.where(np.isfinite(raw), raw, mean)
    scaled = (filled - mean) / np.where(spread > 0, spread, 1.0)
    for space in (filled, scaled):
        square = (space**2).sum(axis=1)
        distance = square[:, None] + square - 2 * space @ space.T
        np.fill_diagonal(distance, np.inf)
        # one column moves nobody from far away among the nearest ten, unless there are few
        near = _nearest(distance, len(raw) - 1 if space.shape[1] < 50 else 3 * _MOST_NEIGHBOURS)
        apart = np.take_along_axis(distance, near, axis=1)
        for at, name in enumerate(continuous.names):
            values = raw[:, at]
            if name in found or not np.isfinite(values).all() or not is_fine(values):
                continue
            without = apart - (space[:, at][:, None] - space[near, at]) ** 2
            order = _nearest(without, _MOST_NEIGHBOURS)
            ordered = values[np.take_along_axis(near, order, axis=1)]
            means = np.cumsum(ordered, axis=1) / np.arange(1, _MOST_NEIGHBOURS + 1)
            equal = np.abs(means - values[:, None]) < _EQUAL * spread[at]
            equal[:, 0] = False
            equal &= ~(ordered == values[:, None]).any(axis=1)[:, None]  # copies of a row
            if equal.any():
                found[name] = equal
    if not found:
        return {}
    # whoever fills gaps so takes one number of neighbours; by chance it is any
    k = int(sum(equal.sum(axis=0) for equal in found.values()).argmax())
    n = {name: int(equal[:, k].sum()) for name, equal in found.items() if equal[:, k].any()}
    if sum(n.values()) < _LEAST_VALUES:
        return {}
    said = f"{sum(n.values())} value(s) are the mean of the {k + 1} nearest rows' values"
    return dict.fromkeys(n, said)


def _nearest(distance: FloatArray, n: int) -> IntArray:
    """Return the places of the ``n`` smallest of each row, smallest first."""
    n = min(n, distance.shape[1])
    some = np.argpartition(distance, n - 1, axis=1)[:, :n]
    order = np.argsort(np.take_along_axis(distance, some, axis=1), axis=1)
    nearest: IntArray = np.take_along_axis(some, order, axis=1)
    return nearest
