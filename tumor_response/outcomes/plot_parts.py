"""What the figures of an end point share: colours, units, the key above the axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.end_points import SHRANK_SIGN, sign_of
from tumor_response.style import (
    DOUBLE_COLUMN_MM,
    MM_PER_CHARACTER,
    NEUTRAL,
    NON_RESPONDER,
    RESPONDER,
    SINGLE_COLUMN_MM,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "FEW",
    "NAME_MM",
    "NO_CLASS",
    "OTHER",
    "Entry",
    "aligned",
    "axis_label",
    "classes_told",
    "colour_of",
    "known_outcomes",
    "lesion_name",
    "width_mm",
    "write_key",
]

UNITS = {
    "volume_change_cc": "volume change (cm³)",
    "volume_change_percent": "volume change (%)",
    "log_volume_ratio": "ln(V₁ / V₀)",
    "shrinkage_percent": "shrinkage (%)",
    "sgr_per_day": "specific growth rate (per day)",
    "sgr_per_fraction": "specific growth rate (per fraction)",
    "sgr_per_gy": "specific growth rate (per Gy)",
    "rate_percent_per_day": "shrinkage rate (% per day)",
    "rate_percent_per_fraction": "shrinkage rate (% per fraction)",
    "rate_percent_per_gy": "shrinkage rate (% per Gy)",
    "rate_cc_per_day": "shrinkage rate (cm³ per day)",
    "rate_cc_per_fraction": "shrinkage rate (cm³ per fraction)",
    "rate_cc_per_gy": "shrinkage rate (cm³ per Gy)",
}

OTHER, NO_CLASS = NON_RESPONDER, NEUTRAL

FEW = 60
"""Lesions that still get markers, or fit into one column."""

NAME_MM = 2.65
"""Height of a name at 7 pt."""

Entry = tuple[str, str]
"""Text and colour of a line of the key."""


def known_outcomes(outcomes: pd.DataFrame, by: str) -> tuple[pd.Series, str]:
    """Return the outcomes that there are, and a sentence on the others."""
    sign_of(by)
    if by not in outcomes.columns:
        raise OutcomeError(
            f"by={by!r} is not a column of the outcomes; there are: "
            f"{', '.join(name for name in SHRANK_SIGN if name in outcomes.columns) or 'none'}."
        )
    values = outcomes[by].astype("float64")
    known = values.dropna()
    if known.empty:
        raise OutcomeError(f"Nothing to draw: no lesion has a value of {by}.")
    n_missing = len(values) - len(known)
    return known, f"{n_missing} of {len(values)} lesions without this outcome" if n_missing else ""


def aligned(values: pd.Series | None, known: pd.Series, name: str) -> pd.Series:
    """Return values of the lesions shown, as numbers; NaN for what was not given."""
    if values is None:
        return pd.Series(np.nan, index=known.index)
    absent = known.index.difference(values.index)
    if len(absent):
        raise OutcomeError(
            f"{name} lacks {len(absent)} of the {len(known)} lesions shown, the first is "
            f"{absent[0]!r}; its index has to be that of the outcomes."
        )
    return values.reindex(known.index).astype("float64")


def colour_of(value: float, labelled: bool) -> str:
    """Return the colour of a class: 1, 0 or NaN; one for all where there are no labels."""
    if not labelled:
        return RESPONDER
    return NO_CLASS if np.isnan(value) else (RESPONDER if value == 1 else OTHER)


def classes_told(classes: pd.Series) -> list[Entry]:
    """Return the key of the classes with how many lesions each has."""
    counted = [
        ("responder", classes == 1, RESPONDER),
        ("non-responder", classes == 0, OTHER),
        ("no label", classes.isna(), NO_CLASS),
    ]
    return [(f"{text} ({int(who.sum())})", colour) for text, who, colour in counted if who.any()]


def axis_label(by: str) -> str:
    """Return name, unit and sign of an end point."""
    shrank = "positive" if SHRANK_SIGN[by] > 0 else "negative"
    return f"{UNITS[by]}, {shrank} = shrank"


def width_mm(n_lesions: int) -> float:
    """Return the width of a figure for so many lesions."""
    return SINGLE_COLUMN_MM if n_lesions <= FEW else DOUBLE_COLUMN_MM


def write_key(ax: Axes, entries: Sequence[Entry], left_out: str) -> None:
    """Write what the colours mean above the axes, and who is not shown."""
    from matplotlib.offsetbox import AnchoredOffsetbox, DrawingArea, HPacker, TextArea, VPacker
    from matplotlib.patches import Rectangle

    shown = [*entries, *([(left_out, "none")] if left_out else [])]
    if not shown:
        return
    fits = int(ax.get_window_extent().width / ax.figure.dpi * 25.4 / MM_PER_CHARACTER)
    rows: list[list[Entry]] = [[]]
    for entry in shown:
        if rows[-1] and sum(len(text) + 5 for text, _ in (*rows[-1], entry)) > fits:
            rows.append([])
        rows[-1].append(entry)
    lines: list[Artist] = []
    for row in rows:
        parts: list[Artist] = []
        for text, colour in row:
            own: list[Artist] = [TextArea(text)]
            if colour not in ("none", "black"):
                square = DrawingArea(5, 5)
                square.add_artist(Rectangle((0, 0), 5, 5, facecolor=colour, linewidth=0))
                own.insert(0, square)
            parts.append(HPacker(children=own, pad=0, sep=3, align="center"))
        lines.append(HPacker(children=parts, pad=0, sep=8))
    ax.add_artist(
        AnchoredOffsetbox(
            "lower left",
            child=VPacker(children=lines, pad=0, sep=2, align="left"),
            pad=0,
            borderpad=0.2,
            frameon=False,
            bbox_to_anchor=(0.0, 1.0),
            bbox_transform=ax.transAxes,
        )
    )


def lesion_name(key: object) -> str:
    """Return patient and lesion in one line."""
    return " / ".join(map(str, key)) if isinstance(key, tuple) else str(key)
