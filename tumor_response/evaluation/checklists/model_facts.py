"""What a model says of itself: its steps, what it tunes, what it reads."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.models import final_estimator
from tumor_response.transformers import block_selectors

__all__ = ["blocks_used", "step_names", "steps_of", "tuning_of"]


def step_names(model: BaseEstimator) -> list[str]:
    """Return the class of every step, those of Pipelines within a Pipeline in their place."""
    if isinstance(model, Pipeline):
        return [part for _, step in model.steps for part in step_names(step)]
    return [type(model).__name__]


def steps_of(model: BaseEstimator) -> str:
    """Return the steps and the parameters of the last one.

    Examples
    --------
    >>> from tumor_response.models import make_model
    >>> steps_of(make_model("dummy"))[:47]
    'BlockSelector then DummyClassifier with constan'
    """
    final = final_estimator(model)
    values = (
        f"{name}={value!r}"
        for name, value in sorted(final.get_params(deep=False).items())
        if value is None or isinstance(value, bool | int | float | str | tuple)
    )
    return f"{' then '.join(step_names(model))} with {', '.join(values) or 'no parameters'}"


def tuning_of(model: BaseEstimator) -> str:
    """Return how a model is tuned, as far as the library knows."""
    final = final_estimator(model)
    if not type(final).__module__.startswith("tumor_response."):
        return "tuned, if at all, by its own means"
    path = getattr(final, "Cs", None) or getattr(final, "alphas", None)
    if path is not None and len(set(path)) == 1:
        return "one penalty, not tuned"
    folds = getattr(final, "n_inner_folds", None) or getattr(final, "n_folds", None)
    if folds is None:
        return "no inner folds"
    return (
        f"{folds} inner folds within the training patients of each resample, all copies and "
        "lesions of a patient in one"
    )


def blocks_used(model: BaseEstimator) -> set[str]:
    """Return the blocks that a model selects; empty: whatever there is."""
    used: set[str] = set()
    for selector in block_selectors(model):
        if selector.blocks is None:
            return set()
        used |= set(selector.blocks)
    return used
