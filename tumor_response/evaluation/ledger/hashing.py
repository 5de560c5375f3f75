"""The same outcome, table or model gives the same hash, in any process and on any machine."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.settings import Settings, canonical_json, sha256_of_json

__all__ = ["described", "frame_sha256", "model_sha256", "row_order", "series_sha256"]

IntArray = npt.NDArray[np.int64]


def row_order(index: pd.Index) -> IntArray:
    """Return the positions that sort the rows by their keys as text.

    Examples
    --------
    >>> row_order(pd.Index(["P2", "P1"], name="patient_id")).tolist()
    [1, 0]
    """
    keys = _keys(index)
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def series_sha256(values: pd.Series) -> str:
    """Return the hash of keys and values, to the bit, whatever the order of the rows.

    One hash over all keys: no identifier can be told from it, since all the others would have to
    be known as well.

    Examples
    --------
    >>> rate = pd.Series([1.0, 2.0], index=pd.Index(["P1", "P2"], name="patient_id"))
    >>> [series_sha256(other) == series_sha256(rate) for other in (rate[::-1], -rate)]
    [True, False]
    """
    return frame_sha256(values.to_frame("values"))


def frame_sha256(frame: pd.DataFrame) -> str:
    """Return the hash of keys, column names and values, whatever the order of rows and columns.

    Numbers count as float64 with one NaN; everything else as its text.

    Examples
    --------
    >>> frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=["P1", "P2"])
    >>> frame_sha256(frame) == frame_sha256(frame[["b", "a"]].iloc[::-1])
    True
    """
    order = row_order(frame.index)
    keys = _keys(frame.index)
    total = hashlib.sha256(canonical_json([keys[at] for at in order]).encode())
    for name in sorted(frame.columns):
        column = frame[name]
        total.update(canonical_json(str(name)).encode())
        if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
            numbers = column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)[order]
            numbers[np.isnan(numbers)] = np.nan  # there are many kinds of NaN
            total.update(numbers.astype("<f8").tobytes())
        else:
            words = column.astype("object").where(column.notna(), None).tolist()
            told = [None if words[at] is None else str(words[at]) for at in order]
            total.update(canonical_json(told).encode())
    return total.hexdigest()


def _keys(index: pd.Index) -> list[list[str]]:
    return [[str(part) for part in (key if isinstance(key, tuple) else (key,))] for key in index]


def described(value: Any) -> Any:
    """Return what a value is, as JSON that the same value gives everywhere.

    Estimators and settings are described by class and parameters, arrays and frames by their
    hash, functions and classes by name. Of other objects only the class is known.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> described(Ridge(alpha=0.5))["parameters"]["alpha"], described(float("nan"))
    (0.5, 'nan')
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            if not math.isfinite(value):
                return str(value)
            return int(value) if value.is_integer() else value  # 2 and 2.0 are one setting
        case np.generic():
            return described(value.item())
        case np.ndarray():
            if value.dtype == object:
                return described(value.tolist())
            facts = canonical_json([value.dtype.str, list(value.shape)]).encode()
            return {"array": hashlib.sha256(facts + value.tobytes()).hexdigest()}
        case pd.DataFrame():
            return {"frame": frame_sha256(value)}
        case pd.Series():
            return {"series": series_sha256(value)}
        case Settings():
            return {"class": _name(type(value)), "settings": value.model_dump(mode="json")}
        case BaseEstimator():
            parameters = value.get_params(deep=False)
            return {"class": _name(type(value)), "parameters": described(parameters)}
        case Mapping():
            return {str(key): described(item) for key, item in value.items()}
        case list() | tuple():
            return [described(item) for item in value]
        case set() | frozenset():
            return sorted((described(item) for item in value), key=canonical_json)
        case type():
            return _name(value)
    if dataclasses.is_dataclass(value):
        parts = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
        return {"class": _name(type(value)), "parameters": described(parts)}
    if callable(value) and hasattr(value, "__qualname__"):
        return _name(value)
    return {"class": _name(type(value))}


def _name(thing: Any) -> str:
    """Name a class by package and name: moving it between modules makes it no other class."""
    return f"{thing.__module__.partition('.')[0]}.{thing.__qualname__}"


def model_sha256(model: BaseEstimator) -> str:
    """Return the hash of an unfitted model's classes and parameters.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> model_sha256(Ridge(alpha=2.0)) == model_sha256(Ridge(alpha=2)), len(model_sha256(Ridge()))
    (True, 64)
    """
    return sha256_of_json(described(model))
