"""Repeats as they are read back: cases by repeats by columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.repeats.plan import UNALTERED

__all__ = ["RepeatValues", "failed_repeats", "read_repeats"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RepeatValues:
    """The repeats of some cases.

    Parameters
    ----------
    values : ndarray of float64, shape (n_cases, 1 + n_repeats, n_columns)
        Row 0 of each case is the unaltered one. NaN: the repeat failed, the feature is not
        defined there, or the perturbation does not apply.
    columns
        Names of the table's columns.
    perturbations
        For each of the 1 + n_repeats rows the name of its perturbation; ``"unaltered"`` for the
        first.
    draws
        For each row its number within the perturbation.
    applies : ndarray of bool, shape (1 + n_repeats, n_columns)
        False where a perturbation means nothing to a column's extractor, as bin width to a deep
        one: no value, and no agreement either.
    keys
        Of the cases.

    Examples
    --------
    >>> some = RepeatValues(np.zeros((1, 3, 2)), ("a__x", "a__y"), ("unaltered", "noise", "shift"),
    ...                     (0, 0, 0), np.ones((3, 2), bool), ("ab" * 32,))
    >>> some.of("shift").values.shape, some.names
    ((1, 2, 2), ['noise', 'shift'])
    """

    values: FloatArray
    columns: tuple[str, ...]
    perturbations: tuple[str, ...]
    draws: tuple[int, ...]
    applies: BoolArray
    keys: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The perturbations, without the unaltered row, in their order."""
        return list(dict.fromkeys(name for name in self.perturbations if name != UNALTERED))

    def of(self, perturbations: str | Sequence[str]) -> RepeatValues:
        """Return the unaltered row and those of some perturbations.

        Raises
        ------
        FeatureError
            Code ``perturbation_unknown``.
        """
        wanted = [perturbations] if isinstance(perturbations, str) else list(perturbations)
        unknown = [name for name in wanted if name not in self.names]
        if unknown or not wanted:
            raise FeatureError(
                f"No repeats of {', '.join(map(repr, unknown)) or 'nothing'}; the store has "
                f"{', '.join(map(repr, self.names))}.",
                code="perturbation_unknown",
            )
        rows = [at for at, name in enumerate(self.perturbations) if name in {UNALTERED, *wanted}]
        return replace(
            self,
            values=self.values[:, rows],
            perturbations=tuple(self.perturbations[at] for at in rows),
            draws=tuple(self.draws[at] for at in rows),
            applies=self.applies[rows],
        )


def read_repeats(
    store: ViewStore | str | Path,
    keys: Iterable[str] | pd.Series,
    columns: Sequence[str] | None = None,
) -> RepeatValues:
    """Read the repeats of some cases.

    Parameters
    ----------
    store
        The store that :class:`Repeats` wrote to, or its folder.
    keys
        Of the cases, in the order wanted; a column ``views__<name>__key`` of a table. A key that
        comes twice is given twice.
    columns
        Which columns, in this order; None: all.

    Raises
    ------
    FeatureError
        Code ``view_store``: no such folder; ``view_key``, ``view_missing`` and ``view_damaged``
        (:meth:`ViewStore.get`); a case without a key has code ``view_key``. ``repeats_differ``:
        cases of other extractors, rules or seeds; ``repeats_columns``: a column without repeats;
        ``no_repeats``: no case.

    Examples
    --------
    See :class:`Repeats`.
    """
    wanted = [key if isinstance(key, str) else "" for key in keys]
    if not wanted:
        raise FeatureError("read_repeats: no keys, so no repeats.", code="no_repeats")
    opened = _opened(_folder(store))
    arrays = {key: opened.get(key) for key in dict.fromkeys(wanted)}
    layouts = {_layout_of(opened, key) for key in arrays}
    if len(layouts) > 1:
        raise FeatureError(
            f"These {len(arrays)} cases have repeats of {len(layouts)} kinds (other extractors, "
            "rules, seeds or versions), whose rows and columns are not the same. Extract the "
            "whole cohort with one tr.Repeats(...).",
            code="repeats_differ",
        )
    layout = _layout(opened, layouts.pop())
    places = _places(layout, columns)
    taken = {key: np.asarray(array)[:, places] for key, array in arrays.items()}
    rows = [(str(name), int(draw)) for name, draw in layout["rows"]]
    return RepeatValues(
        values=np.stack([taken[key] for key in wanted]),
        columns=tuple(layout["columns"] if columns is None else columns),
        perturbations=tuple(name for name, _ in rows),
        draws=tuple(draw for _, draw in rows),
        applies=_applies(layout, rows)[:, places],
        keys=tuple(wanted),
    )


def failed_repeats(store: ViewStore | str | Path, keys: Iterable[str] | pd.Series) -> pd.DataFrame:
    """Return why repeats have no values.

    Parameters
    ----------
    store, keys
        As in :func:`read_repeats`.

    Returns
    -------
    DataFrame
        One row per repeat and block without any value: ``key``, ``perturbation``, ``draw``,
        ``block``, ``code``, ``message``.

    Raises
    ------
    FeatureError
        As :func:`read_repeats`.
    """
    opened = _opened(_folder(store))
    told = []
    for key in dict.fromkeys(keys):
        record = opened.record(key)
        rows = _layout(opened, record["layout"])["rows"]
        told += [
            (key, *rows[one["row"]], one["block"], one["code"], one["message"])
            for one in record["failed"]
        ]
    names = ["key", "perturbation", "draw", "block", "code", "message"]
    return pd.DataFrame(told, columns=names).astype({"draw": "int64"})


def _folder(store: ViewStore | str | Path) -> str:
    """Return a store's folder; one that is not there is refused, never made."""
    folder = store.directory if isinstance(store, ViewStore) else store
    if not isinstance(folder, str | Path) or not Path(folder).is_dir():
        raise FeatureError(
            f"store={str(folder)!r}: there is no such folder of repeats. Give the one that "
            "tr.Repeats(..., store=folder) filled.",
            code="view_store",
        )
    return str(folder)


@lru_cache(maxsize=8)
def _opened(directory: str) -> ViewStore:
    """Return a store that remembers what it has checked: every resample reads it again."""
    return ViewStore(directory)


@lru_cache(maxsize=100_000)
def _layout_of(store: ViewStore, key: str) -> str:
    return str(store.record(key)["layout"])


@lru_cache(maxsize=8)
def _layout(store: ViewStore, key: str) -> dict[str, Any]:
    return store.record(key)


def _places(layout: dict[str, Any], columns: Sequence[str] | None) -> list[int] | slice:
    if columns is None:
        return slice(None)
    place = {name: at for at, name in enumerate(layout["columns"])}
    if absent := [name for name in columns if name not in place]:
        blocks = ", ".join(block for block, _ in layout["blocks"])
        raise FeatureError(
            f"{len(absent)} column(s) have no repeats, {absent[0]!r} for one: they are of the "
            f"blocks {blocks}. Give their extractor to tr.Repeats(...).",
            code="repeats_columns",
        )
    places = [place[name] for name in columns]
    first = places[0] if places else 0
    if places == list(range(first, first + len(places))):
        return slice(first, first + len(places))  # read in one piece
    return places


def _applies(layout: dict[str, Any], rows: Sequence[tuple[str, int]]) -> BoolArray:
    blocks = np.array([block for block, n in layout["blocks"] for _ in range(n)])
    applies = np.ones((len(rows), len(blocks)), dtype=bool)
    for at, (name, _) in enumerate(rows):
        if name in layout["applies"]:
            applies[at] = np.isin(blocks, layout["applies"][name])
    return applies
