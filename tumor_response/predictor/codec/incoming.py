"""JSON data, arrays and boosters to fitted models: only what is listed is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tumor_response.predictor.codec.known_parts import PARTS
from tumor_response.predictor.codec.trees import trees_from
from tumor_response.predictor.container import refused

__all__ = ["Incoming"]

_DEEPEST = 60
_TEXTS = list[str | None]


class Incoming:
    """What :class:`~tumor_response.predictor.codec.outgoing.Outgoing` made, on its way in.

    Parameters
    ----------
    arrays
        From name to array.
    texts
        Lists of texts.
    boosters
        In their order.
    """

    def __init__(
        self, arrays: Mapping[str, Any], texts: Sequence[_TEXTS], boosters: Sequence[Any]
    ) -> None:
        self._arrays = arrays
        self._texts = [_checked_texts(found) for found in texts]
        self._boosters = boosters
        self._indices: dict[tuple[int, str, str | None], pd.Index] = {}
        self._kinds: dict[str, Callable[[dict[str, Any], int], Any]] = {
            "float": lambda found, _: _real(found["value"]),
            "scalar": lambda found, _: self._numbers(found["array"])[()],
            "dtype": lambda found, _: np.dtype(_one_of(found["name"], _DTYPES)),
            "array": lambda found, _: self._array(found),
            "texts": lambda found, _: np.array([*self._list(found["number"]), None], object)[:-1],
            "fixed_texts": lambda found, _: np.array(self._list(found["number"]), dtype=str),
            "text_list": lambda found, _: list(self._list(found["number"])),
            "text_tuple": lambda found, _: tuple(self._list(found["number"])),
            "text_set": lambda found, _: set(self._list(found["number"])),
            "text_dict": lambda found, _: dict(
                zip(self._list(found["keys"]), self._list(found["values"]), strict=True)
            ),
            "list": self._items,
            "tuple": lambda found, depth: tuple(self._items(found, depth)),
            "set": lambda found, depth: set(self._items(found, depth)),
            "dict": self._dict,
            "index": lambda found, _: self._index(found),
            "series": self._series,
            "frame": self._frame,
            "booster": lambda found, _: self._boosters[_place(found["number"])],
        }

    def value(self, found: Any, depth: int = 0) -> Any:
        """Return the value of JSON data.

        Raises
        ------
        BundleError
            Code ``untrusted_type``: a type that is not listed; ``damaged_member``: data that make
            no value.
        """
        if depth > _DEEPEST:
            raise refused(f"a model is nested deeper than {_DEEPEST}.", code="damaged_member")
        if found is None or type(found) in (bool, int, float, str):
            return found
        if type(found) is not dict or type(found.get("is")) is not str:
            raise refused("a value of a model does not say what it is.", code="damaged_member")
        kind = found["is"]
        try:
            if kind in self._kinds:
                return self._kinds[kind](found, depth + 1)
            return self._part(kind, found, depth + 1)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise refused(
                f"a {kind[:40]!r} of a model cannot be made ({error!s:.200}).",
                code="damaged_member",
            ) from None

    def _part(self, name: str, found: dict[str, Any], depth: int) -> Any:
        part = PARTS.get(name)
        if part is None:
            raise refused(
                f"it holds a {name[:80]!r}, which is none of the types it may.",
                code="untrusted_type",
            )
        given, fitted = dict(found["given"]), dict(found.get("fitted", {}))
        if strange := sorted({*given} - {*part.parameters()} | {*fitted} - {*part.fitted}):
            raise refused(
                f"a {name} in it has {strange[0][:40]!r}, which none has.", code="untrusted_type"
            )
        made = part.type()(**{key: self.value(one, depth) for key, one in given.items()})
        for attribute, one in fitted.items():
            setattr(made, attribute, self.value(one, depth))
        if "trees" in found:
            _one_of("estimators_", part.left)
            made._validate_estimator()
            arrays = {key: self._numbers(array) for key, array in dict(found["trees"]).items()}
            made.estimators_ = trees_from(made, arrays)
        return made

    def _items(self, found: dict[str, Any], depth: int) -> list[Any]:
        items = found["items"]
        if type(items) is not list:
            raise TypeError("no list")
        return [self.value(one, depth) for one in items]

    def _dict(self, found: dict[str, Any], depth: int) -> dict[Any, Any]:
        keys = self._items({"items": found["keys"]}, depth)
        values = self._items({"items": found["values"]}, depth)
        return dict(zip(keys, values, strict=True))

    def _array(self, found: dict[str, Any]) -> Any:
        order = _one_of(found["order"], ("C", "F"))
        return np.array(self._numbers(found["array"]), order=order)

    def _index(self, found: dict[str, Any]) -> pd.Index:
        number, dtype, name = _place(found["number"]), found["dtype"], found["name"]
        key = (number, _one_of(dtype, ("object", "str")), name)
        if key not in self._indices:
            # one object for all steps: they compare their columns by identity first
            self._indices[key] = pd.Index(self._list(number), dtype=dtype, name=name)
        return self._indices[key]

    def _series(self, found: dict[str, Any], depth: int) -> pd.Series:
        values = self.value(found["values"], depth)
        return pd.Series(values, index=self._index(found["index"]))

    def _frame(self, found: dict[str, Any], depth: int) -> pd.DataFrame:
        values = self._items({"items": found["values"]}, depth)
        columns = dict(zip(found["columns"], values, strict=True))
        return pd.DataFrame(columns, index=self._index(found["index"]))

    def _list(self, number: Any) -> _TEXTS:
        return self._texts[_place(number)]

    def _numbers(self, name: Any) -> Any:
        return self._arrays[name]


_DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "float16", "float32", "float64")


def _checked_texts(found: Any) -> _TEXTS:
    if type(found) is not list or any(one is not None and type(one) is not str for one in found):
        raise refused("a list of texts holds something else.", code="damaged_member")
    return found


def _place(number: Any) -> int:
    if type(number) is not int or number < 0:
        raise IndexError(f"no place {number!r:.40}")
    return number


def _one_of(word: Any, words: Sequence[str]) -> Any:
    if word not in words:
        raise ValueError(f"{word!r:.40} is none of {', '.join(words)}")
    return word


def _real(word: Any) -> float:
    return float(_one_of(word, ("inf", "-inf", "nan")))
