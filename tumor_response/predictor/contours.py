"""How far a new lesion's prediction hangs on the contour that was drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.evaluation.contour_spread.repeated import RepeatedRows
from tumor_response.features.base import FeatureExtractor
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.repeats import Repeats
from tumor_response.imaging.perturb import plausible_contours
from tumor_response.quality import ExclusionRule

__all__ = ["KEY_COLUMN", "contour_range", "plausible_repeats"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_NAME = "other_contours"
KEY_COLUMN = f"views__{_NAME}__key"
"""Where a new lesion's row says which repeats are its own."""

_FEWEST = 2
LIMITS = (0.05, 0.95)


@contextmanager
def plausible_repeats(
    extractors: Sequence[FeatureExtractor],
    n_contours: int,
    observer_sd_mm: float,
    exclude: ExclusionRule | None,
    cache_dir: str | Path | None,
) -> Iterator[Repeats]:
    """Give the extractor that runs the others on contours another observer might have drawn.

    Parameters
    ----------
    extractors
        Those of the predictor.
    n_contours
        How many contours each lesion gets.
    observer_sd_mm
        As in :func:`tumor_response.imaging.perturb.plausible_contours`.
    exclude
        The exclusion rule of the training table.
    cache_dir
        A folder in which the repeats are kept as well; None or a URL: they are gone afterwards.
    """
    rule = plausible_contours(observer_sd_mm=observer_sd_mm)
    is_folder = cache_dir is not None and "://" not in str(cache_dir)
    with tempfile.TemporaryDirectory() as passing:
        folder = Path(str(cache_dir)) / _NAME if is_folder else Path(passing)
        yield Repeats(
            extractors,
            rule,
            n_contours,
            ViewStore(folder),
            name=_NAME,
            exclude=exclude,
        )


def contour_range(
    model: BaseEstimator,
    X: pd.DataFrame,
    rows: IntArray,
    store: ViewStore,
    predict: Callable[[pd.DataFrame], FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Return the 5 and 95 % quantiles of each lesion's predictions under its other contours.

    Parameters
    ----------
    model
        Fitted; it says which columns it reads.
    X
        All lesions, with :data:`KEY_COLUMN`.
    rows
        Positions of those that are predicted.
    store
        Where the repeats are.
    predict
        From rows to predictions.

    Returns
    -------
    low, high : ndarray of shape (len(X),)
        NaN where a lesion is not predicted, or fewer than two of its contours have all blocks.

    Raises
    ------
    EvaluationError
        Codes ``unsupported_model`` (it reads images) and ``no_repeats`` (nothing that it reads is
        extracted from the contour).
    """
    low, high = np.full(len(X), np.nan), np.full(len(X), np.nan)
    if not X[KEY_COLUMN].iloc[rows].notna().any():
        return low, high
    repeated = RepeatedRows.of(model, X, store, None, KEY_COLUMN)
    frame, owner = repeated.rows_of(rows)
    if not len(frame):
        return low, high
    predicted = predict(frame.drop(columns=KEY_COLUMN))
    for place in np.unique(owner):
        own = predicted[owner == place]
        if len(own) >= _FEWEST:
            low[rows[place]], high[rows[place]] = np.quantile(own, LIMITS)
    return low, high
