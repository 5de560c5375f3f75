"""What was fitted to which rows: the record of one watched run of one resample."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.leakage.known_rows import KnownRows, Matched, n_rows_of, row_keys
from tumor_response.evaluation.leakage.watching import FITS, SCORES, TRANSFORMS

__all__ = ["FitSeen", "Recorder", "SplitSeen", "seed_of_everybody"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FitSeen:
    """One fit.

    Attributes
    ----------
    step : str
        Path of the estimator in its model, empty for the model itself.
    method : str
    n_rows : int
    rows : ndarray of int64 or None
        Row numbers, copies included; None where nobody can tell whose rows they are.
    known_by : str
        ``"index"``, ``"contents"``, ``"place"`` (as many rows as the enclosing fit, in its order),
        ``"values"`` (raw values of the table), or ``"unknown"``.
    while_scoring : bool
        Whether it happened inside a call that was to score rows, not to fit.
    """

    step: str
    method: str
    n_rows: int
    rows: IntArray | None
    known_by: str
    while_scoring: bool


@dataclass(frozen=True)
class SplitSeen:
    """One inner split of a fit's rows.

    Attributes
    ----------
    step : str
        Path of the estimator whose fit made it.
    source : str
        What made it: a splitter's class, ``"fit and score"``, ``"eval_set"``, ``"patient_folds"``.
    train, held_out : ndarray of int64 or None
        Row numbers; None where nobody can tell.
    """

    step: str
    source: str
    train: IntArray | None
    held_out: IntArray | None


@dataclass
class _Call:
    """A call that is going on."""

    estimator: Any
    method: str
    step: str
    n_rows: int
    rows: IntArray | None
    known: list[Matched] = field(default_factory=list)
    fitted: dict[int, tuple[Any, IntArray | None]] = field(default_factory=dict)
    codes: dict[int, set[int]] = field(default_factory=dict)
    told_splits: bool = False

    @property
    def is_fit(self) -> bool:
        return self.method in FITS


class Recorder:
    """Keeps fits and splits while a model is fitted and scored (see ``watching``).

    Parameters
    ----------
    known
        The rows of the evaluation.

    Attributes
    ----------
    fits : list of FitSeen
    splits_seen : list of SplitSeen
    models : list of estimator
        What was fitted at the outermost level, in order.
    """

    def __init__(self, known: KnownRows) -> None:
        self._known = known
        self._stack: list[_Call] = []
        self._splitting: set[int] = set()
        self.fits: list[FitSeen] = []
        self.splits_seen: list[SplitSeen] = []
        self.models: list[Any] = []
        self._begun: list[tuple[int, int]] = []

    def by_model(self) -> list[tuple[list[FitSeen], list[SplitSeen]]]:
        """Return fits and splits of each of :attr:`models`, its scoring included."""
        ends = [*self._begun[1:], (len(self.fits), len(self.splits_seen))]
        return [
            (self.fits[fit:fit_end], self.splits_seen[split:split_end])
            for (fit, split), (fit_end, split_end) in zip(self._begun, ends, strict=True)
        ]

    def called(
        self, estimator: Any, method: str, call: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Make a call of an estimator and note whose rows it was given."""
        X = args[0] if args else kwargs.get("X")
        above = self._stack[-1] if self._stack else None
        inside_itself = above is not None and above.estimator is estimator
        # what takes one list, as encoders of labels, is not fitted to rows
        if X is None or inside_itself or len(getattr(X, "shape", (0, 0))) != 2:
            return call(*args, **kwargs)
        rows, known_by = self._whose(X, above)
        step = "" if above is None else _path(above, estimator)
        here = _Call(estimator, method, step, n_rows_of(X) or 0, rows)
        if above is None and here.is_fit:
            self.models.append(estimator)
            self._begun.append((len(self.fits), len(self.splits_seen)))
            seed_of_everybody()
        if rows is not None:
            here.known.append(Matched(X, rows))
        self._stack.append(here)
        try:
            if here.is_fit:
                self._note_given_beside(here, X, args, kwargs)
            answer = call(*args, **kwargs)
        finally:
            self._stack.pop()
        if here.is_fit:
            scoring = any(not one.is_fit for one in self._stack)
            self.fits.append(FitSeen(step, method, here.n_rows, rows, known_by, scoring))
        if above is not None:
            self._note_in(above, here, answer)
        return answer

    def splits(self, splitter: Any, pairs: Iterable[Any], X: Any) -> Iterator[Any]:
        """Hand on a splitter's pairs of positions, and note whose rows are on which side."""
        above = self._stack[-1] if self._stack else None
        outermost = id(splitter) not in self._splitting
        self._splitting.add(id(splitter))
        try:
            for train, held_out in pairs:
                if outermost and above is not None and above.is_fit:
                    rows = self._whose(X, above)[0]
                    source = type(splitter).__name__
                    above.told_splits = rows is not None
                    sides = (None, None) if rows is None else (rows[train], rows[held_out])
                    self.splits_seen.append(SplitSeen(above.step, source, *sides))
                yield train, held_out
        finally:
            if outermost:
                self._splitting.discard(id(splitter))

    def patients(self, X: Any, codes: IntArray) -> None:
        """Note whose rows bear which of the integers that the library's folds go by."""
        if not self._stack:
            return
        here = self._stack[-1]
        rows = self._whose(X, here)[0]
        here.codes, here.told_splits = {}, rows is not None
        if rows is not None:
            for code, row in zip(codes.tolist(), rows.tolist(), strict=True):
                here.codes.setdefault(code, set()).add(row)

    def folds(self, codes: IntArray, folds: IntArray) -> None:
        """Note whose rows are in which of the library's own folds."""
        if not self._stack:
            return
        here = next((one for one in reversed(self._stack) if one.codes), self._stack[-1])
        unknown = not set(codes.tolist()) <= set(here.codes)
        for fold in np.unique(folds).tolist():
            sides: list[IntArray | None] = [None, None]
            if not unknown:
                for side, of_side in enumerate((codes[folds != fold], codes[folds == fold])):
                    rows = [row for code in np.unique(of_side).tolist() for row in here.codes[code]]
                    sides[side] = np.array(rows, dtype=np.int64)
            self.splits_seen.append(SplitSeen(here.step, "patient_folds", sides[0], sides[1]))

    def _whose(self, X: Any, above: _Call | None) -> tuple[IntArray | None, str]:
        """Return the row numbers of ``X``, and what they are known by."""
        by_index = self._known.by_index(X)
        if by_index is not None and (by_index >= 0).all():
            return by_index, "index"
        keys: list[bytes] | None = None
        for call in reversed(self._stack):
            for matched in call.known:
                if keys is None and X is not matched.X:
                    keys = row_keys(X)
                found = matched.rows_of(X, keys)
                if found is not None:
                    return found, "contents"
        n_rows = n_rows_of(X)
        if above is not None and above.rows is not None and n_rows == len(above.rows):
            return above.rows, "place"
        if by_index is not None:  # among rows of nobody known
            return by_index[by_index >= 0], "index"
        by_values = self._known.by_values(X)
        if by_values is not None:
            return by_values[by_values >= 0], "values"
        return None, "unknown"

    def _note_given_beside(self, here: _Call, X: Any, args: Any, kwargs: Any) -> None:
        """Note rows that a fit is given beside those it trains on, such as ``eval_set``."""
        given = [*(("eval_set", one) for one in args[2:]), *kwargs.items()]
        for name, one in given:
            for other in _matrices(one):
                if other is X or name == "X":
                    continue
                if not _same(other, X):  # training rows that are watched are not held out
                    rows = self._whose(other, None)[0]
                    self.splits_seen.append(SplitSeen(here.step, name, here.rows, rows))

    def _note_in(self, above: _Call, here: _Call, answer: Any) -> None:
        """Note in the enclosing call what a call inside it did."""
        moves = here.method in (*TRANSFORMS, "fit_transform")
        if moves and here.rows is not None and n_rows_of(answer) == len(here.rows):
            above.known.append(Matched(answer, here.rows))
        if here.is_fit:
            above.fitted[id(here.estimator)] = (here.estimator, here.rows)
        elif here.method in SCORES and above.is_fit and id(here.estimator) in above.fitted:
            train = above.fitted[id(here.estimator)][1]
            if type(above.estimator).__name__.endswith("Imputer"):
                return  # it predicts gaps from the rows without them, and validates nothing
            if train is None or here.rows is None or above.rows is None:
                # who made the folds has mostly told of them
                if not above.told_splits and here.n_rows < above.n_rows:
                    self.splits_seen.append(SplitSeen(above.step, "fit and score", None, None))
            elif _held_out(train, here.rows, above.rows):
                self.splits_seen.append(SplitSeen(above.step, "fit and score", train, here.rows))


def seed_of_everybody() -> None:
    """Seed the global generators, which estimators without a seed of their own draw from.

    NumPy's and Python's, so that two fits to the same rows can be compared.
    """
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)


def _held_out(train: IntArray, scored: IntArray, all_rows: IntArray) -> bool:
    """Tell whether the scored rows are rows that were kept from training, copies counted."""
    if not len(scored) or len(train) >= len(all_rows):
        return False
    there = Counter(all_rows.tolist())
    used = Counter(train.tolist())
    used.update(scored.tolist())
    return all(n <= there[row] for row, n in used.items())


def _same(one: Any, other: Any) -> bool:
    keys = row_keys(one)
    return keys is not None and keys == row_keys(other)


def _matrices(given: Any) -> Iterator[np.ndarray[Any, Any] | pd.DataFrame]:
    """Yield the two-dimensional arrays and frames in an argument."""
    if isinstance(given, (list, tuple)):
        for one in given:
            yield from _matrices(one)
    elif isinstance(given, (np.ndarray, pd.DataFrame)) and len(given.shape) == 2:
        yield given


def _path(above: _Call, estimator: Any) -> str:
    """Return the path of an estimator inside the call above: step names, else classes."""
    named: Any = getattr(above.estimator, "steps", ())
    name = next((step[0] for step in named if step[1] is estimator), type(estimator).__name__)
    return f"{above.step}/{name}" if above.step else str(name)
