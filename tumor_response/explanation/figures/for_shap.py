"""An explanation as shap's own plots take it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tumor_response.explanation.result import Explanation

__all__ = ["as_shap"]


def as_shap(explanation: Explanation) -> Any:
    """Return the columns' values as a ``shap.Explanation``; categories are their levels' numbers.

    shap's plots know neither resamples nor permutations: what is rarely among the ten looks there
    as firm as what always is.
    """
    with warnings.catch_warnings():
        # shap announces matplotlib's future plans when it makes its colour maps
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        import shap
    data = explanation.features.copy()
    for name in data.columns[[kind == "category" for kind in data.dtypes]]:
        data[name] = data[name].cat.codes.where(data[name].notna())
    return shap.Explanation(
        values=explanation.values.to_numpy(),
        base_values=explanation.base_values.to_numpy(),
        data=data.to_numpy(dtype=np.float64),
        display_data=explanation.features.to_numpy(dtype=object),
        feature_names=[str(name) for name in explanation.values.columns],
    )
