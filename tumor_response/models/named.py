"""Models by name: plain scikit-learn Pipelines over the blocks of a feature table."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Literal, get_args

from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError
from tumor_response.models import (
    baselines,
    components,
    foundation,
    fusion,
    kernel,
    ordinal,
    penalised,
    trees,
)
from tumor_response.models.recipe import Recipe
from tumor_response.transformers.blocks import Blocks
from tumor_response.transformers.stable import StableColumns, with_stable

__all__ = ["MODEL_NAMES", "OUTCOMES", "Outcome", "make_model", "model_names"]

Outcome = Literal["response", "rate", "tertiles"]

OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
"""What a model can be made for: two classes, a continuous rate, three ordered classes."""


def make_model(
    name: str,
    blocks: Blocks = None,
    random_state: int = 0,
    outcome: Outcome = "response",
    *,
    stable: StableColumns | None = None,
    **settings: object,
) -> Pipeline:
    """Make one of the named models.

    Everything that is fitted (levels of categories, medians, filters, scales, penalties) is a
    step of the Pipeline, so an evaluation refits all of it in each resample.

    Parameters
    ----------
    name
        One of :func:`model_names`. Of the linear ones: ``"logistic"`` (responses), ``"linear"``
        (rates) and ``"ordinal"`` (tertiles) are penalised, the penalty tuned on patient-grouped
        inner folds; ``"volume_only"`` is the same on the log baseline volume alone,
        ``"clinical_only"`` on the block ``clinical``; ``"dummy"`` is the training rows' prior or
        mean.
    blocks
        Which blocks of columns to use, by name; a mapping from block to columns for frames
        without prefixes; None (default): all there are. ``"volume_only"`` and
        ``"clinical_only"`` bring their own and take None.
    random_state
        Seed of whatever is random in the model, default 0.
    outcome
        ``"response"`` (default): 0 or 1; ``"rate"``: a number, the model is a regressor;
        ``"tertiles"``: 0, 1 or 2, in order.
    stable
        A :class:`~tumor_response.transformers.StableColumns` that leaves out what does not
        repeat, in the training lesions of each fit, before anything else is fitted; None
        (default): all columns stay. Models that bring their own columns take none.
    **settings
        The model's settings, checked by its settings class, such as :class:`LogisticSettings`
        (``"logistic"``), :class:`LinearSettings`, :class:`OrdinalSettings`,
        :class:`VolumeOnlySettings` or :class:`DummySettings`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Unfitted; takes a DataFrame indexed by patient and lesion. The last step is named
        ``classify``, for rates ``regress``, and its ``fit`` takes ``sample_weight``.

    Raises
    ------
    ModelError
        ``unknown_model``, ``unknown_outcome``: no such name, for this outcome or at all;
        ``blocks`` or ``stable`` given to a model that brings its own columns.
    SettingsError
        A setting that the model does not have, out of range, or without effect.

    Examples
    --------
    >>> model = make_model("logistic", blocks=["clinical", "radiomics"], n_inner_folds=3)
    >>> list(model.named_steps)
    ['blocks', 'encode', 'impute', 'vary', 'scale', 'classify']
    >>> make_model("linear", outcome="rate", penalty="lasso").steps[-1]
    ('regress', PenalisedRegression())
    """
    recipe = _RECIPES.get((name, _known_outcome(outcome)))
    if recipe is None:
        raise _unknown(name, outcome)
    if recipe.own_blocks and blocks is not None:
        raise ModelError(
            f"The model {name!r} brings its own columns; leave blocks=None, received {blocks!r}."
        )
    model = recipe.make(recipe.settings(**settings), blocks, random_state)
    if stable is None:
        return model
    if recipe.own_blocks:
        raise ModelError(
            f"The model {name!r} brings its own columns; leave stable=None, received {stable!r}."
        )
    return with_stable(model, stable)


def model_names(outcome: Outcome = "response") -> tuple[str, ...]:
    """Return the names that :func:`make_model` knows for an outcome.

    Examples
    --------
    >>> "linear" in model_names("rate"), "linear" in model_names("tertiles")
    (True, False)
    """
    known = _known_outcome(outcome)
    return tuple(name for name, of in _RECIPES if of == known)


def _known_outcome(outcome: str) -> str:
    if outcome not in OUTCOMES:
        raise ModelError(
            f"outcome={outcome!r}: expected {', '.join(map(repr, OUTCOMES))}.",
            code="unknown_outcome",
        )
    return outcome


def _unknown(name: str, outcome: Outcome) -> ModelError:
    names = model_names(outcome)
    others = [other for other in OUTCOMES if (name, other) in _RECIPES]
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = ""
    if others:
        hint = f" It is there for outcome={' and '.join(map(repr, others))}."
    elif near:
        hint = f" Did you mean {near[0]!r}?"
    kind = "regressor" if outcome == "rate" else "classifier"
    return ModelError(
        f"There is no model named {name!r} for outcome={outcome!r}; known are {', '.join(names)}."
        f"{hint} Any scikit-learn {kind} can be given to evaluate as it is.",
        code="unknown_model",
    )


def _merged(*rooms: Mapping[tuple[str, str], Recipe]) -> dict[tuple[str, str], Recipe]:
    """Return the recipes of all rooms; two of one name and outcome are a mistake of ours."""
    merged: dict[tuple[str, str], Recipe] = {}
    for room in rooms:
        if twice := sorted(merged.keys() & room.keys()):
            raise ValueError(f"Two rooms have a model {twice[0]}.")
        merged |= room
    return merged


_RECIPES = _merged(
    penalised.RECIPES,
    ordinal.RECIPES,
    trees.RECIPES,
    kernel.RECIPES,
    components.RECIPES,
    foundation.RECIPES,
    fusion.RECIPES,
    baselines.RECIPES,
)

MODEL_NAMES: tuple[str, ...] = model_names("response")
"""The names that :func:`make_model` knows for responses, its default."""
