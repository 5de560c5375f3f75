"""The last step of a model, and whether it could tune what it had to tune."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

__all__ = ["final_estimator", "left_untuned"]


def final_estimator(model: BaseEstimator) -> BaseEstimator:
    """Return the last step of a Pipeline, or the estimator itself.

    Examples
    --------
    >>> from tumor_response.models import make_model
    >>> type(final_estimator(make_model("logistic"))).__name__
    'RidgeLogistic'
    """
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return model


def left_untuned(fitted: BaseEstimator) -> bool:
    """Tell whether a fitted model had something to tune and too few patients to do so.

    An estimator says so by ``tuned_``: False where it could not tune. Without that attribute, or
    with None, it had nothing to tune.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.models import RidgeLogistic
    >>> X, y = np.arange(6.0)[:, None], np.array([1, 0, 0, 0, 0, 0])
    >>> left_untuned(RidgeLogistic().fit(X, y)), left_untuned(RidgeLogistic(Cs=(1.0,)).fit(X, y))
    (True, False)
    """
    return getattr(final_estimator(fitted), "tuned_", None) is False
