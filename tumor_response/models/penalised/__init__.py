"""Lasso and elastic net for responses; ridge, lasso and elastic net for rates."""

from tumor_response.models.penalised.logistic import PenalisedLogistic
from tumor_response.models.penalised.recipes import RECIPES
from tumor_response.models.penalised.regression import (
    DEFAULT_ALPHAS,
    PenalisedRegression,
    RidgeRegression,
)

__all__ = [
    "DEFAULT_ALPHAS",
    "RECIPES",
    "PenalisedLogistic",
    "PenalisedRegression",
    "RidgeRegression",
]
