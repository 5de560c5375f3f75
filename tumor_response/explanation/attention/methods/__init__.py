"""Methods of attention: each from a lesion's views to a map for each view."""

from tumor_response.explanation.attention.methods.choosing import (
    METHODS,
    Method,
    method_names,
    method_of,
)

__all__ = ["METHODS", "Method", "method_names", "method_of"]
