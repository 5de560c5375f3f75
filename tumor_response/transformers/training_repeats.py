"""The repeats of training lesions, and what they say of each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ModelError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.repeats import RepeatValues, read_repeats
from tumor_response.repeatability import icc
from tumor_response.repeatability.agreement import Kind
from tumor_response.transformers._frames import FloatArray

__all__ = [
    "JUDGED",
    "Judged",
    "TrainingRepeats",
    "check_unaltered",
    "judged",
    "known_beforehand",
    "training_repeats",
]

BoolArray = npt.NDArray[np.bool_]

JUDGED = "judged"
_AT_ONCE = 4_000_000
"""Values of repeats that are in memory at a time."""
_TOLERANCE = 1e-3
"""Of the column's scatter, or of the value: what two devices may differ by."""


@dataclass(frozen=True, eq=False)
class TrainingRepeats:
    """Which repeats belong to some rows.

    Parameters
    ----------
    store
        Where they are.
    keys
        Of the different lesions, in an order of their own.
    rows : ndarray of int64
        The first row of each.
    n_patients
        Whose lesions they are.
    n_without
        Different lesions without a key.
    """

    store: ViewStore | str | Path
    keys: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    n_patients: int
    n_without: int


@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of each column.

    Parameters
    ----------
    icc, low, high : ndarray of float64
        The correlation and its 95 % confidence limits.
    n_lesions : ndarray of int64
        Lesions that it is made from.
    status : ndarray of object
        :data:`JUDGED`, ``"no_repeats"`` or ``"not_applicable"``.
    reason : ndarray of object
        Why a column that is judged has no correlation; else empty.
    """

    icc: FloatArray
    low: FloatArray
    high: FloatArray
    n_lesions: npt.NDArray[np.int64]
    status: npt.NDArray[np.object_]
    reason: npt.NDArray[np.object_]

    @classmethod
    def nothing(cls, n_columns: int) -> Judged:
        """Return what is known of columns without repeats."""
        icc, low, high = np.full((3, n_columns), np.nan)
        status = np.full(n_columns, "no_repeats", dtype=object)
        reason = np.full(n_columns, "", dtype=object)
        return cls(icc, low, high, np.zeros(n_columns, dtype=np.int64), status, reason)


def training_repeats(
    X: pd.DataFrame, column: str, store: ViewStore | str | Path, min_patients: int
) -> TrainingRepeats:
    """Return the repeats of the lesions of ``X``, each once.

    Raises
    ------
    ModelError
        Code ``too_few_repeats``.
    """
    given = X[column].astype(object)
    has_key = given.notna().to_numpy()
    first: dict[str, int] = {}
    for row in np.nonzero(has_key)[0]:
        first.setdefault(str(given.iloc[row]), int(row))
    keys = tuple(sorted(first))
    rows = np.array([first[key] for key in keys], dtype=np.int64)
    named = "patient_id" in X.index.names
    patients = X.index.get_level_values("patient_id")[rows] if named else rows
    n_patients = len(set(patients))
    n_without = X.index[~has_key].nunique()
    if n_patients < min_patients:
        raise ModelError(
            f"StableColumns: {n_patients} of the training patients have repeats in {column!r}, "
            f"{n_without} lesion(s) have none; expected {min_patients} patients or more, since a "
            "correlation of few says little. Extract repeats of the whole cohort, give the "
            "correlations of an external set (icc=), or ask for fewer (min_patients=).",
            code="too_few_repeats",
        )
    return TrainingRepeats(store, keys, rows, n_patients, n_without)


def judged(
    repeats: TrainingRepeats,
    frame: pd.DataFrame,
    kind: Kind,
    perturbations: str | Sequence[str] | None,
    min_lesions: int,
) -> Judged:
    """Return the correlation of each column of ``frame`` over the repeats of its lesions.

    Parameters
    ----------
    repeats
        Of the rows of ``frame``.
    frame
        The values as they were extracted.
    kind
        Of the correlation.
    perturbations
        Whose repeats count; None: all.
    min_lesions
        With all repeats; of fewer a column gets no correlation.

    Raises
    ------
    ModelError
        Codes ``no_repeats`` and ``repeats_of_other_values``.
    FeatureError
        As :func:`tumor_response.features.repeats.read_repeats`; ``perturbation_unknown``.
    """
    first = read_repeats(repeats.store, repeats.keys[:1])
    known = set(first.columns)
    names = list(map(str, frame.columns))
    places = np.array([at for at, name in enumerate(names) if name in known], dtype=np.int64)
    if not len(places):
        raise ModelError(
            f"StableColumns: none of the {len(names)} columns ({', '.join(names[:3])} ...) has "
            f"repeats; the store has those of {', '.join(sorted(known)[:3])} ... Give the "
            "extractors of the model's blocks to tr.Repeats(...).",
            code="no_repeats",
        )
    found = Judged.nothing(len(names))
    n_columns = max(1, _AT_ONCE // (len(repeats.keys) * first.values.shape[1]))
    for start in range(0, len(places), n_columns):
        part = places[start : start + n_columns]
        read = read_repeats(repeats.store, repeats.keys, [names[at] for at in part])
        check_unaltered("StableColumns", read, frame.iloc[repeats.rows, part])
        chosen = read if perturbations is None else read.of(perturbations)
        _judge(found, chosen, part, kind, min_lesions)
    return found


def known_beforehand(known: Mapping[str, float], frame: pd.DataFrame) -> Judged:
    """Return the correlations that somebody else found.

    Raises
    ------
    ModelError
        Code ``no_repeats``: not of one column.
    """
    numbers = {str(name): float(value) for name, value in known.items()}
    names = list(map(str, frame.columns))
    found = Judged.nothing(len(names))
    there = np.array([name in numbers for name in names], dtype=bool)
    if not there.any():
        raise ModelError(
            f"StableColumns: icc= has {len(numbers)} columns and none of the {len(names)} of the "
            f"model ({', '.join(names[:3])} ...). Columns are named as in the feature table.",
            code="no_repeats",
        )
    found.icc[there] = [numbers[name] for name in names if name in numbers]
    found.status[there] = JUDGED
    found.reason[there & np.isnan(found.icc)] = "not_given"
    return found


def _judge(
    found: Judged,
    repeats: RepeatValues,
    places: npt.NDArray[np.int64],
    kind: Kind,
    min_lesions: int,
) -> None:
    """Fill in some columns, together those to which the same perturbations apply."""
    for rows, members in _groups(repeats.applies):
        at = places[members]
        if rows.sum() < 2:
            found.status[at] = "not_applicable"
            continue
        found.status[at] = JUDGED
        whole = rows.all() and len(members) == len(places)
        of = icc(repeats.values if whole else repeats.values[:, rows][:, :, members], kind)
        enough = of.n_subjects >= min_lesions
        found.n_lesions[at] = of.n_subjects
        for target, numbers in ((found.icc, of.value), (found.low, of.low), (found.high, of.high)):
            target[at] = np.where(enough, numbers, np.nan)
        found.reason[at] = np.where(enough, of.reason, "too_few_complete")


def _groups(applies: BoolArray) -> Iterator[tuple[BoolArray, npt.NDArray[np.int64]]]:
    """Yield which repeats concern which columns, together those with the same."""
    patterns: dict[bytes, list[int]] = {}
    for column, rows in enumerate(applies.T):
        patterns.setdefault(rows.tobytes(), []).append(column)
    for members in patterns.values():
        yield applies[:, members[0]], np.array(members, dtype=np.int64)


def check_unaltered(reader: str, repeats: RepeatValues, frame: pd.DataFrame) -> None:
    """Refuse repeats whose unaltered row is not what the table holds.

    Parameters
    ----------
    reader
        Who asks, for the message.
    repeats
        Of the lesions in ``frame``, in their order.
    frame
        The columns of the repeats.

    Raises
    ------
    ModelError
        Code ``repeats_of_other_values``.
    """
    unaltered = repeats.values[:, 0]
    table = frame.to_numpy(dtype=np.float64)
    both = np.isfinite(unaltered) & np.isfinite(table)
    scatter = np.nan_to_num(np.std(np.where(both, unaltered, 0.0), axis=0))
    apart = np.abs(np.where(both, table - unaltered, 0.0))
    wrong = apart > _TOLERANCE * np.maximum(np.where(both, np.abs(unaltered), 0.0), scatter)
    if wrong.any():
        lesion, column = (int(at[0]) for at in np.nonzero(wrong))
        here, stored = table[lesion, column], unaltered[lesion, column]
        raise ModelError(
            f"{reader}: {repeats.columns[column]} of {frame.index[lesion]} is {here:.6g} in "
            f"these rows and {stored:.6g} in the unaltered repeat (columns that differ: "
            f"{int(wrong.any(axis=0).sum())} of {len(repeats.columns)}): the repeats were "
            "extracted with other settings, or the rows were scaled or harmonised before. "
            "Extract both with the same extractors and exclusion rule, and look them up before "
            "any step that changes values.",
            code="repeats_of_other_values",
        )
