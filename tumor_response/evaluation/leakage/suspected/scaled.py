"""Traces of scales that were fitted to all rows: exact means, spreads, ranges, ranks, axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tumor_response.evaluation.leakage.findings import FAULT, PASSED, Checked, shown
from tumor_response.evaluation.leakage.suspected.looked_at import LookedAt, Numbers, quantiles

__all__ = ["scaled_findings"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_EXACT = 2e-5
"""Of a standard deviation: single precision, or five decimals. A column's mean comes so near 0 and
its standard deviation so near 1 by chance once in millions, even if both are expected there."""

_ROUNDED = 2e-3
"""The same after rounding to two or three decimals; then a fifth of the columns has to agree."""

_SHARE = 0.2
_LEAST_COLUMNS = 3
_UNCORRELATED = 1e-9


def scaled_findings(study: LookedAt) -> Iterator[Checked]:
    """Yield what the columns show of having been scaled, centred or turned together."""
    continuous = study.numbers.take(study.numbers.is_continuous)
    check = "columns scaled over all rows"
    for rows, which in study.row_sets.items():
        for how, columns in _scales(continuous.rows(which)).items():
            if columns.any():
                names = [n for n, yes in zip(continuous.names, columns, strict=True) if yes]
                said = f"{len(names)} of {len(continuous.names)} columns have {how} over {rows}"
                yield Checked(check, FAULT, said, shown(names))
                return
    said = (
        f"none of {len(continuous.names)} columns has the mean, spread, range or ranks of a scale"
    )
    yield Checked(check, PASSED, said)
    yield _turned(study, continuous)


def _scales(numbers: Numbers) -> dict[str, BoolArray]:
    """Return which columns bear which scale; several columns where chance could do it alone."""
    values = numbers.values
    nothing = np.zeros(values.shape[1], dtype=np.bool_)
    if not values.size:
        return {}
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, sd = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        n = numbers.n_known
        spreads = (sd, sd * np.sqrt(n / (n - 1)))
        low, middle, high = quantiles(values, (0.25, 0.5, 0.75))
        least, most = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        varies = sd > 0
        centred = varies & (np.abs(mean) < _EXACT * sd)
        unit = np.any([np.abs(s - 1) < _EXACT for s in spreads], axis=0)
        nearly = varies & (np.abs(mean) < _ROUNDED * sd)
        nearly &= np.any([np.abs(s - 1) < _ROUNDED for s in spreads], axis=0)
        square = np.sqrt(np.nansum(values**2, axis=0))
    return {
        "mean 0 and standard deviation 1": centred & unit,
        "mean 0 and standard deviation 1, rounded": _many(nearly, least=_LEAST_COLUMNS),
        # raw numbers that lie about 0 have a mean of 0 to five digits once in 60,000 columns
        "mean 0": varies & (np.abs(mean) < 1e-9 * sd) | _many(centred, least=_LEAST_COLUMNS),
        "standard deviation 1": _many(varies & unit, least=_LEAST_COLUMNS),
        "median 0 and interquartile range 1": varies
        & (np.abs(middle) < _EXACT)
        & (np.abs(high - low - 1) < _EXACT),
        "minimum 0 and maximum 1": _many(
            (np.abs(least) < 1e-9) & (np.abs(most - 1) < 1e-9), least=_LEAST_COLUMNS
        ),
        "minimum -1 and maximum 1": _many(
            (np.abs(least + 1) < 1e-9) & (np.abs(most - 1) < 1e-9), least=2
        ),
        "largest absolute value 1": _many(
            np.abs(np.maximum(most, -least) - 1) < 1e-9, least=_LEAST_COLUMNS
        ),
        "sum of squares 1": varies & (np.abs(square - 1) < 1e-9) if len(values) > 1 else nothing,
        "evenly spaced ranks": _ranks(values),
    }


def _many(columns: BoolArray, least: int) -> BoolArray:
    """Return the columns if they are enough of all, else none."""
    enough = columns.sum() >= max(least, _SHARE * len(columns))
    return columns if enough else np.zeros_like(columns)


def _ranks(values: FloatArray) -> BoolArray:
    """Say which columns without ties are ranks, or normal scores of ranks."""
    ordered = np.sort(values, axis=0)
    complete = np.isfinite(ordered).all(axis=0) & (len(ordered) >= 8)
    found = np.zeros(values.shape[1], dtype=np.bool_)
    if complete.any():
        chosen = ordered[:, complete]
        # the numbers 1 to n may be anything that was counted
        whole = (chosen == np.rint(chosen)).all(axis=0)
        # a quantile transformer holds the two ends of normal scores where they are finite
        found[complete] = (_even(chosen) | _even(norm.cdf(chosen)[1:-1])) & ~whole
    return found


def _even(ordered: FloatArray) -> BoolArray:
    """Say which columns rise by equal steps."""
    steps = np.diff(ordered, axis=0)
    return np.asarray((steps.min(axis=0) > 0) & (np.ptp(steps, axis=0) < 1e-6 * steps.mean(axis=0)))


def _turned(study: LookedAt, numbers: Numbers) -> Checked:
    """Look for columns without any correlation: components, or residuals, of all rows."""
    check = "components or residuals of all rows"
    for rows, which in study.row_sets.items():
        values = numbers.values[which]
        complete = np.isfinite(values).all(axis=0) & (values.std(axis=0) > 0)
        chosen = np.nonzero(complete)[0]
        if len(chosen) < 2 or len(values) < 8:
            continue
        z = values[:, chosen] - values[:, chosen].mean(axis=0)
        z /= np.sqrt((z**2).sum(axis=0))
        none = np.abs(z.T @ z) < _UNCORRELATED
        n_pairs = int(none.sum()) // 2
        if n_pairs:
            most = int(none.sum(axis=0).argmax())
            said = (
                f"{n_pairs} pair(s) of columns have a correlation of exactly 0 over {rows}, "
                f"{int(none[most].sum())} of them with one column"
            )
            return Checked(check, FAULT, said, repr(numbers.names[chosen[most]]))
    return Checked(check, PASSED, "no two columns have a correlation of exactly 0")
