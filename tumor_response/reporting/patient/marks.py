"""The small figure beside the prediction: where model, volume and training tumours stand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tumor_response.reporting.parts import number
from tumor_response.reporting.patient.wording import Prediction, of_hundred

__all__ = ["Marks", "marks_of"]

LEFT, RIGHT = 104.0, 388.0
"""Ends of the axis within a drawing 400 wide; the names of the rows stand before it."""


@dataclass(frozen=True)
class Row:
    """One line of the figure, in the drawing's units; None: nothing is drawn.

    Parameters
    ----------
    name
    at
        The estimate.
    thick, thin
        Ends of the spread over refits, and of the interval.
    shape
        ``"dot"``, ``"diamond"`` or ``"tick"``: told apart without colour.
    """

    name: str
    at: float
    shape: str
    thick: tuple[float, float] | None = None
    thin: tuple[float, float] | None = None


@dataclass(frozen=True)
class Marks:
    """Rows, ticks with their texts, and the whole in words."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    axis: str
    alt: str


def marks_of(found: Prediction, end_point: Mapping[str, Any]) -> Marks:
    """Return where the marks stand.

    Parameters
    ----------
    found
        The numbers of one lesion.
    end_point
        The predictor's, for the training tumours' share or mean.
    """
    usual = float(end_point.get("mean" if found.is_rate else "share_of_responders") or math.nan)
    if found.is_rate:
        ends = (found.spread_low, found.spread_high, found.interval_low, found.interval_high)
        every = [found.value, found.volume_only, usual, 0.0, *ends]
        known = [one for one in every if math.isfinite(one)]
        low, high = min(known), max(known)
        ticks = _round_ticks(low, high if high > low else low + 1.0)
        low, high = ticks[0], ticks[-1]
        texts = [number(one, 0 if abs(one) >= 10 or one == int(one) else 2) for one in ticks]
    else:
        low, high, ticks, texts = (
            0.0,
            1.0,
            [0.0, 0.25, 0.5, 0.75, 1.0],
            ["0", "25", "50", "75", "100"],
        )

    def place(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (RIGHT - LEFT), 1)

    def span(one: float, other: float) -> tuple[float, float] | None:
        return (place(one), place(other)) if math.isfinite(one) and math.isfinite(other) else None

    rows = [
        Row(
            "model",
            place(found.value),
            "dot",
            span(found.spread_low, found.spread_high),
            span(found.interval_low, found.interval_high),
        )
    ]
    told = [f"model {_say(found.value, found)}"]
    beside = (("volume alone", found.volume_only, "diamond"), ("training tumours", usual, "tick"))
    for name, value, shape in beside:
        if math.isfinite(value):
            rows.append(Row(name, place(value), shape))
            told.append(f"{name} {_say(value, found)}")
    axis = "value of the end point" if found.is_rate else "of 100 such tumours"
    marked = tuple((place(tick), text) for tick, text in zip(ticks, texts, strict=True))
    return Marks(tuple(rows), marked, axis, f"On a scale, {axis}: {', '.join(told)}.")


def _say(value: float, found: Prediction) -> str:
    return number(value) if found.is_rate else of_hundred(value)


def _round_ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers that hold two others between them."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(k * step, 10) for k in range(first, last + 1)]
