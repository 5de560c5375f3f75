"""Rows that nobody measured: made between two patients, as oversampling makes them."""

from __future__ import annotations

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

__all__ = ["made_rows"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LEAST_COLUMNS = 5
_LEAST_DISTINCT = 0.8
_LEAST_MADE = 2
_MOST_DIRECTIONS = 24
_MOST_NEAR = 150
_STRAIGHT = 1e-13
"""One plus the cosine between the ways to two others: an angle of less than a millionth."""
_FLAT = 1e-6


def made_rows(study: LookedAt) -> Checked:
    """Look for rows on the straight line between two others, in all columns at once.

    Synthetic minority oversampling (Chawla et al. 2002, JAIR 16:321) takes one share of the way
    for all columns, so that a row it made lies on that line but for rounding. A projection of all
    columns on a few directions keeps lines straight; in four dimensions or more chance has three
    rows on a line to a millionth never.
    """
    check = "rows on the straight line between two others"
    numbers = study.numbers
    complete = np.isfinite(numbers.values).all(axis=0)
    apart = numbers.n_distinct >= _LEAST_DISTINCT * numbers.n_known
    values = numbers.values[:, complete & apart]
    spread = values.std(axis=0)
    values, spread = values[:, spread > 0], spread[spread > 0]
    flat = f"{values.shape[1]} complete columns of different numbers: too few"
    if values.shape[1] < _LEAST_COLUMNS or len(values) < _LEAST_COLUMNS:
        return Checked(check, NOT_CHECKABLE, flat)
    z = (values - values.mean(axis=0)) / spread
    if z.shape[1] > _MOST_DIRECTIONS:
        rng = np.random.default_rng(0)
        z = z @ rng.normal(size=(z.shape[1], _MOST_DIRECTIONS))
        z -= z.mean(axis=0)
    sizes = np.linalg.svd(z, compute_uv=False)
    if (sizes > _FLAT * sizes[0]).sum() < _LEAST_COLUMNS - 1:
        return Checked(check, NOT_CHECKABLE, "the columns follow one another, on lines themselves")
    made = [row for row in range(len(z)) if _is_between(z, row)]
    if len(made) >= _LEAST_MADE:
        names = study.frame.index.get_level_values("patient_id")
        said = f"{len(made)} of {len(z)} rows, in {values.shape[1]} columns at once: oversampled"
        return Checked(check, FAULT, said, shown([str(names[row]) for row in made]))
    return Checked(check, PASSED, f"none of {len(z)} rows")


def _is_between(z: FloatArray, row: int) -> bool:
    """Tell whether two others lie in exactly opposite directions."""
    ways = z - z[row]
    length = np.sqrt((ways**2).sum(axis=1))
    others = np.nonzero(length > _FLAT)[0]  # a copy lies in no direction
    others = others[np.argsort(length[others], kind="stable")[:_MOST_NEAR]]
    ways = ways[others] / length[others, None]
    return bool(len(ways) > 1 and (ways @ ways.T).min() < _STRAIGHT - 1)
