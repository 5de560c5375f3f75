"""The one door to all formats: which there are, how they name, where they end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.formats import names as rules
from tumor_response.formats.csv import write_frame
from tumor_response.formats.missing import KEYS, missing_table, reason_codes_of
from tumor_response.formats.names import NameRule, legal_names
from tumor_response.formats.sheet import Sheet
from tumor_response.formats.whole import Writers, write_all

__all__ = [
    "FORMATS",
    "Prepared",
    "Written",
    "check_formats",
    "prepare_formats",
    "prepare_sheet",
    "write_sheet",
]


@dataclass(frozen=True)
class _Program:
    module: str
    names: NameRule
    most_columns: int | None = None


# Stata's smallest edition (BE) opens 2,048 variables, and the larger ones 5,000 before somebody
# sets maxvar.
_PROGRAMS = {
    "csv": _Program("csv", rules.ANY_TEXT),
    "parquet": _Program("parquet", rules.ANY_TEXT),
    "dta": _Program("stata", rules.STATA, most_columns=2_048),
    "sav": _Program("spss", rules.SPSS),
    "rds": _Program("r", rules.R),
    "xpt": _Program("sas", rules.SAS),
    "xlsx": _Program("excel", rules.EXCEL, most_columns=16_384),
}
FORMATS = tuple(_PROGRAMS)
"""CSV, Parquet, Stata, SPSS, R, SAS transport, Excel; each name is the file's ending."""


class _Writer(Protocol):
    def write(
        self, sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]
    ) -> None: ...


@dataclass(frozen=True)
class Written:
    """What was written of a sheet.

    Parameters
    ----------
    paths
        The files: the table, in several parts where the program has fewer columns than there
        are, and ``<prefix>_missing.csv`` if the sheet has reasons.
    names
        One row per column, in order: ``column`` (the library's name), ``name`` (the file's) and
        ``part`` (from 1). The keys stand in every part.
    """

    paths: tuple[Path, ...]
    names: pd.DataFrame


@dataclass(frozen=True)
class Prepared:
    """What would be written of a sheet: for each file what writes it, and the names.

    Parameters
    ----------
    tables, beside
        The table's files and the table of reasons, for
        :func:`tumor_response.formats.whole.write_all`.
    names
        As of :class:`Written`.
    """

    tables: Writers
    beside: Writers
    names: pd.DataFrame


def check_formats(formats: str | Sequence[str]) -> list[str]:
    """Return the formats asked for, one or several.

    Raises
    ------
    TableError
        Code ``format_unknown``.

    Examples
    --------
    >>> check_formats("csv")
    ['csv']
    """
    wanted = [formats] if isinstance(formats, str) else list(formats)
    if not wanted or not set(wanted) <= set(FORMATS):
        raise TableError(
            f"formats={wanted}: expected some of {', '.join(FORMATS)}.", code="format_unknown"
        )
    return list(dict.fromkeys(wanted))


def write_sheet(sheet: Sheet, prefix: Path, format: str) -> Written:
    """Write a sheet for one program: ``out/features`` gives ``out/features.dta``.

    A sheet of more columns than the program has is written in parts, ``out/features_1.dta``,
    ``out/features_2.dta`` ..., each with the keys. All files are there in the end, or none is.

    Parameters
    ----------
    sheet
        What to write.
    prefix
        The path without its ending.
    format
        One of :data:`FORMATS`.

    Raises
    ------
    TableError
        Codes ``format_unknown``; ``too_many_columns`` for a sheet without keys that would have to
        be split; ``table_unwritable``; what a format cannot hold has codes of its own, such as
        ``text_not_held``.

    Examples
    --------
    >>> import tempfile
    >>> from tumor_response.formats import Variable
    >>> frame = pd.DataFrame({"patient_id": ["P1"], "Größe": [170.0]})
    >>> variables = (Variable("patient_id", "Patient", "text"), Variable("Größe", "cm", "number"))
    >>> sheet = Sheet("people", "People", frame, variables)
    >>> written = write_sheet(sheet, Path(tempfile.mkdtemp()) / "people", "csv")
    >>> print(written.paths[0].read_text())
    "patient_id","Größe"
    "P1",170.0
    <BLANKLINE>
    """
    prepared = prepare_sheet(sheet, prefix, format)
    return Written(tuple(write_all(prepared.tables | prepared.beside)), prepared.names)


def prepare_sheet(sheet: Sheet, prefix: Path, format: str) -> Prepared:
    """Return what :func:`write_sheet` would write; nothing is written yet."""
    (name,) = check_formats(format)
    program = _PROGRAMS[name]
    legal = legal_names([variable.name for variable in sheet.variables], program.names)
    codes = reason_codes_of(sheet)
    parts = _parts(sheet, program.most_columns, name)
    tables: Writers = {}
    beside: Writers = {}
    place: dict[str, int] = {}
    for number, part in enumerate(parts, start=1):
        which = f"_{number}" if len(parts) > 1 else ""
        path = prefix.with_name(f"{prefix.name}{which}.{name}")
        tables[path] = partial(_write, program.module, part, legal, codes)
        place |= {v.name: number for v in part.variables if v.name not in place}
    if sheet.reasons is not None:
        path = prefix.with_name(f"{prefix.name}_missing.csv")
        beside[path] = partial(write_frame, missing_table(sheet))
    rows = [(column, legal[column], place[column]) for column in legal]
    return Prepared(tables, beside, pd.DataFrame(rows, columns=["column", "name", "part"]))


def prepare_formats(sheet: Sheet, prefix: Path, formats: str | Sequence[str]) -> Writers:
    """Return what writes a sheet in several formats, for all or nothing.

    Where a format has other names than the library, or parts, ``<prefix>_<format>_names.csv``
    leads back: ``column``, ``name``, ``part``.

    Parameters
    ----------
    sheet, prefix
        As of :func:`write_sheet`.
    formats
        One or several of :data:`FORMATS`.

    Raises
    ------
    TableError
        As :func:`write_sheet`.
    """
    tables: Writers = {}
    beside: Writers = {}
    for name in check_formats(formats):
        prepared = prepare_sheet(sheet, prefix, name)
        tables |= prepared.tables
        beside |= prepared.beside
        names = prepared.names
        if (names["column"] != names["name"]).any() or (names["part"] > 1).any():
            path = prefix.with_name(f"{prefix.name}_{name}_names.csv")
            beside[path] = partial(write_frame, names)
    return tables | beside


def _write(
    module: str, sheet: Sheet, names: Mapping[str, str], codes: Mapping[str, str], path: Path
) -> None:
    writer = cast(_Writer, import_module(f"tumor_response.formats.{module}"))
    writer.write(sheet, path, names, codes)


def _parts(sheet: Sheet, most: int | None, format: str) -> list[Sheet]:
    """Split a sheet of too many columns; every part has the keys."""
    if most is None or len(sheet.variables) <= most:
        return [sheet]
    keys = [variable for variable in sheet.variables if variable.name in KEYS]
    others = [variable for variable in sheet.variables if variable.name not in KEYS]
    if not keys:
        raise TableError(
            f"{sheet.name!r} has {len(others):,} columns, a .{format} file at most {most:,}, and "
            f"there is no {' or '.join(KEYS)} by which parts could be joined. Choose another "
            "format.",
            code="too_many_columns",
        )
    size = most - len(keys)
    starts = range(0, len(others), size)
    parts = []
    for number, start in enumerate(starts, start=1):
        chosen = (*keys, *others[start : start + size])
        columns = [variable.name for variable in chosen]
        parts.append(
            replace(
                sheet,
                label=f"{sheet.label} (part {number} of {len(starts)})",
                frame=sheet.frame[columns],
                variables=chosen,
                reasons=None if sheet.reasons is None else sheet.reasons[columns],
            )
        )
    return parts
