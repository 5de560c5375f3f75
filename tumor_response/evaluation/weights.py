"""What each row weighs in the fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from tumor_response.exceptions import EvaluationError

__all__ = ["Weights", "row_weights"]

FloatArray = npt.NDArray[np.float64]
Weights = pd.Series | Literal["per_patient"] | None


def row_weights(
    given: Weights,
    index: pd.Index,
    kept: npt.NDArray[np.bool_],
    patients: npt.NDArray[np.int64],
    models: Mapping[str, BaseEstimator],
) -> FloatArray | None:
    """Return the weights of the kept rows, or None.

    Parameters
    ----------
    given
        A Series with the table's index; ``"per_patient"``: one over the number of the patient's
        lesions, so that patients weigh alike; or None.
    index
        The table's.
    kept
        Which of its rows are evaluated.
    patients
        Of the kept rows, an integer each.
    models
        Their ``fit`` has to take weights.

    Raises
    ------
    EvaluationError
        Code ``sample_weight``: another index, missing, negative or infinite weights, none above 0,
        or a model whose ``fit`` takes none.
    """
    if given is None:
        return None
    without = [name for name, model in models.items() if not _takes_weights(model)]
    if without:
        raise EvaluationError(
            f"sample_weight: the fit of {', '.join(map(repr, without))} takes no weights. "
            "Evaluate such models without, or apart.",
            code="sample_weight",
        )
    if isinstance(given, str) and given == "per_patient":
        counts = np.bincount(patients)
        weight: FloatArray = 1.0 / counts[patients]
        return weight
    if not isinstance(given, pd.Series) or len(index.difference(given.index)):
        raise EvaluationError(
            "sample_weight: expected a pandas Series with the table's index, or 'per_patient'.",
            code="sample_weight",
        )
    weight = given.reindex(index).to_numpy(dtype=np.float64, na_value=np.nan)[kept]
    if not (np.isfinite(weight).all() and (weight >= 0).all() and (weight > 0).any()):
        raise EvaluationError(
            "sample_weight: expected finite weights of 0 or more, some above 0, for every row "
            f"that is evaluated; received {int((~(weight >= 0)).sum())} missing or negative.",
            code="sample_weight",
        )
    return weight


def _takes_weights(model: BaseEstimator) -> bool:
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return bool(has_fit_parameter(model, "sample_weight"))
