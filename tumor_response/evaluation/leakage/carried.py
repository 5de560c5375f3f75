"""What a model brings along before it is fitted: rows, statistics, fitted steps.

An evaluation gives a model its training rows; what stands in its parameters, in the variables of
its functions or in its module, it has anyway. Rows of test patients found there can be replaced by
noise, too; then it shows whether the fit looks at them.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.leakage.known_rows import KnownRows
from tumor_response.evaluation.leakage.noise import noisy_outcome, noisy_table

__all__ = [
    "BroughtRows",
    "altered",
    "brought_rows",
    "fitted_parts",
    "leaves",
    "own_classes",
    "own_functions",
]

IntArray = npt.NDArray[np.int64]
Leaf = np.ndarray[Any, Any] | pd.DataFrame | pd.Series
Change = Callable[[str, Leaf], Leaf]

_LEAST_ROWS = 5
_DEEPEST = 10
_CLOSED = ("numpy", "pandas", "scipy", "torch", "xgboost", "builtins", "joblib", "threading")
"""Packages whose objects are not looked into."""

_OURS = ("tumor_response", "sklearn", "xgboost")
"""Packages whose functions hold no study's data."""


@dataclass
class BroughtRows:
    """Rows of the evaluation that a model has before its fit.

    Attributes
    ----------
    rows_at : dict of str to ndarray of int64
        From the path of each table, array or column to the row numbers in it; -1 for others.
    others_values : dict of str to bool
        Those that name the rows by their index and hold other values than the table; whether they
        are of the table's columns.
    """

    rows_at: dict[str, IntArray] = field(default_factory=dict)
    others_values: dict[str, bool] = field(default_factory=dict)

    def patients_of(self, known: KnownRows, rows: IntArray) -> set[int]:
        """Return those of the rows' patients that are in it."""
        inside = [found[found >= 0] for found in self.rows_at.values()]
        if not inside:
            return set()
        there = set(known.patients[np.concatenate(inside)].tolist())
        return there & set(known.patients[rows].tolist())


def brought_rows(model: Any, known: KnownRows) -> BroughtRows:
    """Find the evaluation's rows in an unfitted model."""
    brought = BroughtRows()
    single: dict[str, Leaf] = {}
    for path, leaf in leaves(model):
        if len(leaf) < _LEAST_ROWS:
            continue
        rows = known.by_index(leaf)
        if rows is not None:
            held = leaf if isinstance(leaf, pd.DataFrame) else pd.DataFrame(leaf)
            shared = [c for c in held.columns if c in known.X]
            if not (shared and _is_of_the_table(held[shared], known.X[shared], rows)):
                brought.others_values[path] = bool(shared)
        if rows is None and leaf.ndim == 2:
            rows = known.by_values(leaf)
        if rows is None and leaf.ndim == 1:
            single[path] = leaf
        if rows is not None:
            brought.rows_at[path] = rows
    # a column without an index belongs to the matrix of as many rows beside it
    by_length = {len(rows): rows for rows in brought.rows_at.values()}
    brought.rows_at.update(
        {path: by_length[len(leaf)] for path, leaf in single.items() if len(leaf) in by_length}
    )
    return brought


def _is_of_the_table(leaf: pd.DataFrame, X: pd.DataFrame, rows: IntArray) -> bool:
    there = rows >= 0
    own = X.iloc[rows[there]].astype(object)
    held = leaf[there].astype(object)
    return bool(((own.to_numpy() == held.to_numpy()) | own.isna().to_numpy()).all())


def leaves(model: Any) -> Iterator[tuple[str, Leaf]]:
    """Yield every array, frame and column in a model, its functions and their variables."""
    found: list[tuple[str, Leaf]] = []

    def note(path: str, leaf: Leaf) -> Leaf:
        found.append((path, leaf))
        return leaf

    with altered(model, note):
        yield from found


@contextmanager
def altered(model: Any, change: Change) -> Iterator[Any]:
    """Give a copy of the model in which every array, frame and column is what ``change`` makes.

    Variables that the model's functions and classes see (of an enclosing function, of their
    module) are changed as well for as long as the context lasts, and put back after it.
    """
    walk = _Walk(change)
    changed = walk.copy_of("", model, 0)
    kept: list[tuple[Callable[[Any], None], Any]] = []
    try:
        for path, value, put in _variables(walk.functions):
            new = walk.copy_of(path, value, 1)
            if new is not value:
                kept.append((put, value))
                put(new)
        yield changed
    finally:
        for put, value in reversed(kept):
            put(value)


def noise_for(brought: BroughtRows, out_of_bag: IntArray, seed: int) -> Change:
    """Return a change that puts noise in the place of test rows and leaves all others."""
    out = set(out_of_bag.tolist())

    def change(path: str, leaf: Leaf) -> Leaf:
        rows = brought.rows_at.get(path)
        if rows is None:
            return leaf
        places = np.array([at for at, row in enumerate(rows.tolist()) if row in out], dtype=int)
        if not len(places):
            return leaf
        if isinstance(leaf, pd.DataFrame):
            return noisy_table(leaf, places, seed)
        if isinstance(leaf, pd.Series):
            return noisy_outcome(leaf, places, seed)
        if leaf.ndim == 2:
            return noisy_table(pd.DataFrame(leaf), places, seed).to_numpy(leaf.dtype)
        return noisy_outcome(pd.Series(leaf), places, seed).to_numpy(leaf.dtype)

    return change


def fitted_parts(model: Any) -> list[tuple[str, Any]]:
    """Return what stands in an unfitted model and is fitted already."""
    walk = _Walk(lambda _path, leaf: leaf)
    walk.copy_of("", model, 0)
    return [(path, part) for path, part in walk.estimators if _is_fitted(part)]


def own_functions(model: Any) -> list[tuple[str, types.FunctionType]]:
    """Return the functions of a model that are of no package which holds no study's data."""
    walk = _Walk(lambda _path, leaf: leaf)
    walk.copy_of("", model, 0)
    return [(path, f) for path, f in walk.functions if _is_own(f.__module__)]


def own_classes(model: Any) -> list[type]:
    """Return the classes of a model's estimators that are of no such package."""
    walk = _Walk(lambda _path, leaf: leaf)
    walk.copy_of("", model, 0)
    classes = {base: None for _, part in walk.estimators for base in type(part).__mro__}
    return [kind for kind in classes if _is_own(kind.__module__)]


def _is_own(module: str | None) -> bool:
    return (module or "builtins").partition(".")[0] not in (*_OURS, *_CLOSED)


def _is_fitted(part: Any) -> bool:
    return hasattr(part, "fit") and any(
        name.endswith("_") and not name.startswith("_") for name in vars(part)
    )


class _Walk:
    """Copies what can hold data, and notes estimators and functions on the way."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.functions: list[tuple[str, types.FunctionType]] = []
        self.estimators: list[tuple[str, Any]] = []
        self._copies: dict[int, tuple[Any, Any]] = {}

    def copy_of(self, path: str, value: Any, depth: int) -> Any:
        """Return a copy with changed leaves, or the value itself where nothing in it changed."""
        if depth > _DEEPEST or isinstance(value, (str, bytes, int, float, type(None))):
            return value
        if id(value) in self._copies:
            return self._copies[id(value)][1]
        self._copies[id(value)] = (value, value)  # for what leads back to itself
        new = self._copied(path, value, depth)
        self._copies[id(value)] = (value, new)
        return new

    def _copied(self, path: str, value: Any, depth: int) -> Any:
        match value:
            case pd.DataFrame() | pd.Series():
                return self.change(path, value)
            case np.ndarray():
                return self.change(path, value) if value.ndim in (1, 2) else value
            case Mapping() if type(value) is dict:
                new = {k: self.copy_of(f"{path}[{k!r}]", v, depth + 1) for k, v in value.items()}
                return new if any(new[k] is not v for k, v in value.items()) else value
            case list() | tuple() if type(value) in (list, tuple):
                parts = [
                    self.copy_of(_inside(path, value, at), one, depth + 1)
                    for at, one in enumerate(value)
                ]
                same = all(a is b for a, b in zip(parts, value, strict=True))
                return value if same else type(value)(parts)
            case functools.partial():
                args = self.copy_of(f"{path}.args", value.args, depth + 1)
                words = self.copy_of(f"{path}.keywords", value.keywords, depth + 1)
                self.copy_of(path, value.func, depth + 1)
                same = args is value.args and words is value.keywords
                return value if same else functools.partial(value.func, *args, **words)
            case types.FunctionType():
                self.functions.append((path, value))
                return value
            case types.MethodType():
                owner = self.copy_of(f"{path}.self", value.__self__, depth + 1)
                same = owner is value.__self__
                return value if same else types.MethodType(value.__func__, owner)
        return self._copied_object(path, value, depth)

    def _copied_object(self, path: str, value: Any, depth: int) -> Any:
        kind = type(value)
        root = kind.__module__.partition(".")[0]
        if root in _CLOSED and kind is not types.SimpleNamespace:
            return value
        if isinstance(value, (type, types.ModuleType)) or not hasattr(value, "__dict__"):
            return value
        if hasattr(value, "fit"):
            self.estimators.append((path or kind.__name__, value))
        if root not in _OURS:
            self.functions += [
                (f"{path or kind.__name__}.{name}()", method)
                for base in kind.__mro__
                if _is_own(base.__module__)
                for name, method in vars(base).items()
                if isinstance(method, types.FunctionType)
            ]
        parts = {
            name: self.copy_of(f"{path}.{name}" if path else name, part, depth + 1)
            for name, part in vars(value).items()
        }
        if all(parts[name] is part for name, part in vars(value).items()):
            return value
        new = copy.copy(value)
        vars(new).update(parts)
        return new


def _inside(path: str, value: list[Any] | tuple[Any, ...], at: int) -> str:
    """Name the steps of a Pipeline by their names, everything else by its place."""
    one = value[at]
    named = isinstance(one, tuple) and len(one) >= 2 and isinstance(one[0], str)
    return f"{path}[{one[0]!r}]" if named else f"{path}[{at}]"


def _variables(
    functions: list[tuple[str, types.FunctionType]],
) -> Iterator[tuple[str, Any, Callable[[Any], None]]]:
    """Yield what functions see beside their arguments, each with what puts another in its place."""
    for path, function in functions:
        if function.__module__ is None or function.__module__.partition(".")[0] in _OURS:
            continue
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            yield f"{path}: {name}", value, functools.partial(setattr, cell, "cell_contents")
        if function.__defaults__:
            put = functools.partial(setattr, function, "__defaults__")
            yield f"{path}: defaults", function.__defaults__, put
        there = function.__globals__
        for name in function.__code__.co_names:
            if name in there and not (
                isinstance(there[name], types.ModuleType) or callable(there[name])
            ):
                put = functools.partial(there.__setitem__, name)
                yield f"{path}: {name}", there[name], put
