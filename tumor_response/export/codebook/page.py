"""The codebook as one page that needs no network: searched and filtered in the browser."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from tumor_response._version import __version__
from tumor_response.export.codebook.formulas import symbols_of
from tumor_response.export.codebook.wording import (
    groups_of,
    notes_of,
    number_text,
    range_text,
    share_text,
)
from tumor_response.formats import Sheet

__all__ = ["histogram_path", "html_of"]

_TEMPLATES = Path(__file__).parent / "templates"
_WIDTH, _HEIGHT = 60, 14
"""Of a histogram, in its own units."""


def html_of(columns: pd.DataFrame, sheets: Sequence[Sheet]) -> str:
    """Return the page.

    Everything that comes from files is escaped, and a content security policy lets the browser run
    the page's own script alone and load nothing from anywhere.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,  # whatever comes from files is text, never mark-up
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number_text, "share": share_text}
    css, script = (
        (_TEMPLATES / name).read_text(encoding="utf-8") for name in ("codebook.css", "codebook.js")
    )
    return environment.get_template("codebook.html.jinja").render(
        version=__version__,
        notes=notes_of(columns, sheets),
        symbols=symbols_of(columns["formula"]),
        groups=list(groups_of(columns)),
        blocks=[block for block in columns["block"].unique() if block],
        with_icc=bool(columns["icc"].notna().any()),
        sheets=sheets,
        range_text=range_text,
        path_of=histogram_path,
        percent=_percent,
        css=css,
        css_hash=_csp_hash(css),
        script=script,
        script_hash=_csp_hash(script),
        width=_WIDTH,
        height=_HEIGHT,
    )


def histogram_path(row: Mapping[Hashable, Any]) -> str:
    """Return the outline of a column's histogram as an SVG path, "" for none.

    Bars of different width are as high as their lesions are dense.

    Examples
    --------
    >>> histogram_path({"bar_edges": "0 1 3", "bar_counts": "4 4"})
    'M0 14V0H20V7H60V14'
    """
    if not row["bar_counts"]:
        return ""
    edges = [float(edge) for edge in row["bar_edges"].split()]
    counts = [int(count) for count in row["bar_counts"].split()]
    whole = edges[-1] - edges[0]
    if not (whole > 0 and math.isfinite(whole)):
        return ""
    widths = [after - before for before, after in itertools.pairwise(edges)]
    dense = [
        count / width if width > 0 else 0.0 for count, width in zip(counts, widths, strict=True)
    ]
    tallest = max(dense)
    if not tallest > 0:
        return ""
    path = [f"M0 {_HEIGHT}"]
    for edge, height in zip(edges[1:], dense, strict=True):
        top = round(_HEIGHT * (1 - height / tallest), 1)
        right = round(_WIDTH * (edge - edges[0]) / whole, 1)
        path.append(f"V{top:g}H{right:g}")
    return "".join([*path, f"V{_HEIGHT}"])


def _percent(number: float) -> str:
    """Return the hundredths that the page's script filters by, "" for none."""
    return "" if math.isnan(number) else str(round(100 * number))


def _csp_hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
