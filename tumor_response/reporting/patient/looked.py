"""Where the network looked: maps of a predictor's deep block, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from tumor_response.cohort import Case
from tumor_response.exceptions import TumorResponseError
from tumor_response.explanation.attention import AttentionMaps, attention
from tumor_response.explanation.attention.predictors import network_of
from tumor_response.features.deep import DeepFeatures, Views
from tumor_response.features.deep.views.settings import Range
from tumor_response.models import final_estimator
from tumor_response.models.linear_scores import LinearClassifier

if TYPE_CHECKING:
    from tumor_response.predictor import ShrinkagePredictor

__all__ = ["attention_of", "views_of"]

_WHY_NOT = {
    "extractor_mismatch": "the model reads no network, or several",
    "no_background": "this kind of model needs the training table for it, which is not at hand",
}


def attention_of(
    predictor: ShrinkagePredictor,
    cases: Sequence[Case],
    X: pd.DataFrame,
    training: pd.DataFrame | None,
) -> AttentionMaps | str:
    """Map where the network looked in lesions that were predicted.

    Parameters
    ----------
    predictor
        Whose extractor has the network.
    cases
        The lesions.
    X
        Their columns, and others' as well.
    training
        What the predictor was fitted to; None: not at hand.

    Returns
    -------
    AttentionMaps or str
        A text says why there are none.
    """
    if not cases:
        return "no lesion was predicted"
    try:
        network = network_of(predictor, None)
        model = predictor.state_.model
        rows = X.loc[[case.key for case in cases]]
        behind = training
        if isinstance(network, Views):
            behind = None
        elif behind is None and isinstance(final_estimator(model), LinearClassifier):
            behind = rows  # its slopes are the same whatever stands behind
        return attention(
            model,
            list(cases),
            extractor=network,
            table=rows,
            name="predictor",
            in_sample=False,
            background=behind,
        )
    except TumorResponseError as error:
        return _WHY_NOT.get(error.code, f"there is none for this model ({error.code})")


def views_of(predictor: ShrinkagePredictor) -> Range | None:
    """Return the intensities that the predictor's network was shown as black and white.

    None without a network, or with one whose window hangs on the image.
    """
    for extractor in predictor.extractors_:
        if isinstance(extractor, DeepFeatures):
            settings = extractor.views
        elif isinstance(extractor, Views):
            settings = next(iter(extractor.settings.values()))
        else:
            continue
        window: Any = settings.window_hu  # of three windows the first
        if window is not None:
            return window[0] if isinstance(window[0], tuple) else window
    return None
