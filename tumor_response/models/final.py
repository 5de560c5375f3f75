"""The last step of a model, and whether it could tune what it had to tune."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.models.reduced import ReducedRidgeLogistic
from tumor_response.models.ridge import RidgeLogistic

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
    """Tell whether a fitted model had penalties to choose from and too few patients to do so.

    Examples
    --------
    >>> import numpy as np
    >>> X, y = np.arange(6.0)[:, None], np.array([1, 0, 0, 0, 0, 0])
    >>> left_untuned(RidgeLogistic().fit(X, y)), left_untuned(RidgeLogistic(Cs=(1.0,)).fit(X, y))
    (True, False)
    """
    final = final_estimator(fitted)
    tunes = isinstance(final, RidgeLogistic | ReducedRidgeLogistic)
    return tunes and len(set(final.Cs)) > 1 and not final.tuned_
