"""What a notebook shows of a feature table: its blocks, what failed and why, the first rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from tumor_response.features.base import KEY_ROLE
from tumor_response.notebook import CAUTION, card, facts, grid, more, note

if TYPE_CHECKING:
    from tumor_response.table.feature_table import FeatureTable

__all__ = ["table_html"]

_N_ROWS = 5
_N_COLUMNS = 6


def table_html(table: FeatureTable) -> str:
    """Return blocks with their columns, failures by reason, and the first rows."""
    data, of = table.data, table.dictionary
    lesions, patients = len(data), data.index.get_level_values("patient_id").nunique()
    predictors = of[~of["role"].isin(["meta", KEY_ROLE])]
    blocks = pd.DataFrame(
        [_block(data, columns, str(name)) for name, columns in _by_block(predictors)],
        columns=["block", "columns", "families", "missing values"],
    )
    others = {"keys": of["role"] == KEY_ROLE, "meta": of["role"] == "meta"}
    known = {
        what: ", ".join(map(str, of.index[mask][:6])) + (" ..." if mask.sum() > 6 else "")
        for what, mask in others.items()
        if mask.any()
    }
    pieces = [grid(blocks, what="blocks", n_rows=20), facts(known), _failures(table.failures)]
    head = grid(data, what="lesions", n_rows=_N_ROWS, n_columns=_N_COLUMNS)
    pieces.append(more("First rows", head))
    return card("FeatureTable", f"{lesions:,} lesions of {patients:,} patients", *pieces)


def _by_block(predictors: pd.DataFrame) -> list[tuple[object, pd.DataFrame]]:
    return list(predictors.groupby("block", sort=False))


def _block(data: pd.DataFrame, columns: pd.DataFrame, name: str) -> tuple[str, int, int, str]:
    missing = data[columns.index].isna().to_numpy()
    n, of = int(missing.sum()), missing.size
    told = "none" if n == 0 else f"{n:,} of {of:,} in {int(missing.any(axis=1).sum()):,} lesions"
    return name, len(columns), int(columns["family"].nunique()), told


def _failures(failures: pd.DataFrame) -> Markup:
    if failures.empty:
        return note("No failures.")
    counts = failures.groupby(["block", "reason"], sort=False).agg(
        lesions=("lesion_id", "size"), columns_missing=("n_columns_missing", "sum")
    )
    title = note(f"{len(failures):,} failures, see .failures for who and why", style=CAUTION)
    return title + grid(counts.reset_index(), what="reasons")
