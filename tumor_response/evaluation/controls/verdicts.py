"""What may be said of a model beside its controls, by fixed rules from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.evaluation.controls.null import CHANCE

if TYPE_CHECKING:
    from tumor_response.evaluation.controls.result import NegativeControls

__all__ = ["CALLED", "LEVEL", "MEASURE_NAMES", "sentences", "verdict"]

LEVEL = 0.05
MEASURE_NAMES = {"auc": "AUC", "r2": "R²", "c_index": "C-index"}

CALLED = {
    "permuted_labels": "permuted labels",
    "random_columns": "random columns",
    "voxels_shuffled": "shuffled voxels",
    "noise_images": "noise images",
    "untrained_network": "an untrained network",
    "context_only": "the surroundings alone",
}
"""The controls as sentences name them."""


def verdict(low: float, high: float) -> str:
    """Return what an interval of model minus control says.

    Examples
    --------
    >>> verdict(0.02, 0.1), verdict(-0.02, 0.1), verdict(float("nan"), float("nan"))
    ('beaten', 'not beaten', 'undecided')
    """
    if not low <= high:
        return "undecided"
    return "beaten" if low > 0 else "not beaten"


def sentences(controls: NegativeControls) -> tuple[str, ...]:
    """Return what a reader has to know on page one; nothing where every control is beaten."""
    rows = {str(name): row for name, row in controls.summary().iterrows()}
    told = _of_the_null(controls)
    told += [
        _not_beaten(controls, name, row)
        for name, row in rows.items()
        if name != "permuted_labels" and row["verdict"] != "beaten"
    ]
    told += [
        _above(controls, name, row)
        for name, row in rows.items()
        if row["expectation_from"] and float(row["excess_low"]) > 0
    ]
    return tuple(told)


def _of_the_null(controls: NegativeControls) -> list[str]:
    null, measure = controls.null, MEASURE_NAMES[controls.null.measure]
    told = []
    if null.sees_outcomes:
        told.append(
            f"On permuted labels “{null.model}” reaches a mean {measure} of {null.mean:.2f}, "
            f"expected {CHANCE[null.measure]:g}: there is nothing to find, so that something in "
            "its pipeline sees outcomes of the patients it is judged on. No figure of this "
            "evaluation can be believed before that is found."
        )
    if null.p_value > LEVEL:
        low, high = null.p_interval
        told.append(
            f"“{null.model}” is not shown to be better than on permuted labels: "
            f"p = {null.p_value:.3f} ({null.n_permutations} permutations, Monte Carlo interval "
            f"{low:.3f} to {high:.3f}; {measure} {null.observed[null.headline]:.2f}, permuted "
            f"{null.mean:.2f})."
        )
    return told


def _not_beaten(controls: NegativeControls, name: str, row: pd.Series) -> str:
    if row["verdict"] == "undecided":
        note = controls.compare(name)["note"]
        return f"Whether “{controls.model}” beats {CALLED[name]} cannot be told: {note}."
    measure, value = MEASURE_NAMES[controls.null.measure], row[controls.result.headline]
    numbers = (
        f"{measure} {row['model_value']:.2f} against {value:.2f}, difference "
        f"{row['difference']:.2f} ({row['difference_low']:.2f} to {row['difference_high']:.2f})"
    ).replace("-", "−")
    if name == "context_only":
        return (
            f"“{controls.model}” does not beat {CALLED[name]}: {numbers}. That its signal sits in "
            "the tumour is not shown."
        )
    return (
        f"“{controls.model}” does not beat {CALLED[name]}, which keeps {row['keeps']}: {numbers}. "
        "That it uses anything else is not shown."
    )


def _above(controls: NegativeControls, name: str, row: pd.Series) -> str:
    measure, value = MEASURE_NAMES[controls.null.measure], row[controls.result.headline]
    return (
        f"The control of {CALLED[name]} is above its expectation, {measure} {value:.2f} against "
        f"{row['expectation']:.2f} ({row['expectation_from']}; difference {row['excess']:.2f}, "
        f"{row['excess_low']:.2f} to {row['excess_high']:.2f}): it keeps more than that."
    )
