"""Cells of a table on disk as they stand there, with the number of their row."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.frames import IntoFrame, as_frame
from tumor_response.outcomes.recist.refuse import listed

__all__ = ["read_cells"]


def read_cells(path: str | Path | IntoFrame, *, sheet: str | None, separator: str) -> pd.DataFrame:
    """Return the cells of an xlsx or csv file as objects, indexed by their row in the file.

    Those of a frame are indexed by its rows, counted from 0.

    Nothing is converted: cells of a csv file are text (empty ones None), those of an xlsx file
    what Excel stored. pandas' own readers turn words into NaN and floats that happen to be whole
    into integers, after which nobody sees any more that they were rounded.

    Raises
    ------
    OutcomeError
        Codes ``file_missing``, ``file_type``, ``file_unreadable``, ``sheet_ambiguous``,
        ``column_twice``, ``no_rows``.
    """
    given = as_frame(path, "path")
    if isinstance(given, pd.DataFrame):
        return _of_frame(given)
    file = Path(path)
    if not file.is_file():
        raise OutcomeError(f"{file.name} is not there; correct the path.", code="file_missing")
    if file.suffix.lower() == ".xlsx":
        rows = _xlsx(file, sheet)
    elif file.suffix.lower() == ".csv":
        rows = _csv(file, separator)
    else:
        raise OutcomeError(
            f"{file.name} is neither .xlsx nor .csv; save it as one of them.", code="file_type"
        )
    if len(rows) < 2:
        raise OutcomeError(f"{file.name} has no rows below its header.", code="no_rows")
    header = ["" if name is None else str(name).strip() for name in rows[0]]
    named = [place for place, name in enumerate(header) if name]
    double = sorted({header[place] for place in named if header.count(header[place]) > 1})
    if double:
        raise OutcomeError(
            f"{file.name} has two columns named {listed(double)}; rename one.", code="column_twice"
        )
    cells = [[row[place] if place < len(row) else None for place in named] for row in rows[1:]]
    return pd.DataFrame(
        cells,
        columns=[header[place] for place in named],
        index=pd.RangeIndex(2, len(rows) + 1, name="row"),
        dtype=object,
    )


def _of_frame(frame: pd.DataFrame) -> pd.DataFrame:
    cells = frame.reset_index(drop=True).astype(object)
    cells = cells.where(cells.notna(), None).rename_axis(index="row")
    return cells.map(_blank_is_none)


def _xlsx(file: Path, sheet: str | None) -> list[list[Any]]:
    import zipfile

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise OutcomeError(
            f"{file.name} cannot be read as xlsx ({error}); save it again.", code="file_unreadable"
        ) from None
    try:
        names = book.sheetnames
        if (sheet is None and len(names) != 1) or (sheet is not None and sheet not in names):
            raise OutcomeError(
                f"{file.name} has the sheets {listed(names)}; name one of them with sheet=, "
                f"received {sheet!r}.",
                code="sheet_ambiguous",
            )
        rows = book[names[0] if sheet is None else sheet].iter_rows(values_only=True)
        return [[_blank_is_none(cell) for cell in row] for row in rows]
    finally:
        book.close()


def _csv(file: Path, separator: str) -> list[list[Any]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.reader(lines, delimiter=separator, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise OutcomeError(
            f"{file.name} cannot be read as csv in UTF-8 ({error}); save it again.",
            code="file_unreadable",
        ) from None
    return [[_blank_is_none(cell) for cell in row] for row in rows]


def _blank_is_none(cell: Any) -> Any:
    return (cell.strip() or None) if isinstance(cell, str) else cell
