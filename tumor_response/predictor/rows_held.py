"""Whether a fitted model holds rows of its training patients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.predictor.codec.known_parts import PARTS, holds_rows
from tumor_response.transformers import is_predictor

__all__ = ["rows_held"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

LEAST = 4
"""Fewer values of one patient beside each other may be there by chance: medians of correlated
columns are often one patient's."""


def rows_held(model: BaseEstimator, X: pd.DataFrame) -> list[str]:
    """Return the paths in a fitted model at which rows of its training patients lie.

    Two things are looked for. Types that are their training rows by construction: kernel machines
    with support vectors, Gaussian processes, neighbours, in-context models. And, in whatever type,
    arrays in which values that one patient alone has fill half a row, a column or more, as the
    patient came in or as the steps of a Pipeline hand the patient on.

    Aggregates pass: a median is one patient's value in one column. So do sorted values of a column,
    which no longer say whose they are.

    Parameters
    ----------
    model
        Fitted.
    X : DataFrame
        What it was fitted to.

    Returns
    -------
    list of str
        Such as ``"model.steps[5][1]._rows"``; empty if there are none.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from tumor_response.models import RidgeLogistic
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 5)))
    >>> y = np.arange(20) % 2
    >>> rows_held(RidgeLogistic().fit(X, y), X)
    []
    >>> rows_held(KNeighborsClassifier().fit(X, y), X)
    ['model']
    """
    stages: list[FloatArray] = []
    for stage in _stages(model, X):
        if not stages or not np.array_equal(stage, stages[-1], equal_nan=True):
            stages.append(stage)  # many steps hand on what they were given
    owners = _Owners(stages)
    return list(_paths(model, "model", owners))


class _Owners:
    """Whose a number is: of those that one row alone has, in one or more stages."""

    def __init__(self, stages: list[FloatArray]) -> None:
        values = np.concatenate([np.zeros(0), *(stage.ravel() for stage in stages)])
        rows = [np.repeat(np.arange(len(stage)), stage.shape[1]) for stage in stages]
        owner: IntArray = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
        # whole numbers are counts and codes, which many have
        told = np.isfinite(values) & (values != np.round(values))
        values, owner = values[told], owner[told]
        order = np.argsort(values)
        values, owner = values[order], owner[order]
        first = np.nonzero(np.r_[values.size > 0, values[1:] != values[:-1]])[0]
        alone = np.zeros(0, dtype=bool)
        if first.size:
            alone = np.minimum.reduceat(owner, first) == np.maximum.reduceat(owner, first)
        self._numbers, self._rows = values[first[alone]], owner[first[alone]]

    def of(self, values: FloatArray) -> IntArray:
        """Return the row that each value is of, -1 for none."""
        if not self._numbers.size:
            return np.full(values.shape, -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self._numbers, values), len(self._numbers) - 1)
        return np.where(self._numbers[at] == values, self._rows[at], -1)

    def hold(self, values: npt.NDArray[Any]) -> bool:
        """Tell whether a row, a column, or a stretch of as many values is mostly one patient's."""
        if values.dtype.kind != "f" or values.size < LEAST:
            return False
        numbers = values.astype(np.float64)
        whose = self.of(numbers)
        if not (whose >= 0).any():
            return False
        table = whose.reshape(-1, whose.shape[-1])
        told = numbers.reshape(table.shape)
        return any(map(_mostly_one, table, told)) or (
            whose.ndim > 1 and any(map(_mostly_one, table.T, told.T))
        )


def _mostly_one(line: IntArray, values: FloatArray) -> bool:
    """Tell whether half of a line, or of some whole stretch of it, is of one row."""
    known = line >= 0
    # one number again and again is a setting, such as a limit that values are clipped to
    if known.sum() < LEAST or len(np.unique(values[known])) < LEAST:
        return False
    if 2 * int(np.bincount(line[known]).max()) >= len(line):
        return True
    # a line of several rows one after another: each change of owner begins a stretch
    ends = np.nonzero(np.diff(line))[0] + 1
    lengths = np.diff(np.r_[0, ends, len(line)])
    first = line[np.r_[0, ends]]
    long = lengths[first >= 0]
    return bool(long.size) and int(long[long >= LEAST].sum()) * 2 >= len(line)


def _stages(model: Any, X: Any) -> Iterator[FloatArray]:
    """Yield what each fitted step was given, as numbers."""
    yield _numbers(X)
    if isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            yield from _inner_stages(step, X)
            X = X if step in (None, "passthrough") else step.transform(X)
            yield _numbers(X)
        model = model.steps[-1][1]
    yield from _inner_stages(model, X)


def _inner_stages(model: Any, X: Any) -> Iterator[FloatArray]:
    members: Mapping[Any, Any] = getattr(model, "_members", {})
    for name in ("models_", "estimators_", "best_estimator_", "reduction_", "steps_"):
        found = getattr(model, name, None)
        if name == "estimators_" and "estimators_" in _left(model):
            continue  # a forest's trees, which hold thresholds
        inner: Mapping[Any, Any] = (
            found if isinstance(found, Mapping) else dict(enumerate(_as_list(found)))
        )
        for key, one in inner.items():
            if isinstance(one, BaseEstimator):
                yield from _stages(one, X[members[key]] if key in members else X)


def _as_list(found: Any) -> list[Any]:
    if found is None:
        return []
    return list(found) if isinstance(found, list | tuple) else [found]


def _left(model: Any) -> tuple[str, ...]:
    part = PARTS.get(type(model).__name__)
    return () if part is None else part.left


def _numbers(X: Any) -> FloatArray:
    if isinstance(X, pd.DataFrame):
        kept = [name for name in X.columns if is_predictor(str(name))]
        frame = X[kept].select_dtypes("number")
        return frame.to_numpy(dtype=np.float64)
    return np.asarray(X, dtype=np.float64)


def _paths(value: Any, where: str, owners: _Owners) -> Iterator[str]:
    if holds_rows(value):
        yield where
    elif isinstance(value, pd.DataFrame | pd.Series):
        yield from _paths(value.to_numpy(), where, owners)
    elif isinstance(value, np.ndarray):
        if owners.hold(value):
            yield where
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _paths(one, f"{where}[{key!r}]", owners)
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from _paths(one, f"{where}[{place}]", owners)
    elif isinstance(value, BaseEstimator):
        left = _left(value)
        for name, one in vars(value).items():
            if name not in left:  # what a predictor does not take along
                yield from _paths(one, f"{where}.{name}", owners)
