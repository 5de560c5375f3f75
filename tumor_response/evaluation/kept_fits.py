"""Fitted models on disk, one file each, without pickle."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import EvaluationError
from tumor_response.features.deep.view_store import ViewStore

__all__ = ["KeptFits", "has_fits", "write_fit"]

_TRUSTED = ("tumor_response.", "sklearn.", "xgboost.", "scipy.", "numpy.", "collections.")
"""Where the types of a fitted model may come from without being named by the reader."""


class _Texts:
    """Many texts as one.

    skops writes some 200 bytes about each text of a list, and a fitted model names its 1,500
    columns again and again.
    """

    def __init__(self, kind: str, joined: str) -> None:
        self.kind = kind
        self.joined = joined


class KeptFits:
    """The fits that :func:`tumor_response.evaluate` kept (``keep_fits=True``).

    Written by skops, which stores a model's attributes as JSON and arrays, and builds only types
    that are allowed: those of this library, scikit-learn, XGBoost, SciPy and NumPy, and what
    ``trusted`` names. Nothing is unpickled.

    Parameters
    ----------
    directory
        The evaluation's directory.

    Raises
    ------
    EvaluationError
        Code ``no_fits``: there are none.
    """

    def __init__(self, directory: str | Path) -> None:
        self._directory = Path(directory) / "fits"
        if not self._directory.is_dir():
            raise EvaluationError(
                f"No fits are kept in {Path(directory).name!r}: evaluate(..., directory=, "
                "keep_fits=True) keeps them.",
                code="no_fits",
            )

    def load(self, model: str, resample: int, trusted: Sequence[str] = ()) -> BaseEstimator:
        """Return a model as it was fitted to the training rows of a resample.

        Parameters
        ----------
        model
            Its name in the evaluation.
        resample
            Position of the resample.
        trusted
            Full names of further types that may be built, for estimators of your own.

        Raises
        ------
        EvaluationError
            Code ``no_fits``: there is no such fit; ``untrusted``: it holds a type that is not
            allowed, named in the message.
        """
        import skops.io

        path = _path(self._directory, model, resample)
        if not path.is_file():
            raise EvaluationError(
                f"No fit of {model!r} on resample {resample} is kept.", code="no_fits"
            )
        unknown = skops.io.get_untrusted_types(file=path)
        refused = [n for n in unknown if not n.startswith(_TRUSTED) and n not in set(trusted)]
        if refused:
            raise EvaluationError(
                f"The fit of {model!r} holds {', '.join(refused)}, which are not built unasked. "
                "Where the file is your own, name them: load(..., trusted=[...]).",
                code="untrusted",
            )
        fitted: BaseEstimator = _replaced(skops.io.load(path, trusted=unknown), _as_before)
        return fitted


def write_fit(directory: Path, model: str, resample: int, fitted: BaseEstimator) -> None:
    """Write a fitted model to its file, whole or not at all.

    Raises
    ------
    EvaluationError
        Code ``fit_not_kept``: it holds what cannot be written without pickle.
    """
    import skops.io

    path = _path(directory, model, resample)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    try:
        skops.io.dump(
            _replaced(fitted, _as_texts), part, compression=zipfile.ZIP_DEFLATED, compresslevel=1
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise EvaluationError(
            f"The fit of {model!r} on resample {resample} cannot be kept without pickle "
            f"({error}). Evaluate this model with keep_fits=False.",
            code="fit_not_kept",
        ) from error
    part.replace(path)


def has_fits(directory: Path, models: Iterable[str], resample: int) -> bool:
    """Tell whether the fits of all models on a resample are there."""
    return all(_path(directory, model, resample).is_file() for model in models)


def _path(directory: Path, model: str, resample: int) -> Path:
    # a model's name is any text; a folder's is not
    safe = "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):x}" for c in model)
    return directory / safe / f"{resample:06d}.skops"


def _as_texts(value: Any) -> Any:
    if isinstance(value, ViewStore):
        value = value.directory  # a store is its folder
    if isinstance(value, Path):
        return _Texts("path", json.dumps(str(value)))
    if isinstance(value, pd.Index):
        return _Texts("index", json.dumps([str(name) for name in value]))
    if isinstance(value, np.ndarray) and value.dtype == object and _all_text(value.ravel()):
        return _Texts("array", json.dumps(value.tolist()))
    if isinstance(value, list) and value and _all_text(value):
        return _Texts("list", json.dumps(value))
    if isinstance(value, dict) and value and _all_text([*value, *value.values()]):
        return _Texts("dict", json.dumps(value))
    return value


def _as_before(value: Any) -> Any:
    if not isinstance(value, _Texts):
        return value
    found = json.loads(value.joined)
    match value.kind:
        case "index":
            return pd.Index(found, dtype=object)
        case "array":
            return np.array(found, dtype=object)
        case "path":
            return Path(found)
        case _:
            return found


def _all_text(values: Iterable[object]) -> bool:
    return all(type(one) is str for one in values)


def _replaced(value: Any, replace: Callable[[Any], Any]) -> Any:
    """Return ``value`` with ``replace`` applied to all that estimators in it hold."""
    value = replace(value)
    if type(value) is dict:
        return {key: _replaced(item, replace) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_replaced(item, replace) for item in value)
    if isinstance(value, BaseEstimator):
        changed = copy.copy(value)
        changed.__dict__ = {name: _replaced(item, replace) for name, item in vars(value).items()}
        return changed
    return value
