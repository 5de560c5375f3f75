"""What a selecting step left out, and why: one table for all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["DROPPED_COLUMNS", "dropped_record"]

DROPPED_COLUMNS = ("reason", "because_of", "value")


def dropped_record(
    names: np.ndarray,
    left_out: np.ndarray,
    reason: str,
    value: np.ndarray,
    because_of: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return one row per column that was left out, in the order of the table.

    Parameters
    ----------
    names
        All columns that the step was given.
    left_out
        True for the columns that it left out.
    reason
        ``"missing"``, ``"near_constant"``, ``"correlated"``, ``"volume_redundant"``,
        ``"not_selected"`` (by rank), ``"not_significant"``, ``"unstable"``, ``"not_repeatable"``
        (in the training lesions' repeats) or ``"not_repeatable_external"``, or Boruta's
        ``"rejected"`` and ``"undecided"``.
    value
        The number that decided, one per column: a share of missing values or of one value, a
        correlation, a score, an adjusted p-value, a share of halves or of rounds.
    because_of
        For each column another one that is kept in its place; default: none.

    Examples
    --------
    >>> dropped_record(np.array(["a", "b"]), np.array([False, True]), "not_selected",
    ...                np.array([0.4, 0.1])).reset_index().to_numpy().tolist()
    [['b', 'not_selected', '', 0.1]]
    """
    others = np.full(len(names), "") if because_of is None else because_of
    return pd.DataFrame(
        {
            "reason": reason,
            "because_of": np.asarray(others, dtype=object)[left_out],
            "value": np.asarray(value, dtype=np.float64)[left_out],
        },
        index=pd.Index(names[left_out], name="column", dtype=object),
        columns=list(DROPPED_COLUMNS),
    )
