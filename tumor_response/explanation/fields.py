"""The numbers that an explanation holds, and the check that they add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.game import Output, ValueFunction
from tumor_response.explanation.hierarchy import Level

if TYPE_CHECKING:
    from tumor_response.explanation.stability.band import ExplanationNull

__all__ = ["TOLERANCE", "ExplanationFields", "Mode"]

Mode = Literal["out_of_bag", "in_sample", "new_rows"]

TOLERANCE = 1e-6
"""By how much base value and values may miss the output, per unit of the largest output above 1."""


@dataclass(frozen=True, eq=False, repr=False)
class ExplanationFields:
    """The fields of an explanation; see :class:`~tumor_response.explanation.Explanation`."""

    name: str
    mode: Mode
    output: Output
    value_function: ValueFunction
    level: Level
    method: Literal["exact", "sampled"]
    values: pd.DataFrame
    block_values: pd.DataFrame
    family_values: pd.DataFrame
    nested_values: pd.DataFrame
    base_values: pd.Series
    outputs: pd.Series
    spread: pd.DataFrame | None
    family_spread: pd.DataFrame | None
    block_spread: pd.DataFrame | None
    standard_error: pd.DataFrame | None
    family_standard_error: pd.DataFrame | None
    block_standard_error: pd.DataFrame | None
    n_pairs: int | None
    n_out_of_bag: pd.Series | None
    top_ten_share: pd.Series | None
    column_mean_abs: pd.DataFrame | None
    family_mean_abs: pd.DataFrame | None
    block_mean_abs: pd.DataFrame | None
    block_interactions: pd.DataFrame | None
    features: pd.DataFrame
    blocks: Mapping[str, list[str]]
    families: Mapping[str, list[str]]
    dictionary: pd.DataFrame | None
    null: ExplanationNull | None = None

    def __post_init__(self) -> None:
        tolerance = TOLERANCE * max(1.0, float(self.outputs.abs().max()))
        levels = {
            "columns": self.values,
            "blocks": self.block_values,
            "families": self.family_values,
            "columns within families": self.nested_values,
        }
        for what, values in levels.items():
            gap = float((self.base_values + values.sum(axis=1) - self.outputs).abs().max())
            if not gap <= tolerance:
                raise ExplanationError(
                    f"Model {self.name!r}: base value and SHAP values of {what} miss the output "
                    f"by up to {gap:.3g}, allowed {tolerance:.3g}; such values explain nothing.",
                    code="not_additive",
                )
