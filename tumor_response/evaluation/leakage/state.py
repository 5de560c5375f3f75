"""The whole state of a fitted model as digests by path: two fits are equal, or differ somewhere.

Nothing is pickled or unpickled: arrays, boosters and tensors count by their bytes, objects by what
they are made of. What gives none of this away is named, never taken for equal.
"""

from __future__ import annotations

import functools
import hashlib
import math
import types
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

__all__ = ["State", "differences", "state_of"]

_PLAIN = (type(None), bool, int, str, bytes, complex)
_DEEPEST = 60


class State(NamedTuple):
    """A model's state.

    Attributes
    ----------
    digests : dict of str to str
        From the path of each part to what it holds.
    opaque : tuple of str
        Paths of parts that cannot be looked into.
    """

    digests: dict[str, str]
    opaque: tuple[str, ...]


def state_of(model: Any) -> State:
    """Return the state of a fitted model, or of any object.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> X = np.arange(6.0).reshape(3, 2)
    >>> one, other = (state_of(Ridge().fit(X, [0.0, 1.0, last])) for last in (2.0, 3.0))
    >>> differences(one, other)
    ['coef_', 'intercept_']
    """
    reader = _Reader()
    reader.read("", model, 0)
    return State(reader.digests, tuple(reader.opaque))


def differences(one: State, other: State) -> list[str]:
    """Return the paths at which two states differ."""
    paths = {**one.digests, **other.digests}
    return [path for path in paths if one.digests.get(path) != other.digests.get(path)]


class _Reader:
    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.opaque: list[str] = []
        self._seen: dict[int, tuple[Any, str]] = {}

    def read(self, path: str, value: Any, depth: int) -> None:
        plain = _plain(value)
        if plain is not None:
            self.digests[path] = plain
            return
        if id(value) in self._seen:
            self.digests[path] = f"the same as {self._seen[id(value)][1]}"
            return
        self._seen[id(value)] = (value, path)  # held, so that its id stays its own
        if depth > _DEEPEST:
            self.opaque.append(path)
            return
        for name, part in self._parts(path, value):
            joined = f"{path}.{name}" if path and name else path or name
            self.read(joined, part, depth + 1)

    def _parts(self, path: str, value: Any) -> list[tuple[str, Any]]:
        """Return what a value is made of; what it is itself goes to the digests."""
        match value:
            case np.ndarray():
                return self._of_array(path, value)
            case pd.DataFrame():
                self.digests[path] = f"frame {_of_list([str(kind) for kind in value.dtypes])}"
                columns = {
                    str(place): value.iloc[:, place].to_numpy() for place in range(value.shape[1])
                }
                return [("index", value.index), ("columns", value.columns), *columns.items()]
            case pd.Series():
                return [("index", value.index), ("", value.to_numpy()), ("name", str(value.name))]
            case Mapping():
                self.digests[path] = type(value).__name__
                return [(f"[{_key(key)}]", item) for key, item in value.items()]
            case list() | tuple():
                self.digests[path] = f"{type(value).__name__} of {len(value)}"
                return [(f"[{place}]", item) for place, item in enumerate(value)]
            case set() | frozenset():
                self.digests[path] = "set"
                return [("", sorted(map(repr, value)))]
            case functools.partial():
                return [("func", value.func), ("args", value.args), ("keywords", value.keywords)]
            case types.FunctionType():
                code = hashlib.sha256(value.__code__.co_code).hexdigest()
                self.digests[path] = f"{value.__module__}.{value.__qualname__} {code}"
                cells = [cell.cell_contents for cell in value.__closure__ or ()]
                return [("closure", cells), ("defaults", value.__defaults__)]
            case types.MethodType():
                return [("func", value.__func__), ("self", value.__self__)]
            case type() | types.BuiltinFunctionType() | np.ufunc() | types.ModuleType():
                self.digests[path] = repr(value)
                return []
        return self._of_object(path, value)

    def _of_array(self, path: str, value: np.ndarray[Any, Any]) -> list[tuple[str, Any]]:
        self.digests[path] = f"{value.dtype} {value.shape}"
        if value.dtype == object:
            return [("", value.tolist())]
        if value.dtype.names:  # by field: bytes between the fields mean nothing
            return [(name, np.ascontiguousarray(value[name])) for name in value.dtype.names]
        self.digests[path] += f" {hashlib.sha256(value.tobytes()).hexdigest()}"
        return []

    def _of_object(self, path: str, value: Any) -> list[tuple[str, Any]]:
        kind = type(value)
        self.digests[path] = f"{kind.__module__}.{kind.__qualname__}"
        if hasattr(value, "save_raw"):  # an XGBoost booster
            self.digests[path] += hashlib.sha256(bytes(value.save_raw("ubj"))).hexdigest()
            return []
        if kind.__module__.partition(".")[0] == "torch" or hasattr(value, "state_dict"):
            return self._of_torch(path, value)
        own_state = kind.__getstate__ not in (object.__getstate__, BaseEstimator.__getstate__)
        if hasattr(value, "__dict__") and not own_state:
            return list(vars(value).items())
        try:
            reduced = value.__reduce_ex__(4)
        except Exception:  # anybody's code; what cannot be looked into is named, not passed over
            self.opaque.append(path)
            return []
        if isinstance(reduced, str):
            return [("", reduced)]
        made_of = [("made of", reduced[1]), ("state", reduced[2] if len(reduced) > 2 else None)]
        items = [list(more) if more is not None else None for more in reduced[3:5]]
        return [*made_of, ("items", items)]

    def _of_torch(self, path: str, value: Any) -> list[tuple[str, Any]]:
        if hasattr(value, "detach"):
            return [("", value.detach().cpu().contiguous().numpy())]
        if hasattr(value, "state_dict"):
            return [("", dict(value.state_dict()))]
        if type(value).__name__ in ("dtype", "device", "Size"):
            return [("", repr(value))]
        self.opaque.append(path)
        return []


def _plain(value: Any) -> str | None:
    """Return the text of a value that has no parts."""
    if type(value) is float or isinstance(value, np.floating):
        return f"float {float(value).hex() if math.isfinite(value) else value}"
    if isinstance(value, (*_PLAIN, np.generic)) or value is Ellipsis:
        return repr(value)
    if isinstance(value, list) and all(type(one) in (str, int, bool) for one in value):
        return _of_list(value)
    if isinstance(value, pd.Index):  # by content: copies of a frame may share it or not
        return f"{value.dtype} {_of_list([list(value.names), value.tolist()])}"
    return None


def _of_list(values: list[Any]) -> str:
    return hashlib.sha256(repr(values).encode()).hexdigest()


def _key(key: Any) -> str:
    return key if isinstance(key, str) else repr(key)
