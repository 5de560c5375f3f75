"""How far out training patients are who were left out: what new patients are compared with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.predictor.domain.parts import Column, DomainParts
from tumor_response.predictor.domain.ranges import LevelRange
from tumor_response.predictor.domain.usual import LEAST_OF_RANGE, LEVELS, Usual

__all__ = ["largest", "left_out"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_FOLDS = 20


def left_out(
    frame: pd.DataFrame,
    codes: IntArray,
    weights: FloatArray,
    columns: Mapping[str, Column],
    parts: DomainParts,
) -> tuple[dict[str, Usual], FloatArray]:
    """Return what is usual of each distance, and each lesion's largest on the common scale.

    Distances are taken from parts that were fitted without a lesion's patient, and put on a scale
    that was made without it: on a scale of its own, the farthest patient of few never looks as far
    out as a new one does.

    Parameters
    ----------
    frame
        Features and facts side by side.
    codes
        Whose lesion, 0 to n - 1.
    weights
        A patient's sum to 1.
    columns
        What the frame's columns are.
    parts
        Fitted to all lesions.
    """
    n = int(codes.max()) + 1
    n_folds = min(_FOLDS, n)
    fold_of = np.empty(n, dtype=np.int64)
    fold_of[np.random.default_rng(0).permutation(n)] = np.arange(n) % n_folds
    folds = [fold_of[codes] == fold for fold in range(n_folds)]
    far = {name: np.full(len(frame), np.nan) for name in parts.distances(frame.iloc[:1])}
    for out in folds:
        others = DomainParts.of(
            frame[~out], weights[~out], columns, len(np.unique(codes[~out]))
        ).distances(frame[out])
        for name in far.keys() & others.keys():
            far[name][out] = others[name]
    far = {name: values for name, values in far.items() if np.isfinite(values).any()}
    most = np.full(len(frame), np.nan)
    for out in folds:
        rest = {name: values[~out] for name, values in far.items()}
        usual = _usual(rest, weights[~out], parts)
        most[out] = largest({name: values[out] for name, values in far.items()}, usual)
    return _usual(far, weights, parts), most


def largest(far: Mapping[str, FloatArray], usual: Mapping[str, Usual]) -> FloatArray:
    """Return each lesion's largest distance on the common scale; NaN where none is known."""
    scaled = np.array([usual[name].on_scale(far[name]) for name in usual if name in far])
    if not len(scaled):
        return np.full(len(next(iter(far.values()), np.empty(0))), np.nan)
    known = np.isfinite(scaled)
    found: FloatArray = np.where(known, scaled, -np.inf).max(axis=0)
    return np.where(known.any(axis=0), found, np.nan)


def _usual(
    far: Mapping[str, FloatArray], weights: FloatArray, parts: DomainParts
) -> dict[str, Usual]:
    found = {}
    for name, values in far.items():
        of = parts.ranges.get(name)
        if isinstance(of, LevelRange):
            found[name] = LEVELS
        elif np.isfinite(values).any():
            found[name] = Usual.of(values, weights, 0.0 if of is None else LEAST_OF_RANGE)
    return found
