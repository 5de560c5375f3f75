"""Rows of a table replaced by noise: whoever is fitted without them cannot notice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.transformers import block_of, is_predictor

__all__ = ["noisy_outcome", "noisy_table"]

IntArray = npt.NDArray[np.int64]

_MISSING_SHARE = 0.05
_WIDE_BLOCK = 20
"""From this many columns on, gaps in a row's noise cannot empty the block."""


def noisy_table(frame: pd.DataFrame, rows: IntArray, seed: int) -> pd.DataFrame:
    """Return a copy in which the rows at these positions hold noise.

    Numbers come from normal distributions, each column's of another place and width, up to a
    thousand times its own, so that means, medians, ranges, ranks, correlations and filters fitted
    to them would all be others; in wide blocks some are missing. Categories, keys, dates and
    texts are drawn from those that occur: levels are declared with the table. What is missing
    stays missing, so that the same lesions are evaluated.

    Examples
    --------
    >>> frame = pd.DataFrame({"clinical__age": [50.0, 60.0, 70.0]})
    >>> noise = noisy_table(frame, np.array([2]), seed=0)
    >>> noise.iloc[:2].equals(frame.iloc[:2]), bool(noise.iloc[2, 0] == 70.0)
    (True, False)
    """
    rng = np.random.default_rng(seed)
    wide = _wide_columns(frame)
    changed: list[pd.Series] = []
    for place, name in enumerate(frame.columns):
        column = frame.iloc[:, place]
        values = column.to_numpy(copy=True)
        if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiu":
            noise = _numbers(values.astype(np.float64), len(rows), rng)
            if column.dtype.kind == "f":
                noise[(rng.random(len(rows)) < _MISSING_SHARE) & wide[place]] = np.nan
                noise[np.isnan(values[rows])] = np.nan
            else:
                limits = np.iinfo(str(column.dtype))
                noise = np.clip(np.rint(noise), limits.min / 2, limits.max / 2)
            values[rows] = noise.astype(column.dtype)
            changed.append(pd.Series(values, index=frame.index, name=name))
            continue
        drawn = column.copy()
        known = np.nonzero(column.notna().to_numpy())[0]
        there = rows[column.iloc[rows].notna().to_numpy()]
        if len(known):
            drawn.iloc[there] = column.iloc[rng.choice(known, len(there))].array
        changed.append(drawn)
    noisy: pd.DataFrame = pd.concat(changed, axis=1)
    noisy.columns = frame.columns
    return noisy


def noisy_outcome(outcome: pd.Series, rows: IntArray, seed: int) -> pd.Series:
    """Return a copy in which the rows at these positions have one of the two extreme outcomes.

    Three in four have the highest one that occurs, so that whatever cut, mean or share of
    responders is taken of them as well moves. Missing outcomes stay missing.

    Examples
    --------
    >>> noisy_outcome(pd.Series([0.0, 1.0, 5.0]), np.array([0, 1]), seed=0).tolist()
    [5.0, 5.0, 5.0]
    """
    known = outcome.iloc[rows].notna().to_numpy()
    extremes = [outcome.max(), outcome.min()]
    drawn = np.random.default_rng(seed).choice(extremes, len(rows), p=[0.75, 0.25])
    noisy = outcome.copy()
    noisy.iloc[rows[known]] = drawn[known]
    return noisy


def _numbers(
    values: npt.NDArray[np.float64], n: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    finite = values[np.isfinite(values)]
    spread = float(finite.std()) if finite.size else 0.0
    spread = spread if spread > 0 else max(1.0, abs(float(finite[0])) if finite.size else 1.0)
    centre = float(finite.mean()) if finite.size else 0.0
    width = 10.0 ** rng.uniform(0.0, 3.0)
    noise: npt.NDArray[np.float64] = centre + spread * width * rng.normal(0.5, 1.0, size=n)
    return noise


def _wide_columns(frame: pd.DataFrame) -> list[bool]:
    blocks = [block_of(str(name)) if is_predictor(str(name)) else "" for name in frame.columns]
    sizes = Counter(blocks)
    return [block != "" and sizes[block] >= _WIDE_BLOCK for block in blocks]
