"""Numbers that a model brings along and that are statistics of all rows, test patients included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from tumor_response.evaluation.leakage.carried import fitted_parts, leaves
from tumor_response.evaluation.leakage.findings import FAULT, NOT_CHECKABLE, PASSED, Checked
from tumor_response.evaluation.leakage.state import differences, state_of

__all__ = ["brought_fits", "brought_statistics"]

FloatArray = npt.NDArray[np.float64]

_LEAST_COLUMNS = 3


def brought_statistics(model: Any, X: pd.DataFrame, name: str) -> Checked:
    """Look for means, medians, spreads and limits of all rows in an unfitted model.

    Parameters
    ----------
    model
        Unfitted.
    X
        What it is shown, all evaluated rows.
    name
        The model's.
    """
    check = "statistics of all rows in the model's parameters"
    numbers = X.select_dtypes("number")
    known = _statistics(numbers)
    for path, values in _vectors(model, list(map(str, numbers.columns))):
        for of, all_rows in known.items():
            there = np.isfinite(values) & np.isfinite(all_rows) & (all_rows != 0)
            there &= np.abs(all_rows) != 1
            n = int(there.sum())
            enough = n >= max(1, min(_LEAST_COLUMNS, len(values)))
            if enough and np.allclose(values[there], all_rows[there], rtol=1e-9, atol=0):
                said = f"{n} numbers equal the columns' {of} over all {len(X)} rows"
                return Checked(check, FAULT, said, f"{name}: {path}")
    return Checked(check, PASSED, "none found", name)


def brought_fits(model: Any, X: pd.DataFrame, y: npt.NDArray[Any], name: str) -> Iterator[Checked]:
    """Yield a finding for each step that arrives fitted, so that no resample refits it."""
    check = "steps that arrive fitted"
    parts = fitted_parts(model)
    if not parts:
        yield Checked(check, PASSED, "none; every step is fitted in each resample", name)
    for path, part in parts:
        own = state_of(part)
        refitted = None
        for columns in (X, X.select_dtypes("number")):
            try:
                refitted = clone(part).fit(columns, y)
            except Exception:  # noqa: S112 - any estimator, in its own words
                continue
            if not differences(own, state_of(refitted)):
                said = "fitted to all rows beforehand: fitting it anew to them gives the same state"
                yield Checked(check, FAULT, said, f"{name}: {path}")
                break
        else:
            said = "nobody can tell which patients it was fitted to"
            yield Checked(check, NOT_CHECKABLE, said, f"{name}: {path}")


def _statistics(numbers: pd.DataFrame) -> dict[str, FloatArray]:
    values = numbers.to_numpy(np.float64, na_value=np.nan)
    if not values.size:
        return {}
    with np.errstate(invalid="ignore", divide="ignore"):
        quarters = np.nanquantile(values, [0.25, 0.5, 0.75], axis=0)
        return {
            "means": np.nanmean(values, axis=0),
            "medians": quarters[1],
            "standard deviations": np.nanstd(values, axis=0),
            "standard deviations (n - 1)": np.nanstd(values, axis=0, ddof=1),
            "variances": np.nanvar(values, axis=0),
            "minima": np.nanmin(values, axis=0),
            "maxima": np.nanmax(values, axis=0),
            "interquartile ranges": quarters[2] - quarters[0],
        }


def _vectors(model: Any, columns: list[str]) -> Iterator[tuple[str, FloatArray]]:
    """Yield every vector of a number per column, in the order of the columns."""
    place = {name: at for at, name in enumerate(columns)}
    for path, leaf in leaves(model):
        if isinstance(leaf, pd.Series) and set(map(str, leaf.index)) & set(place):
            yield path, _by_name(dict(zip(map(str, leaf.index), leaf, strict=True)), place)
        elif leaf.ndim == 1 and len(leaf) == len(columns) and leaf.dtype.kind in "fiu":
            yield path, np.asarray(leaf, dtype=np.float64)
    for path, mapping in _mappings(model):
        if set(map(str, mapping)) & set(place):
            yield path, _by_name({str(key): value for key, value in mapping.items()}, place)


def _by_name(given: Mapping[str, Any], place: Mapping[str, int]) -> FloatArray:
    values = np.full(len(place), np.nan)
    for name, value in given.items():
        if name in place and isinstance(value, (int, float, np.number)):
            values[place[name]] = float(value)
    return values


def _mappings(model: Any) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    if hasattr(model, "get_params"):
        for path, value in model.get_params(deep=True).items():
            if isinstance(value, Mapping):
                yield path, value
                yield from (
                    (f"{path}[{k!r}]", v) for k, v in value.items() if isinstance(v, Mapping)
                )
