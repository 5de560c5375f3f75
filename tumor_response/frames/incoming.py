"""Whatever frame a caller has becomes pandas here, once: polars, Arrow and others by narwhals.

Inside, rows are known by their index. Frames of other libraries have none, so that ``patient_id``
and ``lesion_id`` are ordinary columns of theirs, and become the index on the way in. What is no
frame is handed on as it is, for the function that was called to refuse in its own words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import pandas as pd

from tumor_response.exceptions import TableError

__all__ = ["KEYS", "IntoFrame", "as_frame", "as_keyed", "as_values"]

KEYS = ("patient_id", "lesion_id")

IntoFrame: TypeAlias = Any
"""A frame in memory of pandas, polars, pyarrow or another library that narwhals knows."""


def as_frame(given: IntoFrame, what: str) -> Any:
    """Return a frame as pandas; pandas' own as it is, not copied.

    Parameters
    ----------
    given
        A frame, or anything else, which is handed on.
    what
        How a message calls it: the argument's name.

    Raises
    ------
    TableError
        For a query that has not been collected.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_frame(pa.table({"patient_id": ["P1", "P2"], "age": [61.0, None]}), "frame")
      patient_id   age
    0         P1  61.0
    1         P2   NaN
    """
    if isinstance(given, pd.DataFrame | pd.Series | str):
        return given
    import narwhals.stable.v2 as nw

    frame = nw.from_native(given, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        raise TableError(
            f"{what}: received {_kind(given)}, a query that has not been run. Collect it first: "
            ".collect()."
        )
    return _plain(frame.to_pandas()) if isinstance(frame, nw.DataFrame) else given


def as_keyed(given: IntoFrame, what: str, keys: Sequence[str] = KEYS) -> Any:
    """Return a frame as pandas, its rows known by ``patient_id`` and ``lesion_id``.

    Where there is no such index, columns of these names become it, as text. A frame without
    ``lesion_id`` is known by ``patient_id``.

    Parameters
    ----------
    given, what
        As for :func:`as_frame`.
    keys
        Names of the index, the patient's first.

    Raises
    ------
    TableError
        As :func:`as_frame`; and for a frame of another library without ``patient_id``.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_keyed(pa.table({"patient_id": ["P1", "P2"], "clinical__age": [61, 70]}), "table")
                clinical__age
    patient_id
    P1                     61
    P2                     70
    """
    frame = as_frame(given, what)
    if not isinstance(frame, pd.DataFrame) or not _is_numbered(frame.index):
        return frame
    there = [key for key in keys if key in frame.columns]
    if keys[0] in there:
        as_text = dict.fromkeys([key for key in there if key in KEYS], "str")
        return frame.astype(as_text).set_index(there)
    if frame is given:
        return frame  # pandas: whoever needs keys says so in words of their own
    raise TableError(
        f"{what}: received {_kind(given)} of the columns {', '.join(map(str, frame))}. Expected "
        "patient_id and, where a patient has several lesions, lesion_id among them: it has no "
        "index to tell rows by."
    )


def as_values(given: pd.Series | IntoFrame, what: str) -> Any:
    """Return one value per lesion as a pandas Series with the lesions as its index.

    Parameters
    ----------
    given
        A pandas Series; or a frame of one column beside ``patient_id`` and ``lesion_id``.
    what
        As for :func:`as_frame`.

    Raises
    ------
    TableError
        For a frame of several columns, and a series of a library whose series have no index.

    Examples
    --------
    >>> import pyarrow as pa
    >>> as_values(pa.table({"patient_id": ["P1", "P2"], "responder": [1.0, 0.0]}), "y")
    patient_id
    P1    1.0
    P2    0.0
    Name: responder, dtype: float64
    """
    frame = as_keyed(given, what)
    if not isinstance(frame, pd.DataFrame):
        _refuse_without_index(given, what)
        return given
    if frame.shape[1] != 1:
        raise TableError(
            f"{what}: received a frame with the columns {', '.join(map(str, frame)) or 'none'}; "
            "expected one column of values beside patient_id and lesion_id."
        )
    return frame.iloc[:, 0]


def _refuse_without_index(given: object, what: str) -> None:
    import narwhals.stable.v2 as nw

    if isinstance(given, pd.Series):
        return
    if isinstance(nw.from_native(given, pass_through=True, allow_series=True), nw.Series):
        raise TableError(
            f"{what}: received {_kind(given)}, which does not say whose a value is. Expected a "
            "frame of patient_id, lesion_id and one column of values, or a pandas Series with the "
            "lesions as its index."
        )


def _is_numbered(index: pd.Index) -> bool:
    return index.nlevels == 1 and index.name is None


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return text as pandas' text, also where a column is all missing or came as objects."""
    for name, kind in frame.dtypes.items():
        is_text = pd.api.types.infer_dtype(frame[name], skipna=True) == "string"
        if pd.api.types.is_object_dtype(kind) and is_text:
            frame[name] = frame[name].astype("str")
    return frame


def _kind(given: object) -> str:
    return f"{type(given).__module__.partition('.')[0]}.{type(given).__qualname__}"
