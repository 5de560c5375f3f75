"""Every estimator's fit and every splitter's split, seen for as long as somebody watches.

While a watch lasts, the methods of all estimator classes that are loaded tell a recorder who calls
them with what; afterwards the classes are as they were. Only calls made in the context of the
watch are told: fits of other threads go on unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Protocol

import joblib
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit

from tumor_response.models.watch import Watcher, watched_by

__all__ = ["FITS", "SCORES", "TRANSFORMS", "Recording", "watching"]

FITS = ("fit", "fit_transform", "fit_predict", "partial_fit")
SCORES = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score")
TRANSFORMS = ("transform",)


class Recording(Watcher, Protocol):
    """Who is told."""

    def called(
        self, estimator: Any, method: str, call: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Make the call and return what it returns."""

    def splits(self, splitter: Any, pairs: Iterable[Any], X: Any) -> Iterator[Any]:
        """Hand on a splitter's (training, held-out) positions of the rows of ``X``."""


_RECORDING: ContextVar[Recording | None] = ContextVar("recording", default=None)


class _Told:
    """Stands in a class for a method; bound to an object, the method tells the recorder."""

    def __init__(self, original: Any, name: str) -> None:
        self.original = original
        self.name = name

    def __get__(self, estimator: Any, owner: type | None = None) -> Any:
        bound = self.original.__get__(estimator, owner)
        recording = _RECORDING.get()
        if estimator is None or recording is None:
            return bound

        @wraps(bound)
        def told(*args: Any, **kwargs: Any) -> Any:
            if self.name == "split":
                X = args[0] if args else kwargs.get("X")
                return recording.splits(estimator, bound(*args, **kwargs), X)
            return recording.called(estimator, self.name, bound, args, kwargs)

        return told


@contextmanager
def watching(recording: Recording, models: Iterable[Any]) -> Iterator[None]:
    """Have everything that is fitted in this context told to ``recording``.

    Parameters
    ----------
    recording
        Who is told.
    models
        What will be fitted: classes in them that are no scikit-learn estimators are watched, too.

    Notes
    -----
    Parallel fits inside a model are run one after the other meanwhile: another process could not
    be seen into.
    """
    estimators = _subclasses(BaseEstimator) | {type(part) for m in models for part in _parts(m)}
    # methods may stand in a class that is mixed in
    estimators = {base for kind in estimators for base in kind.__mro__ if base is not object}
    splitters = _subclasses(BaseCrossValidator) | _subclasses(BaseShuffleSplit)
    places = [(kind, name) for kind in estimators for name in (*FITS, *SCORES, *TRANSFORMS)]
    places += [(kind, "split") for kind in splitters]
    changed = [
        (kind, name, kind.__dict__[name])
        for kind, name in places
        if name in kind.__dict__ and hasattr(kind.__dict__[name], "__get__")
    ]
    token = _RECORDING.set(recording)
    try:
        for kind, name, original in changed:
            setattr(kind, name, _Told(original, name))
        with watched_by(recording), joblib.parallel_config(backend="sequential"):
            yield
    finally:
        for kind, name, original in changed:
            setattr(kind, name, original)
        _RECORDING.reset(token)


def _subclasses(kind: type) -> set[type]:
    found = {kind}
    waiting = [kind]
    while waiting:
        below: type
        for below in waiting.pop().__subclasses__():
            if below not in found:
                found.add(below)
                waiting.append(below)
    return found


def _parts(model: Any) -> Iterator[Any]:
    """Yield a model and all in its parameters that can be fitted."""
    yield model
    if hasattr(model, "get_params"):
        for part in model.get_params(deep=True).values():
            if hasattr(part, "fit") and not isinstance(part, type):
                yield part
