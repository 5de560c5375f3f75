"""What was measured, in words that claim no more than the measurement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from tumor_response.explanation.concordance.result import Concordance

__all__ = ["worded"]

_IN_GROUP = {"all": "All lesions", "responder": "Responders", "non_responder": "Non-responders"}
_SHRINKAGE = {"retreat": "retreat", "log_jacobian": "shrinkage (minus log-Jacobian)"}


class _Rows:
    """The rows of a table of groups by name."""

    def __init__(self, table: pd.DataFrame, level: float) -> None:
        names = table[["measure", "target", "group"]].itertuples(index=False, name=None)
        self._rows = dict(zip(names, table.to_dict("records"), strict=True))
        self._level = level

    def get(self, measure: str, target: str, group: str) -> dict[str, object]:
        """Return a row, empty where there is none."""
        return self._rows.get((measure, target, group), {})  # type: ignore[return-value]

    def words(self, row: dict[str, object], scale: float, digits: int, unit: str) -> str:
        """Return estimate and interval."""
        text = f"{scale * _number(row, 'estimate'):.{digits}f}{unit}"
        if math.isnan(_number(row, "ci_low")):
            return f"{text} (no interval: {row['reason']})"
        low, high = (f"{scale * _number(row, end):.{digits}f}" for end in ("ci_low", "ci_high"))
        return f"{text} ({100 * self._level:.0f} % interval {low} to {high})"


def worded(found: Concordance) -> tuple[str, ...]:
    """Return the sentences of a result."""
    rows = _Rows(found.group_table, found.settings.level)
    said = list(_about(found))
    for group in _IN_GROUP:
        said += _inside(rows, group)
    said += _compared(rows, "inside", "", "the share of attention inside the contour", 100.0, " %")
    for target in found.shrinkage_table.index.unique("target"):
        for group in _IN_GROUP:
            said += _shrank(rows, target, group)
        # not the attended quarter's shrinkage itself: groups made of the shrinkage differ in it
        what = f"the lead in {_SHRINKAGE[target]} of the quarter attended most, less the null's,"
        said += _compared(rows, "excess", target, what, 1.0, _unit(target))
    return tuple(said)


def _about(found: Concordance) -> Iterator[str]:
    if found.mode == "in_sample":
        yield (
            "The model was fitted to these lesions; what follows need not hold for new patients."
        )
    if found.inside_table is None:
        yield "Inside or outside of the contour was not asked: the views showed the tumour alone."
    missing = found.shrinkage_table["reason"]
    missing = missing[missing != ""]
    if len(missing):
        counts = ", ".join(f"{n} {code}" for code, n in missing.value_counts().items())
        yield f"Without an answer on shrinkage: {counts}."


def _inside(rows: _Rows, group: str) -> Iterator[str]:
    inside, excess = rows.get("inside", "", group), rows.get("excess", "", group)
    if not inside:
        return
    of = f"{_IN_GROUP[group]} ({inside['n_patients']} patients)"
    yield f"{of}: {rows.words(inside, 100, 0, ' %')} of the attention lay inside the contour."
    if excess:
        yield (
            f"{of}: other patients' masks in the tumour's place held "
            f"{100 * _number(inside, 'expected'):.0f} %; the tumour's own held "
            f"{rows.words(excess, 100, 1, ' percentage points')} more (below zero: "
            f"less){_tested(excess)}."
        )
    else:
        yield f"{of}: too few other patients' masks to say whether that is much."
    follows = rows.get("follows", "", group)
    if follows:
        yield (
            f"{of}: with crops shifted off the tumour, its true place held "
            f"{rows.words(follows, 100, 1, ' percentage points')} more than the middle of the "
            f"crop (below zero: attention stays in the middle){_tested(follows)}."
        )


def _shrank(rows: _Rows, target: str, group: str) -> Iterator[str]:
    attended, rest, difference, excess, rho = (
        rows.get(name, target, group)
        for name in ("attended", "rest", "difference", "excess", "rho_adjusted")
    )
    if not attended:
        return
    unit = _unit(target)
    of = f"{_IN_GROUP[group]} ({attended['n_patients']} patients)"
    yield (
        f"{of}: the mean {_SHRINKAGE[target]} of the quarter attended most was "
        f"{rows.words(attended, 1, 2, unit)}, that of the rest {rows.words(rest, 1, 2, unit)}."
    )
    yield (
        f"{of}: these differ by {rows.words(difference, 1, 2, unit)}; maps as smooth, with the "
        "same profile over depth, that know nothing of the shrinkage gave "
        f"{_number(difference, 'expected'):.2f}{unit}, which leaves "
        f"{rows.words(excess, 1, 2, unit)}{_tested(excess)}."
    )
    yield (
        f"{of}: within a tumour, attention and {_SHRINKAGE[target]} correlate by "
        f"{rows.words(rho, 1, 2, '')} with depth taken out{_tested(rho)}."
    )


def _compared(
    rows: _Rows, measure: str, target: str, what: str, scale: float, unit: str
) -> Iterator[str]:
    row = rows.get(measure, target, "difference")
    if not row:
        return
    if row["reason"] == "one_group":
        yield f"Responders less non-responders: {what} was not compared, one group is left."
        return
    yield (
        f"Responders less non-responders: {what} differs by "
        f"{rows.words(row, scale, 2 if scale == 1.0 else 1, unit)}{_tested(row)}."
    )


def _unit(target: str) -> str:
    return " mm" if target == "retreat" else ""


def _number(row: dict[str, object], name: str) -> float:
    return float(row[name])  # type: ignore[arg-type]


def _tested(row: dict[str, object]) -> str:
    """Return p; a large one shows no absence, and is said to be chance's at the most."""
    p_value = _number(row, "p_value")
    if math.isnan(p_value):
        return ""
    text = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    return f" ({text})" if p_value < 0.05 else f" ({text}: chance may give as much)"
