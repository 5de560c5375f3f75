"""Fitted models to JSON data, arrays and boosters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import BundleError
from tumor_response.predictor.codec.arrays import ArrayStore
from tumor_response.predictor.codec.boosters import booster_bytes
from tumor_response.predictor.codec.known_parts import holds_rows, part_of, type_name
from tumor_response.predictor.codec.parts import Part
from tumor_response.predictor.codec.trees import forest_arrays

__all__ = ["Outgoing"]

_WIDEST = 2**63


class Outgoing:
    """What models turn into.

    Numbers, texts and nothing are as they are in JSON; anything else is an object whose ``is``
    says what. Texts of a whole axis (column names) are kept once, however many steps hold them.

    Attributes
    ----------
    arrays
        The arrays that the JSON names.
    texts : list of list of str or None
        The lists of texts that the JSON numbers.
    boosters : list of bytes
        The boosters that the JSON numbers.

    Examples
    --------
    >>> out = Outgoing()
    >>> out.value((1, 2.5, {"a": np.inf}), "model")
    {'is': 'tuple', 'items': [1, 2.5, {'is': 'dict', 'keys': ['a'], 'values': [{'is': 'float', \
'value': 'inf'}]}]}
    """

    def __init__(self) -> None:
        self.arrays = ArrayStore()
        self.texts: list[list[str | None]] = []
        self.boosters: list[bytes] = []
        self._numbers: dict[tuple[str | None, ...], int] = {}

    def value(self, value: Any, where: str) -> Any:
        """Return a value as JSON data.

        Parameters
        ----------
        value
            What a fitted model holds.
        where
            The path to it, for messages.

        Raises
        ------
        BundleError
            Code ``training_rows``: a model that is its training patients; ``not_storable``: a
            type, or an attribute, that may not be written.
        """
        part = part_of(value)
        if part is not None:
            return self._part(value, part, where)
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int and abs(value) < _WIDEST:
            return value
        if type(value) is float:
            return _real(value)
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            return {"is": "scalar", "array": self.arrays.add(np.asarray(value))}
        if isinstance(value, np.dtype) and value.kind in "biuf":
            return {"is": "dtype", "name": value.name}
        if isinstance(value, np.ndarray):
            return self._array(value, where)
        if isinstance(value, dict):
            return self._dict(value, where)
        if type(value) in (list, tuple, set):
            return self._sequence(value, where)
        if isinstance(value, pd.Index | pd.Series | pd.DataFrame):
            return self._pandas(value, where)
        if type(value).__name__ == "Booster" and type(value).__module__.startswith("xgboost."):
            self.boosters.append(booster_bytes(value))
            return {"is": "booster", "number": len(self.boosters) - 1}
        raise _refusal(value, where)

    def _part(self, value: Any, part: Part, where: str) -> dict[str, Any]:
        names = part.parameters()
        given = {name: self.value(getattr(value, name), f"{where}.{name}") for name in names}
        made: dict[str, Any] = {"is": part.name, "given": given}
        if not isinstance(value, BaseEstimator):
            return made
        held = {name: item for name, item in vars(value).items() if not name.startswith("__")}
        if strange := part.strange(set(held)):
            raise BundleError(
                f"{where} ({part.name}) holds {strange[0]!r}, of which this version does not know "
                "whether it may travel. A predictor file holds what is listed, and nothing else.",
                code="not_storable",
            )
        made["fitted"] = {
            name: self.value(held[name], f"{where}.{name}") for name in part.fitted if name in held
        }
        if "estimators_" in part.left and "estimators_" in held:
            arrays = forest_arrays(value)
            made["trees"] = {name: self.arrays.add(found) for name, found in arrays.items()}
        return made

    def _array(self, value: Any, where: str) -> dict[str, Any]:
        if value.dtype.kind in "biuf":
            fortran = value.flags.f_contiguous and not value.flags.c_contiguous
            return {
                "is": "array",
                "array": self.arrays.add(value),
                "order": "F" if fortran else "C",
            }
        if value.ndim == 1 and value.dtype.kind in "OU" and _are_texts(value):
            kind = "texts" if value.dtype.kind == "O" else "fixed_texts"
            return {"is": kind, "number": self._text_number(value)}
        raise _refusal(value, where)

    def _dict(self, value: dict[Any, Any], where: str) -> dict[str, Any]:
        if value and _are_texts(value) and _are_texts(value.values()):
            return {
                "is": "text_dict",
                "keys": self._text_number(value),
                "values": self._text_number(value.values()),
            }
        return {
            "is": "dict",
            "keys": [self.value(key, f"{where}[key]") for key in value],
            "values": [self.value(item, f"{where}[{key!r}]") for key, item in value.items()],
        }

    def _sequence(self, value: Any, where: str) -> dict[str, Any]:
        kind = type(value).__name__
        items: Sequence[Any] = sorted(value) if kind == "set" else value
        if items and _are_texts(items):
            return {"is": f"text_{kind}", "number": self._text_number(items)}
        return {
            "is": kind,
            "items": [self.value(one, f"{where}[{place}]") for place, one in enumerate(items)],
        }

    def _pandas(self, value: Any, where: str) -> dict[str, Any]:
        if isinstance(value, pd.Index):
            if not _are_texts(value) or type(value) is not pd.Index:
                raise _refusal(value, where)
            name = value.name
            dtype = "object" if value.dtype == object else "str"
            if name is not None and type(name) is not str:
                raise _refusal(name, f"{where}.name")
            return {"is": "index", "number": self._text_number(value), "dtype": dtype, "name": name}
        index = self._pandas(value.index, f"{where}.index")
        if isinstance(value, pd.Series):
            values = self._array(value.to_numpy(), where)
            return {"is": "series", "index": index, "values": values}
        columns = {str(name): self._array(value[name].to_numpy(), where) for name in value}
        return {
            "is": "frame",
            "index": index,
            "columns": list(columns),
            "values": list(columns.values()),
        }

    def _text_number(self, texts: Iterable[Any]) -> int:
        key = tuple(None if text is None else str(text) for text in texts)
        if key not in self._numbers:
            self._numbers[key] = len(self.texts)
            self.texts.append(list(key))
        return self._numbers[key]


def _real(value: float) -> Any:
    return value if math.isfinite(value) else {"is": "float", "value": str(value)}


def _are_texts(values: Iterable[Any]) -> bool:
    return all(one is None or type(one) in (str, np.str_) for one in values)


def _refusal(value: Any, where: str) -> BundleError:
    if holds_rows(value):
        return BundleError(
            f"{where} is a {type_name(value)}, which is its training patients' rows: to send it "
            "would be to send them. Take another model, such as 'logistic' or 'xgboost'.",
            code="training_rows",
        )
    return BundleError(
        f"{where} is a {type_name(value)}, which a predictor file does not hold: it has models of "
        "this library, and of scikit-learn those that docs/guide/predictor_file.md names.",
        code="not_storable",
    )
