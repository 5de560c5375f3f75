"""What drove a prediction: SHAP values of one lesion, by block and by column, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation import Explanation, explain
from tumor_response.explanation.from_means import explain_from_means
from tumor_response.predictor.state import PredictorState
from tumor_response.reporting.parts import number
from tumor_response.reporting.patient.short import shortened
from tumor_response.reporting.wording import minus
from tumor_response.transformers import block_of

__all__ = ["Driver", "Drivers", "drivers_of"]

N_COLUMNS = 5
LONGEST_NAME = 46
LONGEST_VALUE = 18
_ABOUT = "These are what the model used. They are no causes."
_WHY_NOT = {
    "no_background": "Not known: this kind of model can only be explained beside the rows that it "
    "was fitted to, and the training table is not at hand.",
    "too_many_columns": "Not known: the model has too many columns to be explained in a "
    "reasonable time.",
}


@dataclass(frozen=True)
class Driver:
    """A block, a column or columns of a network together, and what it did.

    Parameters
    ----------
    name, value
        As text; a block and a network's columns have no value.
    effect
        In calibrated log-odds, or in the unit of the rate.
    """

    name: str
    value: str
    effect: float

    @property
    def shown(self) -> str:
        """Return the effect with its sign."""
        return f"+{number(self.effect)}" if self.effect > 0 else number(self.effect)


LEAST_LONG_LOG_ODDS = 0.2
"""Effect that a bar of full length stands for at the least: 5 points from a probability of 50 %."""


@dataclass(frozen=True)
class Drivers:
    """What the page says of them; no blocks: it is not known, and the sentences say why."""

    sentences: tuple[str, ...]
    blocks: tuple[Driver, ...] = ()
    columns: tuple[Driver, ...] = ()
    unit: str = ""

    @property
    def largest(self) -> float:
        """Return what the longest bar stands for; log-odds next to nothing get short bars."""
        effects = [abs(one.effect) for one in (*self.blocks, *self.columns)]
        if "log-odds" in self.unit:
            effects.append(LEAST_LONG_LOG_ODDS)
        return max(effects, default=0.0) or 1.0


def drivers_of(state: PredictorState, row: pd.DataFrame, training: pd.DataFrame | None) -> Drivers:
    """Explain one lesion's prediction.

    Parameters
    ----------
    state
        The predictor's.
    row
        The lesion alone, in the columns of the fit.
    training
        The table that the predictor was fitted to; None: it is not at hand.
    """
    try:
        if training is None:
            found = explain_from_means(state.model, row, state.dictionary)
        else:
            behind = training[row.columns]
            found = explain(state.model, row, in_sample=False, background=behind)
    except ExplanationError as error:
        said = _WHY_NOT.get(
            error.code, f"Not known: this model has no such explanation ({error.code})."
        )
        return Drivers((said,))
    return _told(found, state, with_rows=training is not None)


def _told(found: Explanation, state: PredictorState, *, with_rows: bool) -> Drivers:
    is_rate = state.task == "rate"
    in_log_odds = found.output == "log_odds"
    slope = state.calibration.slope if is_rate or in_log_odds else 1.0
    blocks = [
        Driver(shortened(str(block), LONGEST_VALUE), "", slope * float(effect))
        for block, effect in found.block_values.iloc[0].items()
    ]
    blocks.sort(key=lambda one: -abs(one.effect))
    columns = _columns(found, state.dictionary, slope)
    whole = sum(abs(one.effect) for one in blocks)
    if whole == 0:
        return Drivers(("Nothing: the model gives every tumour the same.",))
    against = (
        "the training tumours on average"
        if with_rows
        else "a tumour at the training means of all columns"
    )
    what = "the predicted value" if is_rate else "the chance"
    sentences = [f"Compared with {against}, {_moves(blocks, what)}."]
    if len(blocks) > 1:
        share = 100 * abs(blocks[0].effect) / whole
        sentences.append(f"The largest share is that of “{blocks[0].name}”, {share:.0f} %.")
    if found.method == "sampled":
        sentences.append("The values are estimated from random orders, not computed.")
    sentences.append(_ABOUT)
    unit = "the unit of the rate" if is_rate else "calibrated log-odds"
    if not is_rate and not in_log_odds:
        unit = {"probability": "probability"}.get(found.output, "the model's own score")
    shown = columns[:N_COLUMNS]
    rest = columns[N_COLUMNS:]
    if rest:
        effect = sum(one.effect for one in rest)
        shown.append(Driver(f"{len(rest):,} others together", "", effect))
    return Drivers(tuple(sentences), tuple(blocks), tuple(shown), unit)


def _columns(found: Explanation, dictionary: pd.DataFrame, slope: float) -> list[Driver]:
    """Return columns by size of effect; those of a network, which have no names, together."""
    values = found.values.iloc[0]
    nameless: dict[str, list[float]] = {}
    drivers = []
    for column, effect in values.items():
        name = str(column)
        group, _, last = name.rpartition("__")
        if last.isdigit():
            nameless.setdefault(group, []).append(slope * float(effect))
            continue
        unit = str(dictionary["unit"].get(name, "")) if "unit" in dictionary else ""
        value = _value(found.features[name].iloc[0], unit)
        # what a name says again stands beside the value
        drivers.append(
            Driver(_readable(name.removesuffix(f"_{unit}")), value, slope * float(effect))
        )
    for group, effects in nameless.items():
        words = f"{_readable(group)}, {len(effects):,} columns of a network together"
        drivers.append(Driver(words, "", float(np.sum(effects))))
    drivers = [one for one in drivers if one.effect != 0]
    return sorted(drivers, key=lambda one: -abs(one.effect))


def _readable(column: str) -> str:
    block = block_of(column)
    words = column.removeprefix(f"{block}__").replace("__", " ").replace("_", " ")
    return shortened(words if words == block else f"{block}: {words}", LONGEST_NAME)


def _value(value: object, unit: str) -> str:
    if isinstance(value, float | int | np.number):
        if np.isnan(float(value)):
            return "missing"
        return minus(f"{float(value):.3g} {unit}".strip())
    return "missing" if value is None or value is pd.NA else shortened(str(value), LONGEST_VALUE)


def _moves(blocks: Sequence[Driver], what: str) -> str:
    """Say which blocks raise and which lower, the largest first.

    Examples
    --------
    >>> _moves([Driver("a", "", -2.0), Driver("b", "", 1.0), Driver("c", "", -0.5)], "the chance")
    '“a” and “c” lower the chance; “b” raises it'
    """
    ways = dict.fromkeys(one.effect > 0 for one in blocks if one.effect)
    parts: list[str] = []
    for up in ways:
        names = [f"“{one.name}”" for one in blocks if one.effect and (one.effect > 0) == up]
        verb = ("raise" if up else "lower") + ("s" if len(names) == 1 else "")
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        parts.append(f"{listed} {verb} {'it' if parts else what}")
    return "; ".join(parts)
