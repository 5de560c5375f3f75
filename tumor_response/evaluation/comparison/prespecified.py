"""Which models are plain maximum likelihood, written down before the outcome was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
)

from tumor_response.exceptions import EvaluationError
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    LogTransformer,
    MedianImputer,
    ToArray,
)

__all__ = ["design_of"]

_BLIND_TO_THE_OUTCOME = (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    FunctionTransformer,
    LogTransformer,
    MedianImputer,
    OneHotEncoder,
    PolynomialFeatures,
    SimpleImputer,
    SplineTransformer,
    StandardScaler,
    ToArray,
)


def design_of(model: BaseEstimator, X: pd.DataFrame, which: str) -> npt.NDArray[np.float64]:
    """Return the columns that a model's last step is fitted to, if it is plain likelihood.

    Raises
    ------
    EvaluationError
        Code ``tuned``, ``penalised`` or ``selected``, with the step by name.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [50.0, 60.0], "volume": [3.0, 4.0]})
    >>> design_of(LogisticRegression(C=np.inf), frame, "larger").shape
    (2, 2)
    """
    steps = model.steps if isinstance(model, Pipeline) else [("model", model)]
    final = steps[-1][1]
    searches = any(hasattr(final, name) for name in ("cv", "param_grid", "param_distributions"))
    if searches or hasattr(final, "Cs"):
        tuned = searches or len(set(np.atleast_1d(final.Cs))) > 1
        raise EvaluationError(
            f"{which}: {type(final).__name__} "
            + ("tunes a penalty" if tuned else "has a penalty")
            + ", and the likelihood ratio test is for prespecified fits without one.",
            code="tuned" if tuned else "penalised",
        )
    if not (
        isinstance(final, LogisticRegression)
        and (np.isinf(final.C) or final.penalty is None)
        and final.class_weight is None
        and final.fit_intercept
    ):
        raise EvaluationError(
            f"{which}: {final!r} is not an unpenalised, unweighted logistic regression with "
            "intercept. Give LogisticRegression(C=np.inf), or the columns alone.",
            code="penalised",
        )
    for name, step in steps[:-1]:
        if step != "passthrough" and not isinstance(step, _BLIND_TO_THE_OUTCOME):
            raise EvaluationError(
                f"{which}: step {name!r} ({type(step).__name__}) chooses or combines columns by "
                "the data, so that the model was not prespecified and the statistic has another "
                "distribution. Name the columns instead.",
                code="selected",
            )
    if len(steps) == 1:
        return X.to_numpy(dtype=np.float64, na_value=np.nan)
    shown = clone(Pipeline(steps[:-1])).fit_transform(X)
    return np.asarray(shown, dtype=np.float64)
