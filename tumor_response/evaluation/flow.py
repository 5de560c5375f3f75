"""Who was evaluated and who was left out, and whether the two are alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tumor_response.outcomes.flow import group_row

__all__ = ["cohort_flow"]

_COMPARED = ("volume_cc", "age")


def cohort_flow(
    X: pd.DataFrame, y: pd.Series, left_out: Mapping[object, str], *, has_classes: bool
) -> pd.DataFrame:
    """Count evaluated and left-out lesions by reason and class, with baseline volume and age.

    Parameters
    ----------
    X
        All rows of the table.
    y
        Their classes by the full-data cut; NaN where the outcome is missing.
    left_out
        From index entry to the reason why it is left out.
    has_classes
        Whether ``y`` is 0 and 1. Of a rate or of thirds no responders are counted.

    Returns
    -------
    pandas.DataFrame
        One row ``evaluated``, then one per reason, and ``all left out`` if there are several.
        Columns ``n_patients``, ``n_lesions``, ``n_responders``, ``n_non_responders``,
        ``n_unknown``; and where the table has them, for baseline volume (cc) and age (years),
        ``..._median``, ``..._q1``, ``..._q3`` over the lesions of the row.
    """
    reason = pd.Series([left_out.get(key, "") for key in X.index], index=X.index)
    groups = {"evaluated": reason == ""}
    groups |= {f"left out, {text}": reason == text for text in sorted(set(left_out.values()))}
    if len(groups) > 2:
        groups["all left out"] = reason != ""
    measured = {
        short: X[column].astype(np.float64)
        for short in _COMPARED
        if (column := _column(X, short)) is not None
    }
    rows = []
    for members in groups.values():
        row = group_row(members, measured)
        of_group = y[members]
        if has_classes:
            row["n_responders"] = int((of_group == 1).sum())
            row["n_non_responders"] = int((of_group == 0).sum())
        row["n_unknown"] = int(of_group.isna().sum())
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(groups, name="group"))
    counts = [name for name in table if str(name).startswith("n_")]
    return table[[*counts, *(name for name in table if name not in counts)]]


def _column(X: pd.DataFrame, short: str) -> str | None:
    for name in (f"clinical__{short}", short):
        if name in X and pd.api.types.is_numeric_dtype(X[name].dtype):
            return name
    return None
