"""Results kept in one file each, without pickle: numbers as arrays, everything else as JSON.

What is kept are the library's own results: data classes, settings, models that are not fitted,
tables, arrays. Whatever is read is built by the constructors of these classes; nothing else in a
file is ever executed.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel
from sklearn.base import BaseEstimator

from tumor_response.exceptions import BundleError
from tumor_response.settings import canonical_json, thawed

__all__ = ["kept_bytes", "read_kept"]

_KIND = "!"
_TREE = "tree"
_PACKAGES = ("tumor_response", "sklearn", "xgboost")
_UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, AttributeError, ImportError),
    zipfile.BadZipFile,
)
_PLAIN = (bool, int, str, type(None))


def kept_bytes(value: Any) -> bytes:
    """Return a result as the bytes of an ``.npz`` file; equal results have equal bytes.

    Raises
    ------
    TypeError
        For something that is no result of this library: our own mistake.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "one.npz"
    >>> _ = path.write_bytes(kept_bytes({"auc": float("nan"), "order": ("a", 1)}))
    >>> read_kept(path)
    {'auc': nan, 'order': ('a', 1)}
    """
    writer = _Writer()
    tree = canonical_json(writer.node(value)).encode()
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        **{_TREE: np.frombuffer(tree, dtype=np.uint8)},
        **{f"a{number}": array for number, array in enumerate(writer.arrays)},
    )
    return buffer.getvalue()


def read_kept(path: Path) -> Any:
    """Return what :func:`kept_bytes` made a file of.

    Raises
    ------
    BundleError
        Code ``kept_unreadable``: the file is not there, or not one of those.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            tree = json.loads(file[_TREE].tobytes())
            reader = _Reader({name: file[name] for name in file.files})
        return reader.value(tree)
    except _UNREADABLE as error:
        raise BundleError(
            f"{path} is not a result that was kept here ({error}). Run the study again: the stage "
            "is done anew.",
            code="kept_unreadable",
        ) from error


class _Writer:
    def __init__(self) -> None:
        self.arrays: list[np.ndarray[Any, Any]] = []

    def node(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if type(value) is float:
            return value if np.isfinite(value) else {_KIND: "float", "text": repr(value)}
        if type(value) is list:
            return [self.node(one) for one in value]
        return {_KIND: None, **self._object(value)}

    def _object(self, value: Any) -> dict[str, Any]:
        if isinstance(value, tuple) and type(value) is tuple:
            return {_KIND: "tuple", "items": [self.node(one) for one in value]}
        if isinstance(value, set | frozenset):
            items = [self.node(one) for one in sorted(value, key=repr)]
            return {_KIND: type(value).__name__, "items": items}
        if isinstance(value, np.generic):
            return {_KIND: "scalar", "array": self._array(np.asarray(value))}
        if isinstance(value, np.ndarray):
            return {_KIND: "array", **self._values(value)}
        if isinstance(value, pd.DataFrame):
            return self._frame(value)
        if isinstance(value, pd.Series):
            return {
                _KIND: "series",
                "name": self.node(value.name),
                "index": self.node(value.index),
                "column": self._column(value),
                "attrs": self.node(dict(value.attrs)),
            }
        if isinstance(value, pd.Index):
            return self._index(value)
        if isinstance(value, pd.Timestamp):
            return {_KIND: "timestamp", "text": value.isoformat()}
        if isinstance(value, dt.date) and type(value) is dt.date:
            return {_KIND: "date", "text": value.isoformat()}
        if isinstance(value, Enum):
            return {_KIND: "enum", **_class_of(value), "value": self.node(value.value)}
        if isinstance(value, BaseModel):
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            return {_KIND: "object", **_class_of(value), "fields": self._fields(thawed(fields))}
        if isinstance(value, BaseEstimator):
            fitted = [name for name in vars(value) if name.endswith("_") and name[0] != "_"]
            if fitted:
                raise TypeError(f"a fitted {type(value).__name__} is not kept")
            return {
                _KIND: "object",
                **_class_of(value),
                "fields": self._fields(value.get_params(deep=False)),
            }
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
            return {_KIND: "object", **_class_of(value), "fields": self._fields(fields)}
        if isinstance(value, Mapping):
            pairs = [[self.node(key), self.node(one)] for key, one in value.items()]
            return {_KIND: "dict", "pairs": pairs}
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} is not kept")

    def _fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.node(value) for name, value in fields.items()}

    def _array(self, array: np.ndarray[Any, Any]) -> int:
        self.arrays.append(array)
        return len(self.arrays) - 1

    def _values(self, array: np.ndarray[Any, Any]) -> dict[str, Any]:
        if array.dtype == object:
            items = [self.node(one) for one in array.ravel().tolist()]
            return {"items": items, "shape": list(array.shape)}
        return {"array": self._array(array)}

    def _column(self, values: pd.Series | pd.Index) -> dict[str, Any]:
        kind = values.dtype
        if isinstance(kind, pd.CategoricalDtype):
            codes = np.asarray(pd.Categorical(values).codes)
            return {
                "dtype": "category",
                "codes": self._array(codes),
                "levels": self._column(kind.categories),
                "ordered": bool(kind.ordered),
            }
        if isinstance(kind, np.dtype):
            return {"dtype": str(kind), **self._values(values.to_numpy())}
        items = [None if pd.isna(one) else self.node(one) for one in values]
        return {"dtype": str(kind), "items": items, "shape": [len(items)]}

    def _index(self, index: pd.Index) -> dict[str, Any]:
        if isinstance(index, pd.MultiIndex):
            levels = [self._column(index.get_level_values(i)) for i in range(index.nlevels)]
            return {_KIND: "index", "names": self.node(list(index.names)), "levels": levels}
        if isinstance(index, pd.RangeIndex):
            place = [index.start, index.stop, index.step]
            return {_KIND: "range", "name": self.node(index.name), "place": place}
        return {_KIND: "index", "names": [self.node(index.name)], "levels": [self._column(index)]}

    def _frame(self, frame: pd.DataFrame) -> dict[str, Any]:
        numbers = [i for i, kind in enumerate(frame.dtypes) if kind == np.float64]
        return {
            _KIND: "frame",
            "index": self.node(frame.index),
            "columns": self.node(frame.columns),
            "numbers": numbers,
            # a table may have thousands of columns: one array instead of one each
            "array": self._array(frame.iloc[:, numbers].to_numpy(dtype=np.float64)),
            "others": [
                self._column(frame.iloc[:, i]) for i in range(frame.shape[1]) if i not in numbers
            ],
            "attrs": self.node(dict(frame.attrs)),
        }


class _Reader:
    def __init__(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._arrays = arrays
        self._kinds: dict[str, Callable[[dict[str, Any]], Any]] = {
            "float": lambda node: float(node["text"]),
            "tuple": lambda node: tuple(map(self.value, node["items"])),
            "set": lambda node: set(map(self.value, node["items"])),
            "frozenset": lambda node: frozenset(map(self.value, node["items"])),
            "scalar": lambda node: self._array(node["array"])[()],
            "array": self._values,
            "frame": self._frame,
            "series": self._series,
            "index": self._index,
            "range": self._range,
            "timestamp": lambda node: pd.Timestamp(node["text"]),
            "date": lambda node: dt.date.fromisoformat(node["text"]),
            "enum": lambda node: _known_class(node)(self.value(node["value"])),
            "object": self._object,
            "dict": lambda node: {self.value(key): self.value(one) for key, one in node["pairs"]},
        }

    def value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.value(one) for one in node]
        return self._kinds[node[_KIND]](node) if isinstance(node, dict) else node

    def _array(self, number: int) -> np.ndarray[Any, Any]:
        return self._arrays[f"a{number}"]

    def _values(self, node: dict[str, Any]) -> np.ndarray[Any, Any]:
        if "array" in node:
            return self._array(node["array"])
        values = np.empty(len(node["items"]), dtype=object)
        values[:] = [self.value(one) for one in node["items"]]
        return values.reshape(node["shape"])

    def _column(self, node: dict[str, Any]) -> Any:
        if node["dtype"] == "category":
            levels = pd.Index(self._column(node["levels"]))
            return pd.Categorical.from_codes(
                self._array(node["codes"]), categories=levels, ordered=node["ordered"]
            )
        values = self._values(node)
        return values if node["dtype"] == "object" else pd.array(values, dtype=node["dtype"])

    def _index(self, node: dict[str, Any]) -> pd.Index:
        names = [self.value(name) for name in node["names"]]
        levels = [self._column(level) for level in node["levels"]]
        if len(levels) > 1:
            return pd.MultiIndex.from_arrays(levels, names=names)
        dtype = "object" if node["levels"][0]["dtype"] == "object" else None
        index: pd.Index = pd.Index(levels[0], name=names[0], dtype=dtype)
        return index

    def _range(self, node: dict[str, Any]) -> pd.RangeIndex:
        start, stop, step = node["place"]
        return pd.RangeIndex(start, stop, step, name=self.value(node["name"]))

    def _series(self, node: dict[str, Any]) -> pd.Series:
        values = self._column(node["column"])
        series: pd.Series = pd.Series(
            values,
            index=self.value(node["index"]),
            name=self.value(node["name"]),
            dtype=node["column"]["dtype"],
        )
        series.attrs = self.value(node["attrs"])
        return series

    def _frame(self, node: dict[str, Any]) -> pd.DataFrame:
        columns, index = self.value(node["columns"]), self.value(node["index"])
        numbers = node["numbers"]
        frame = pd.DataFrame(self._array(node["array"]), index=index, columns=columns[numbers])
        if node["others"]:
            places = [i for i in range(len(columns)) if i not in set(numbers)]
            others = [
                pd.Series(self._column(one), index=index, dtype=one["dtype"])
                if one["dtype"] != "category"
                else pd.Series(self._column(one), index=index)
                for one in node["others"]
            ]
            parts: list[pd.Series] = [frame.iloc[:, i] for i in range(len(numbers))] + others
            order = np.argsort([*numbers, *places])
            frame = pd.concat([parts[i] for i in order], axis=1)
            frame.columns = columns
        frame.attrs = self.value(node["attrs"])
        return frame

    def _object(self, node: dict[str, Any]) -> Any:
        fields = {name: self.value(one) for name, one in node["fields"].items()}
        return _known_class(node)(**fields)


def _class_of(value: Any) -> dict[str, str]:
    named = {"module": type(value).__module__, "class": type(value).__qualname__}
    _known_class(named)
    return named


def _known_class(node: Mapping[str, Any]) -> Any:
    """Return a class that may be built; a file cannot name anything else."""
    if node["module"].partition(".")[0] not in _PACKAGES:
        raise TypeError(f"{node['module']}.{node['class']} is not kept")
    found = getattr(import_module(node["module"]), node["class"], None)
    ours = isinstance(found, type) and (
        dataclasses.is_dataclass(found) or issubclass(found, BaseModel | BaseEstimator | Enum)
    )
    if not ours:
        raise TypeError(f"{node['module']}.{node['class']} is not kept")
    return found
