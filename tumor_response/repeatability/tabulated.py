"""From repeated values of some columns to one row for each column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.repeatability.agreement import Agreement, ccc, icc
from tumor_response.repeatability.complete import FloatArray
from tumor_response.repeatability.within_subject import (
    repeatability_coefficient,
    within_subject_cv,
)

__all__ = ["STATISTICS", "agreement_rows"]

STATISTICS = ("icc_11", "icc_21", "icc_31", "ccc", "wcv", "rc")
"""Each has a column of its name, and its limits in ``<name>_low`` and ``<name>_high``."""


def agreement_rows(
    values: FloatArray, applies: npt.NDArray[np.bool_], confidence: float
) -> pd.DataFrame:
    """Return all statistics of repeated values, one row per column, in their order.

    Parameters
    ----------
    values : array of shape (n_cases, n_repeats, n_columns)
        The first repeat is the one that ``shift_sd`` compares the others with.
    applies : array of bool, shape (n_repeats, n_columns)
        Repeats that mean nothing to a column are left out of it; a column that has one alone gets
        the reason ``not_applicable``.
    confidence
        Of the intervals.

    Raises
    ------
    RobustnessError
        As :func:`icc`.

    Examples
    --------
    >>> values = np.array([[1.0, 1.5], [2.0, 2.5], [4.0, 4.5]])[:, :, None]
    >>> found = agreement_rows(values, np.ones((2, 1), dtype=bool), 0.95)
    >>> found[["icc_31", "shift_sd", "n_cases"]].round(2).to_dict("records")
    [{'icc_31': 1.0, 'shift_sd': 0.33, 'n_cases': 3}]
    """
    parts = []
    patterns, of_column = np.unique(applies, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        columns = np.flatnonzero(of_column.ravel() == number)
        some = values[:, pattern][:, :, columns]
        rows = _statistics(some, confidence) if pattern.sum() > 1 else _nothing(len(columns))
        parts.append(rows.set_index(columns))
    return pd.concat(parts).sort_index()


def _statistics(values: FloatArray, confidence: float) -> pd.DataFrame:
    first = icc(values, "1,1", confidence=confidence)
    found: Sequence[Agreement] = (
        first,
        icc(values, "2,1", confidence=confidence),
        icc(values, "3,1", confidence=confidence),
        ccc(values, confidence=confidence),
        within_subject_cv(values, confidence=confidence),
        repeatability_coefficient(values, confidence=confidence),
    )
    rows: dict[str, object] = {}
    for name, one in zip(STATISTICS, found, strict=True):
        rows |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    rows |= {
        "shift_sd": _shift(values),
        "n_cases": first.n_subjects,
        "n_left_out": first.n_dropped,
        "n_repeats": values.shape[1],
        "n_failed": (~np.isfinite(values)).sum(axis=(0, 1)),
        "reason": first.reason,
        "wcv_reason": found[STATISTICS.index("wcv")].reason,
    }
    return pd.DataFrame(rows)


def _nothing(n_columns: int) -> pd.DataFrame:
    names = [f"{name}{end}" for name in STATISTICS for end in ("", "_low", "_high")]
    rows: dict[str, object] = dict.fromkeys([*names, "shift_sd"], np.full(n_columns, np.nan))
    rows |= dict.fromkeys(["n_cases", "n_left_out", "n_repeats", "n_failed"], 0)
    rows |= dict.fromkeys(["reason", "wcv_reason"], "not_applicable")
    return pd.DataFrame(rows)


def _shift(values: FloatArray) -> FloatArray:
    """How far the others lie from the first repeat on average, in SDs between cases."""
    complete = np.asarray(np.isfinite(values).all(axis=1))
    n = complete.sum(axis=0)
    kept = np.where(complete[:, None], values, 0.0)
    reference = kept[:, 0]
    apart = (kept[:, 1:] - kept[:, :1]).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        around = np.where(complete, reference - reference.sum(axis=0) / n, 0.0)
        spread = np.sqrt((around**2).sum(axis=0) / (n - 1))
        shift = apart.sum(axis=0) / n / spread
    defined: FloatArray = np.where(np.isfinite(shift) & (n > 1), shift, np.nan)
    return defined
