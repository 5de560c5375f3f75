"""Explanations: SHAP values out of bag, on the table's own columns and on whole blocks."""

from tumor_response.explanation.result import Explanation
from tumor_response.explanation.shap_values import explain

__all__ = ["Explanation", "explain"]
