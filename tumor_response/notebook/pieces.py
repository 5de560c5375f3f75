"""Pieces of HTML: a card with facts, a table that ends, a picture. Text is escaped on its way in.

Notebooks differ in what they keep of an output: JupyterLab, VS Code and Colab all keep inline
styles, and each has its own light and dark. So there is no style sheet, no script and no colour of
text or background here: lines are translucent grey, and the rest is the notebook's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from tumor_response.notebook.formatting import number_text

__all__ = ["CAUTION", "N_ROWS", "card", "facts", "grid", "more", "note", "picture"]

N_ROWS = 10
"""How many rows a table shows unless told otherwise."""

_N_COLUMNS = 12
_LINE = "1px solid rgba(128,128,128,.45)"
_CELL = "padding:.2em .7em .2em 0;vertical-align:top;background:transparent;border:0"
_NAME = f"{_CELL};text-align:left;font-weight:normal;opacity:.75;white-space:nowrap"
_TABLE = (
    "font-size:inherit;border-collapse:collapse;margin:0 0 .4em 0;font-variant-numeric:tabular-nums"
)
_FRAME = (
    f"max-width:60em;line-height:1.45;border:{_LINE};border-radius:4px;padding:.6em .9em;"
    "overflow-x:auto"
)
_PARAGRAPH = "margin:.2em 0 .4em 0"

CAUTION = "border-left:3px solid #d55e00;padding:.1em .6em"
"""For notes that a reader must not miss; the words say it as well as the colour."""


def card(title: str, subtitle: str, *pieces: Markup) -> str:
    """Return an object's whole output.

    Parameters
    ----------
    title
        The class, as a reader would type it.
    subtitle
        What it is in one line; may be empty.
    *pieces
        Made by the functions of this room.

    Examples
    --------
    >>> "<span> &lt;3 patients&gt;</span>" in card("Cohort", "<3 patients>")
    True
    """
    head = Markup('<div style="margin:0 0 .4em 0"><strong>{}</strong><span> {}</span></div>')
    return str(
        Markup('<div class="tumor-response" style="{}">{}{}</div>').format(
            _FRAME, head.format(title, subtitle), Markup("").join(pieces)
        )
    )


def facts(known: Mapping[str, object]) -> Markup:
    """Return names and values under each other.

    Examples
    --------
    >>> "&lt;b&gt;" in facts({"sites": "<b>"})
    True
    """
    row = Markup(
        '<tr style="background:transparent"><th scope="row" style="{}">{}</th>'
        '<td style="{};text-align:left">{}</td></tr>'
    )
    rows = [row.format(_NAME, name, _CELL, _text(value)) for name, value in known.items()]
    return Markup('<table style="{}">{}</table>').format(_TABLE, Markup("").join(rows))


def grid(
    frame: pd.DataFrame,
    *,
    what: str = "rows",
    n_rows: int = N_ROWS,
    n_columns: int = _N_COLUMNS,
    n_all: int | None = None,
) -> Markup:
    """Return the head of a table, and how much of it that is.

    Parameters
    ----------
    frame
        Its index is the first columns, unless it has no name.
    what
        The rows are, for the line beneath: "rows", "models" ...
    n_rows, n_columns
        At most so many are shown.
    n_all
        How many rows there are, where ``frame`` is already cut; default: those of ``frame``.

    Examples
    --------
    >>> table = grid(pd.DataFrame({"value": [0.5, 1 / 3]}), n_rows=1)
    >>> "0.333" in table, "1 of 2 rows" in table
    (False, True)
    """
    n_all = len(frame) if n_all is None else n_all
    head, width = frame.iloc[:n_rows], frame.shape[1]
    levels = [name for name in frame.index.names if name is not None]
    if levels:
        head = head.reset_index(allow_duplicates=True)
    shown_width = min(width, n_columns) + len(levels)
    head = head.iloc[:, :shown_width]
    numeric = [pd.api.types.is_numeric_dtype(kind) for kind in head.dtypes]
    named = Markup('<th scope="col" style="{};border-bottom:{};text-align:{}">{}</th>')
    header = Markup("").join(
        named.format(_CELL, _LINE, "right" if is_number else "left", _told(name))
        for name, is_number in zip(head.columns, numeric, strict=True)
    )
    line = Markup('<tr style="background:transparent">{}</tr>')
    body = Markup("").join(
        line.format(Markup("").join(map(_cell, row, numeric)))
        for row in head.itertuples(index=False, name=None)
    )
    left_out = [f"{len(head):,} of {n_all:,} {what}"] if len(head) < n_all else []
    if width > n_columns:
        left_out.append(f"{n_columns} of {width:,} columns")
    return Markup('<table style="{}"><thead>{}</thead><tbody>{}</tbody></table>{}').format(
        *(_TABLE, line.format(header), body, note(", ".join(left_out)) if left_out else "")
    )


def note(text: str | Markup, style: str = "") -> Markup:
    """Return a line of text.

    Examples
    --------
    >>> str(note("a < b"))
    '<p style="margin:.2em 0 .4em 0">a &lt; b</p>'
    """
    return Markup('<p style="{}">{}</p>').format(
        f"{_PARAGRAPH};{style}" if style else _PARAGRAPH, text
    )


def more(summary: str, *pieces: Markup) -> Markup:
    """Return pieces that open at a click, or with the keyboard; needs no script.

    Examples
    --------
    >>> str(more("Columns", note("a")))[:27]
    '<details style="margin:.2em'
    """
    return Markup(
        '<details style="margin:.2em 0 .4em 0"><summary style="cursor:pointer">{}</summary>'
        "{}</details>"
    ).format(summary, Markup("").join(pieces))


def picture(png: bytes, alt: str, width_px: int) -> Markup:
    """Return a PNG inside the page.

    Parameters
    ----------
    png
        The file's bytes.
    alt
        What it shows, for who cannot see it.
    width_px
        On the screen; narrower where the window is.

    Examples
    --------
    >>> str(picture(b"", "nothing", 10))[:37]
    '<img src="data:image/png;base64," alt'
    """
    return Markup(
        '<img src="data:image/png;base64,{}" alt="{}" '
        'style="width:{}px;max-width:100%;height:auto;display:block;margin:.2em 0">'
    ).format(base64.b64encode(png).decode("ascii"), alt, width_px)


def _cell(value: object, is_number: bool) -> Markup:
    return Markup('<td style="{};text-align:{}">{}</td>').format(
        _CELL, "right" if is_number else "left", _text(value)
    )


def _text(value: object) -> str | Markup:
    return value if isinstance(value, Markup) else number_text(value)


def _told(name: object) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)
