"""Lesions that an evaluation cannot use: no outcome, or nothing in a block. With the reason."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["block_failures", "failure_message", "missing_outcomes"]


def missing_outcomes(outcome: pd.Series, y: pd.Series) -> dict[object, str]:
    """Return why each missing outcome is missing, from ``y.attrs["reasons"]`` where it says."""
    given = y.attrs.get("reasons", {})
    return {key: f"outcome: {given.get(key) or 'missing'}" for key in outcome.index[outcome.isna()]}


def block_failures(
    X: pd.DataFrame, used: dict[str, dict[str, list[str]]], failures: pd.DataFrame | None
) -> dict[object, str]:
    """Return the rows in which all that some model uses of a block is missing, with the reason."""
    broken: dict[object, str] = {}
    for blocks in used.values():
        for block, columns in blocks.items():
            nothing = X[columns].isna().to_numpy().all(axis=1)
            for key in X.index[np.nonzero(nothing)[0]]:
                reason = f"{block}: {_reason(key, block, failures)}"
                if reason not in broken.get(key, ""):
                    broken[key] = f"{broken[key]}; {reason}" if key in broken else reason
    return broken


def _reason(key: object, block: str, failures: pd.DataFrame | None) -> str:
    if failures is None or not isinstance(key, tuple):
        return "all values missing"
    here = (failures["patient_id"] == key[0]) & (failures["lesion_id"] == key[1])
    here &= failures["block"].isin([block, "case"]) & (failures["n_columns_missing"] > 0)
    reasons = failures.loc[here, "reason"].astype(str).unique()
    return ", ".join(reasons) if len(reasons) else "all values missing"


def failure_message(broken: dict[object, str]) -> str:
    """Say who lacks what, and what can be done."""
    shown = "; ".join(f"{key}: {reason}" for key, reason in list(broken.items())[:5])
    more = f" and {len(broken) - 5} more" if len(broken) > 5 else ""
    return (
        f"{len(broken)} lesion(s) with an outcome have nothing in a block that a model uses: "
        f"{shown}{more}. Mend them, leave them out with failed='drop' (counted by reason and "
        "class), or let the models impute them with failed='impute'."
    )
