"""Negative controls: each beside its own expectation."""

from tumor_response.evaluation.controls.estimate import ControlsEstimate, estimate_controls
from tumor_response.evaluation.controls.negative import negative_controls, table_controls
from tumor_response.evaluation.controls.null import PermutationNull, permutation_null
from tumor_response.evaluation.controls.result import NegativeControls
from tumor_response.evaluation.controls.settings import ControlsSettings

__all__ = [
    "ControlsEstimate",
    "ControlsSettings",
    "NegativeControls",
    "PermutationNull",
    "estimate_controls",
    "negative_controls",
    "permutation_null",
    "table_controls",
]
