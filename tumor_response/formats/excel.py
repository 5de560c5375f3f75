"""Excel: one sheet of data, one of what each column is, one of why values are missing.

The file is put together here, not by openpyxl, which keeps 16 of a number's 17 digits and writes
the time of day into every file. A text is always a text, also one that begins with ``=``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from tumor_response.exceptions import TableError
from tumor_response.formats.cells import plain
from tumor_response.formats.missing import missing_table
from tumor_response.formats.sheet import Sheet, Variable

__all__ = ["write"]

_MOST_ROWS = 1_048_576
_LONGEST_TEXT = 32_767
_LARGEST_WHOLE = 2**53
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LIKE_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill>'
    '<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border>'
    "</borders>"
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>"
)

_Cell = str | float | int | None


def write(sheet: Sheet, path: Path, names: Mapping[str, str], codes: Mapping[str, str]) -> None:
    """Write a sheet.

    The worksheet ``data`` has the names in its first row and categories by their words;
    ``variables`` has name, the library's column, label, kind, unit and levels or value labels;
    ``missing`` has the reasons that are known.

    Parameters
    ----------
    sheet
        What to write.
    path
        The file.
    names
        From column to the name it gets.
    codes
        Letters of reasons, which this format has no use for.

    Raises
    ------
    TableError
        Codes ``too_many_rows``; ``text_not_held`` for control characters, half characters of
        Unicode and more than 32,767 characters; ``number_not_held`` for infinite numbers and
        whole ones beyond 2**53; ``level_unknown``.
    """
    del codes
    if len(sheet.frame) >= _MOST_ROWS:
        raise TableError(
            f"{sheet.name!r} has {len(sheet.frame):,} rows, an Excel sheet at most "
            f"{_MOST_ROWS - 1:,} beside the names. Choose another format.",
            code="too_many_rows",
        )
    beside = missing_table(sheet)
    reasons = map(_marked, beside.itertuples(index=False, name=None))
    sheets: dict[str, Iterable[Sequence[_Cell]]] = {
        "data": _data(sheet, names),
        "variables": _variables(sheet, names),
        "missing": [list(beside.columns), *reasons],
    }
    with ZipFile(path, "w") as package:
        for name, content in _frame_of_package(list(sheets)).items():
            package.writestr(_entry(name), _HEAD + content)
        for number, rows in enumerate(sheets.values(), start=1):
            with package.open(_entry(f"xl/worksheets/sheet{number}.xml"), "w") as file:
                for piece in _worksheet(rows):
                    file.write(piece.encode())


def _data(sheet: Sheet, names: Mapping[str, str]) -> Iterator[Sequence[_Cell]]:
    columns: list[Sequence[_Cell]] = []
    for variable, (_, column) in zip(sheet.variables, sheet.frame.items(), strict=True):
        cells = plain(variable, column)
        for cell in cells:
            _check(variable, cell)
        columns.append(cells)
    yield [names[variable.name] for variable in sheet.variables]
    yield from zip(*columns, strict=True)


def _variables(sheet: Sheet, names: Mapping[str, str]) -> Iterator[Sequence[_Cell]]:
    yield ["name", "column", "label", "kind", "unit", "values"]
    for v in sheet.variables:
        words = [f"{number} = {word}" for number, word in v.value_labels.items()]
        told = (names[v.name], v.name, v.label, v.kind, v.unit, "; ".join([*v.levels, *words]))
        yield _marked(told)


def _marked(cells: Sequence[_Cell]) -> list[_Cell]:
    """Return what is said of the data as far as there is room; letters Excel lacks are marked."""
    return [
        _NOT_XML.sub("\ufffd", cell)[:_LONGEST_TEXT] or None if isinstance(cell, str) else cell
        for cell in cells
    ]


def _check(variable: Variable, cell: _Cell) -> None:
    if isinstance(cell, str):
        if _NOT_XML.search(cell) or len(cell.encode("utf-16-le")) > 2 * _LONGEST_TEXT:
            raise TableError(
                f"Column {variable.name!r}: Excel cannot hold {cell[:80]!r} ({len(cell):,} "
                f"characters); it takes {_LONGEST_TEXT:,}, and no control characters. Correct the "
                "text, or write another format.",
                code="text_not_held",
            )
    elif cell is not None and (
        not math.isfinite(cell) or (isinstance(cell, int) and abs(cell) > _LARGEST_WHOLE)
    ):
        raise TableError(
            f"Column {variable.name!r}: Excel cannot hold {cell!r}; it has finite numbers and "
            "whole ones up to 2**53. Write another format, or make the value missing with a "
            "reason.",
            code="number_not_held",
        )


def _worksheet(rows: Iterable[Sequence[_Cell]]) -> Iterator[str]:
    yield _HEAD + f'<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
    yield '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    yield "</sheetView></sheetViews><sheetData>"
    letters: list[str] = []
    for number, row in enumerate(rows, start=1):
        letters = letters or [_letters(place) for place in range(len(row))]
        style = ' s="1"' if number == 1 else ""
        cells = (
            _cell(f"{letter}{number}", cell, style)
            for letter, cell in zip(letters, row, strict=True)
        )
        yield f'<row r="{number}">{"".join(cells)}</row>'
    yield "</sheetData></worksheet>"


def _cell(place: str, cell: _Cell, style: str) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        marked = _LIKE_ESCAPE.sub("_x005F_", cell)  # Excel reads _x000D_ as a character's number
        text = escape(marked, {"\r": "&#13;"})
        return (
            f'<c r="{place}"{style} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
        )
    return f'<c r="{place}"{style}><v>{cell!r}</v></c>'


def _letters(place: int) -> str:
    """Return a column's letters: A to Z, AA ..."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _entry(name: str) -> ZipInfo:
    entry = ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the same bytes at any time of day
    entry.compress_type = ZIP_DEFLATED
    return entry


def _frame_of_package(sheets: Sequence[str]) -> dict[str, str]:
    """Return the members that say what the others are."""
    numbers = range(1, len(sheets) + 1)
    types = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for n in numbers
    )
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in zip(numbers, sheets, strict=True)
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    styles = f'<Relationship Id="styles" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    relations = f'<Relationships xmlns="{_PACKAGE}/relationships">'
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{types}</Types>',
        "_rels/.rels": f'{relations}<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><bookViews>'
        f"<workbookView/></bookViews><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"{relations}{related}{styles}</Relationships>",
        "xl/styles.xml": _STYLES,
    }
