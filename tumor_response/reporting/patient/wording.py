"""What the page says of a prediction: fixed rules, made from the numbers.

The rules are one-sided, as those of the report. A refused lesion has no number. Outside the
training domain, or from a model that was not shown to predict, the headline says that first and
takes no side. Where the label set holds both answers the model cannot tell, whatever the
probability is. Nothing is ever said about a treatment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tumor_response.reporting.parts import number
from tumor_response.reporting.patient.end_point import EndPoint
from tumor_response.reporting.patient.short import LONGEST_OUTSIDE, shortened

__all__ = ["NO_ADVICE", "REFUSED", "Prediction", "Said", "of_hundred", "refused", "said_of"]

NO_ADVICE = (
    "This page says nothing about any treatment, and no decision about a patient may rest on it."
)

REFUSED = {
    "block_missing": "A whole group of features could not be measured.",
    "columns_missing": "Too many of the features that the model reads could not be measured.",
    "out_of_domain": "The case lies outside what the model was trained on.",
    "file_missing": "A file of the image or the contour is not there.",
    "not_an_image": "A file cannot be read as an image, or is damaged.",
    "mask_empty": "The contour is empty.",
    "geometry_mismatch": "Contour and image do not lie on the same grid.",
    "roi_too_small": "The tumour has too few voxels to be measured.",
    "clinical_missing": "A clinical variable that the model reads is not known.",
    "clinical_not_numeric": "A clinical variable that the model reads is no number.",
    "tumour_exceeds_field_of_view": "The tumour is larger than what the network can be shown.",
    "non_finite_voxels": "The image has voxels without a finite value.",
    "all_voxels_excluded": "All of the contour had to be left out; nothing can be measured.",
}
"""Reasons of a refusal that a board can use; of another the code is shown."""


@dataclass(frozen=True)
class Said:
    """What the page says first.

    Parameters
    ----------
    verdict
        One word for tests and styling: ``"refused"``, ``"outside"``, ``"not_shown"``,
        ``"undecided"``, ``"response"``, ``"no_response"`` or ``"rate"``.
    headline
        One sentence.
    sentences
        What follows, in order.
    """

    verdict: str
    headline: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """The numbers of one lesion; NaN: there is none.

    Parameters
    ----------
    value
        Calibrated probability of a response, or the rate.
    spread_low, spread_high
        Over the fits to bootstrap samples.
    label_set
        Of a response: ``"{0}"``, ``"{1}"``, ``"{0, 1}"`` or ``"{}"``.
    interval_low, interval_high
        Of a rate.
    volume_only
        What volume alone says.
    contour_low, contour_high
        Over other contours.
    coverage
        Nominal, of label set or interval.
    n_fits
        Bootstrap samples.
    is_rate
    in_domain
    outside
        What lies outside the training domain, in words.
    """

    value: float
    spread_low: float = math.nan
    spread_high: float = math.nan
    label_set: str = ""
    interval_low: float = math.nan
    interval_high: float = math.nan
    volume_only: float = math.nan
    contour_low: float = math.nan
    contour_high: float = math.nan
    coverage: float = 0.9
    n_fits: int = 0
    is_rate: bool = False
    in_domain: bool = True
    outside: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any], *, coverage: float, n_fits: int) -> Prediction:
        """Return the numbers of a row of ``predictor.predict``."""
        is_rate = "rate" in row
        name = "rate" if is_rate else "probability"

        def number_of(column: str) -> float:
            return float(row.get(column, math.nan))

        return cls(
            value=number_of(name),
            spread_low=number_of("spread_low"),
            spread_high=number_of("spread_high"),
            label_set=str(row.get("label_set", "")),
            interval_low=number_of("interval_low"),
            interval_high=number_of("interval_high"),
            volume_only=number_of(f"{name}_volume_only"),
            contour_low=number_of("contour_low"),
            contour_high=number_of("contour_high"),
            coverage=coverage,
            n_fits=n_fits,
            is_rate=is_rate,
            in_domain=bool(row["in_domain"]),
            outside=str(row["out_of_domain"]),
        )


def of_hundred(share: float) -> str:
    """Return a probability as so many of 100, never none and never all.

    Examples
    --------
    >>> of_hundred(0.624), of_hundred(0.001), of_hundred(0.9999)
    ('62', 'fewer than 1', 'more than 99')
    """
    if share < 0.005:
        return "fewer than 1"
    if share >= 0.995:
        return "more than 99"
    return f"{100 * share:.0f}"


def refused(code: str, outside: str = "") -> Said:
    """Return what the page of a refused lesion says.

    Parameters
    ----------
    code
        Why.
    outside
        What lies outside the training domain, in words, where that is why.
    """
    reason = REFUSED.get(code, "A step that the prediction needs failed.")
    return Said(
        "refused",
        "Refused: there is no prediction for this tumour.",
        (
            f"{reason} (Code {code}.)",
            *((f"Outside: {outside}.",) if outside else ()),
            "This page shows no number that could stand in for one.",
        ),
    )


def said_of(found: Prediction, end_point: EndPoint, doubt: str) -> Said:
    """Say what a prediction allows to say.

    Parameters
    ----------
    found
        The numbers.
    end_point
        What is predicted.
    doubt
        Why the model is not shown to predict at all, as a clause; ``""``: it is.

    Examples
    --------
    >>> said = said_of(Prediction(value=0.62, spread_low=0.48, spread_high=0.75, n_fits=50,
    ...                           label_set="{0, 1}"), EndPoint("shrinkage_percent", 30.0), "")
    >>> said.verdict
    'undecided'
    >>> print(said.sentences[0])
    Of 100 such tumours about 62 (48 to 75) are expected to shrink by more than 30.0 % of the
    baseline volume.
    """
    verdict, headline = (
        _rate_headline(found, end_point) if found.is_rate else _headline(found, end_point)
    )
    sentences = _rate_sentences(found, end_point) if found.is_rate else _sentences(found, end_point)
    if doubt:
        verdict = "not_shown"
        headline = f"Read nothing into the number below: {doubt}."
    if not found.in_domain:
        verdict = "outside"
        headline = (
            "Nobody can say whether this case is like those the model was trained on."
            if found.outside.startswith("not judged")
            else "This case is unlike those the model was trained on: "
            f"{shortened(found.outside, LONGEST_OUTSIDE)}."
        )
        first = f"{sentences[0][0].lower()}{sentences[0][1:]}"
        unknown = "How good the model is on such cases has not been measured."
        doubts = (f"And {doubt}.",) if doubt else ()
        sentences = (f"If it were like them: {first}", unknown, *doubts, *sentences[1:])
    return Said(verdict, headline, sentences)


def _headline(found: Prediction, end_point: EndPoint) -> tuple[str, str]:
    event = end_point.more("shrink")
    if found.label_set == "{1}":
        return "response", f"The model expects this tumour to {event}."
    if found.label_set == "{0}":
        return "no_response", f"The model does not expect this tumour to {event}."
    return "undecided", f"The model cannot tell whether this tumour will {event}."


def _sentences(found: Prediction, end_point: EndPoint) -> tuple[str, ...]:
    event = end_point.more("shrink")
    of = f"{100 * found.coverage:.0f}"
    meaning = {
        "{1}": f"At {of} % coverage one answer is left: it will.",
        "{0}": f"At {of} % coverage one answer is left: it will not.",
        "{0, 1}": f"At {of} % coverage both answers are left: the model cannot tell.",
        "{}": f"At {of} % coverage neither answer is left, as the model is less sure of either "
        "than it was of nearly all patients it had not seen: it cannot tell.",
    }[found.label_set]
    return (
        f"Of 100 such tumours about {of_hundred(found.value)}{_spread(found)} are expected to "
        f"{event}.",
        f"{meaning} Answers left so hold the truth for about {of} of 100 new patients like those "
        "of training.",
        _hangs_on(found),
        *_contours(found),
    )


def _spread(found: Prediction) -> str:
    if math.isnan(found.spread_low):
        return ""
    return f" ({of_hundred(found.spread_low)} to {of_hundred(found.spread_high)})"


def _hangs_on(found: Prediction) -> str:
    if not found.n_fits:
        return "How far this hangs on who was in the training cohort is not known."
    said = (
        f"In brackets: 5 to 95 % of {found.n_fits} refits to other samples of the training "
        "patients; how far it hangs on them, not how often it is right."
    )
    if not found.spread_low <= found.value <= found.spread_high:
        said += " The prediction lies outside: refits know fewer different patients."
    return said


def _contours(found: Prediction) -> tuple[str, ...]:
    if math.isnan(found.contour_low):
        return ()
    ends = (found.contour_low, found.contour_high)
    if found.is_rate:
        low, high = (number(end) for end in ends)
        return (f"Under other contours that an observer might have drawn: {low} to {high}.",)
    low, high = (of_hundred(end) for end in ends)
    return (f"Under other contours that an observer might have drawn: {low} to {high} of 100.",)


def _rate_headline(found: Prediction, end_point: EndPoint) -> tuple[str, str]:
    if not (math.isfinite(found.interval_low) and math.isfinite(found.interval_high)):
        return "undecided", "The model cannot tell: too few patients were there for an interval."
    low, high = sorted(end_point.sign * one for one in (found.interval_low, found.interval_high))
    if end_point.sign and low <= 0 <= high:
        return "undecided", "The model cannot tell whether this tumour shrinks or grows."
    if not end_point.sign:
        return "rate", f"The model expects a value of about {end_point.amount(found.value)}."
    shrinks = low > 0
    if not end_point.is_amount:
        what = "shrinkage" if shrinks else "growth"
        return "rate", f"The model expects {end_point.amount(found.value)}, which is {what}."
    does = "shrink" if shrinks else "grow"
    about = end_point.amount(abs(found.value))
    ends = sorted((abs(low), abs(high)))
    interval = f"{number(ends[0])} to {number(ends[1])}"
    return "rate", f"The model expects this tumour to {does} by about {about} ({interval})."


def _rate_sentences(found: Prediction, end_point: EndPoint) -> tuple[str, ...]:
    of = f"{100 * found.coverage:.0f}"
    low, high = number(found.interval_low), number(found.interval_high)
    interval = (
        f"{of} % interval: {low} to {high}. It holds the measured value for about {of} of 100 new "
        "patients like those of training."
        if math.isfinite(found.interval_low) and math.isfinite(found.interval_high)
        else f"There is no {of} % interval: it takes more patients than were left out of the fit."
    )
    signs = {1: " More is more shrinkage.", -1: " Less than 0 is shrinkage.", 0: ""}
    spread = (
        ""
        if math.isnan(found.spread_low)
        else (f" ({number(found.spread_low)} to {number(found.spread_high)})")
    )
    return (
        f"Predicted: {end_point.amount(found.value)}{spread}.{signs[end_point.sign]}",
        interval,
        _hangs_on(found),
        *_contours(found),
    )
