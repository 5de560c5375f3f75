"""Training patients that look like this one to the model, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from tumor_response.reporting.patient.end_point import EndPoint
from tumor_response.reporting.patient.short import shortened

__all__ = ["Neighbours", "neighbours_of"]

LONGEST_NAME = 22

NOT_AT_HAND = "The training table is not at hand, and the predictor holds no patient's row."
_NOBODY = 0.95
"""From this share of training tumours on that have a nearer neighbour nobody is called similar."""


@dataclass(frozen=True)
class Neighbours:
    """What the page says of them.

    Parameters
    ----------
    sentences
        In order.
    rows
        Who, and what became of them; may be empty.
    """

    sentences: tuple[str, ...]
    rows: tuple[tuple[str, str], ...] = ()


def neighbours_of(
    found: pd.DataFrame, names: Mapping[str, str], end_point: EndPoint, *, is_rate: bool
) -> Neighbours:
    """Say who is similar.

    Parameters
    ----------
    found
        Rows of :meth:`tumor_response.ShrinkagePredictor.similar` of one lesion, nearest first.
    names
        What each training patient is called on the page.
    end_point
        What ``outcome`` is in.
    is_rate
        Whether the predictor is of a rate.
    """
    if found.empty:
        return Neighbours(("None: the columns to compare by are missing.",))
    share = float(found["share_nearer"].iloc[0])
    nearest = (
        f"{100 * share:.0f} of 100 training tumours have a nearer neighbour than this one has."
    )
    if share >= _NOBODY:
        return Neighbours((f"Nobody in the training cohort is similar: {nearest}",))
    first = f"The nearest to the model, by the columns that it reads; {nearest}"
    told = found.get("outcome", pd.Series(float("nan"), found.index))
    outcomes = [float(one) for one in told]
    rows = tuple(
        (shortened(names[str(patient)], LONGEST_NAME), became(outcome, end_point, is_rate=is_rate))
        for patient, outcome in zip(found["similar_patient_id"], outcomes, strict=True)
    )
    sentences = [first]
    classes = [_class(one, end_point) for one in outcomes]
    known = [one for one in classes if one is not None]
    if known and not is_rate:
        shrank = end_point.more("shrank")
        sentences.append(f"Of these {len(known)}, {sum(known)} {shrank}. So few are no frequency.")
    return Neighbours(tuple(sentences), rows)


def became(outcome: float, end_point: EndPoint, *, is_rate: bool) -> str:
    """Say what became of a tumour.

    Examples
    --------
    >>> became(1.5, EndPoint("rate_percent_per_day", 1.2, "median"), is_rate=False)
    '1.50 % per day: more'
    >>> became(float("nan"), EndPoint(), is_rate=False), became(1.0, EndPoint(), is_rate=False)
    ('not known', 'class 1')
    """
    if outcome != outcome:
        return "not known"
    of_class = _class(outcome, end_point)
    if is_rate or of_class is None:
        return end_point.briefly(outcome)
    if end_point.cut is None or not end_point.sign:
        return f"class {of_class}"
    side = "more" if of_class else "not more"
    return f"{end_point.briefly(outcome)}: {side}"


def _class(outcome: float, end_point: EndPoint) -> int | None:
    """Return the class of an outcome; None where the page cannot tell it."""
    if outcome != outcome:
        return None
    if end_point.adjusted or (end_point.cut is not None and not end_point.sign):
        return None
    if end_point.cut is None:
        return int(outcome) if outcome in (0.0, 1.0) else None
    return int(end_point.sign * outcome > end_point.sign * end_point.cut)
