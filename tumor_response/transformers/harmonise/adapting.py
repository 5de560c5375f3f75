"""A fitted model for a hospital that it has not seen, from a sample without outcomes."""

from __future__ import annotations

import copy

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.transformers.harmonise.combat import ComBat
from tumor_response.transformers.harmonise.nested import NestedComBat
from tumor_response.transformers.harmonise.per_site import SiteQuantile, SiteZScore
from tumor_response.transformers.harmonise.site_step import SiteStep

__all__ = ["adapt_sites", "covariates_of", "harmonised"]

_HARMONISING = (SiteStep, NestedComBat)

_BY_NAME: dict[str, type[SiteStep]] = {
    "combat": ComBat,
    "site_zscore": SiteZScore,
    "site_quantile": SiteQuantile,
}


def harmonised(model: Pipeline, step: str | BaseEstimator) -> Pipeline:
    """Return a model with a harmonising step in front, where the site is still in the table.

    Parameters
    ----------
    model
        An unfitted Pipeline that begins with
        :class:`~tumor_response.transformers.BlockSelector`, as every named model does.
    step
        ComBat, MComBat, NestedComBat, SiteZScore or SiteQuantile; or ``"combat"``,
        ``"site_zscore"``, ``"site_quantile"`` with their defaults.

    Raises
    ------
    ModelError
        Another step, or a model that is no Pipeline.

    Examples
    --------
    >>> from tumor_response.transformers import BlockSelector, ComBat, MedianImputer
    >>> model = Pipeline([("blocks", BlockSelector()), ("impute", MedianImputer())])
    >>> list(harmonised(model, ComBat()).named_steps)
    ['harmonise', 'blocks', 'impute']
    """
    if isinstance(step, str) and step in _BY_NAME:
        step = _BY_NAME[step]()
    if not isinstance(step, _HARMONISING):
        raise ModelError(
            f"harmonise={step!r}: expected {', '.join(map(repr, _BY_NAME))}, or a step ComBat, "
            "MComBat, NestedComBat, SiteZScore or SiteQuantile."
        )
    if not isinstance(model, Pipeline):
        raise ModelError(
            f"A harmonising step stands before a Pipeline, received {type(model).__name__}."
        )
    return Pipeline([("harmonise", step), *model.steps])


def adapt_sites(fitted: Pipeline, X: pd.DataFrame) -> Pipeline:
    """Return a copy of a fitted model that can be used at the sites of ``X``.

    Every harmonising step among its steps learns what the new sites' scanners do, from their own
    rows and without an outcome; all else stays as it was fitted.

    Parameters
    ----------
    fitted
        A fitted Pipeline.
    X
        Rows of the new sites, with the columns of the fit.

    Raises
    ------
    ModelError
        No harmonising step; else as :meth:`tumor_response.transformers.ComBat.adapted`.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.transformers import BlockSelector, ComBat
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 5))).add_prefix("deep__")
    >>> X["meta__site"] = np.repeat(["A", "B", "C"], 10)
    >>> model = Pipeline([("harmonise", ComBat()), ("blocks", BlockSelector())]).fit(X[:20])
    >>> adapt_sites(model, X[20:]).transform(X[20:]).shape
    (10, 5)
    """
    if not any(isinstance(step, _HARMONISING) for _, step in fitted.steps):
        raise ModelError("adapt_sites: the model has no harmonising step, so nothing to adapt.")
    adapted = copy.copy(fitted)
    adapted.steps = list(fitted.steps)
    for place, (name, step) in enumerate(adapted.steps):
        if isinstance(step, _HARMONISING):
            adapted.steps[place] = (name, step.adapted(X))
            step = adapted.steps[place][1]
        if place < len(adapted.steps) - 1:
            X = step.transform(X)
    return adapted


def covariates_of(model: BaseEstimator) -> list[str]:
    """Return the covariates that the harmonising steps inside ``model`` keep, however nested.

    Examples
    --------
    >>> from tumor_response.transformers import ComBat
    >>> covariates_of(Pipeline([("harmonise", ComBat(covariates=["clinical__age"]))]))
    ['clinical__age']
    """
    parts = [model]
    if hasattr(model, "get_params"):
        parts += list(model.get_params(deep=True).values())
    found = [getattr(part, "covariates", ()) for part in parts if isinstance(part, _HARMONISING)]
    return list(dict.fromkeys(column for covariates in found for column in covariates))
