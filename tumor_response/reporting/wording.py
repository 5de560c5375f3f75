"""The two sentences on page one: what may and what may not be concluded, made from the numbers.

The rules are few and one-sided on purpose. An interval that reaches 0.5 is a null result and reads
as one, whatever the estimate is. An advantage over tumour volume alone is claimed only where the
interval of the paired difference excludes 0. Nothing is ever said about other hospitals.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "NO_DOUBTS",
    "Conclusions",
    "Doubts",
    "Interval",
    "brake",
    "conclude",
    "expected_of_volume",
    "minus",
    "shared_by_chance",
]

CHANCE = 0.5
MIN_PATIENTS_PER_CLASS = 10
MIN_RESAMPLES = 100


def minus(text: str) -> str:
    """Return a number's text with a true minus sign."""
    return text.replace("-", "−")


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; NaN limits mean that there is none."""

    value: float
    low: float
    high: float

    def auc(self) -> str:
        """Return ``0.71 (0.60 to 0.82)``."""
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    def difference(self) -> str:
        """Return ``+0.07 (−0.02 to +0.15)``."""
        return minus(f"{self.value:+.2f} ({self.low:+.2f} to {self.high:+.2f})")


@dataclass(frozen=True)
class Conclusions:
    """The verdict in one word for tests and styling, and the two sentences for the reader."""

    verdict: str
    may: str
    may_not: str


@dataclass(frozen=True)
class Doubts:
    """What stands against any conclusion, whatever the interval says.

    Parameters
    ----------
    fault
        A fault of the evaluation that was recorded or proved, as a clause; ``""`` for none.
    permuted
        The model's p value on permuted labels, if it is above .05, as a clause; ``""`` otherwise.
    chosen
        What is left of the model once its having been the best of several is paid for, if that
        reaches 0.5, as a clause; ``""`` otherwise.
    """

    fault: str = ""
    permuted: str = ""
    chosen: str = ""


NO_DOUBTS = Doubts()


def conclude(
    model: str,
    auc: Interval,
    n_patients: int,
    over_volume: Interval | str,
    interval_is: str = "interval",
    too_small: str = "",
    doubts: Doubts = NO_DOUBTS,
) -> Conclusions:
    """Say what one model's out-of-bag AUC allows to conclude.

    Parameters
    ----------
    model
        Its name.
    auc
        Out-of-bag AUC and interval.
    n_patients
        Patients evaluated.
    over_volume
        Paired difference of the AUC to the volume-only model; where there is none, the reason, as
        a clause that starts with "because".
    interval_is
        What the limits are, in a few words, such as ``"95 % of the resamples"``.
    too_small
        Why no positive conclusion may be drawn whatever the interval says, see :func:`brake`; a
        clause that starts with "from" or "with".
    doubts
        What leakage trace and negative controls found.

    Returns
    -------
    Conclusions
        ``verdict`` is ``"fault"``, ``"null"``, ``"inverted"``, ``"too small"``, ``"separates"``
        (but not shown to beat volume) or ``"beyond volume"``.

    Examples
    --------
    >>> conclude("logistic", Interval(0.53, 0.41, 0.65), 96, "because it was left out").verdict
    'null'
    >>> conclude("logistic", Interval(0.74, 0.63, 0.84), 96, Interval(0.1, 0.02, 0.18)).verdict
    'beyond volume'
    """
    found = (
        f"out-of-bag AUC of “{model}” is {auc.value:.2f} "
        f"({interval_is} {auc.low:.2f} to {auc.high:.2f})"
    )
    if doubts.fault:
        return Conclusions(
            "fault",
            f"Nothing may be concluded before it is mended: {doubts.fault}. The {found}.",
            "It may not be concluded that the response can be predicted: a figure of an evaluation "
            "with such a fault may be too high by any amount.",
        )
    # written so that a missing limit (NaN compares false) falls through to the null wording
    if auc.high < CHANCE:
        return Conclusions(
            "inverted",
            f"Something is wrong: the {found}, which is below chance.",
            "No prediction may be concluded from a ranking that is worse than chance; look for a "
            "label with its sign turned, a row mix-up, or a cohort too small to resample, before "
            "anything else.",
        )
    if not auc.low > CHANCE:
        reaches = (
            "which reaches 0.5" if auc.low <= CHANCE else "with no interval to tell it from chance"
        )
        return Conclusions(
            "null",
            f"This study does not show that the response can be predicted: the {found}, {reaches}.",
            f"It may not be concluded that the features predict the response, nor that they "
            f"cannot: {_compatible(auc, n_patients)}",
        )
    if doubts.permuted:
        return Conclusions(
            "null",
            f"This study does not show that the response can be predicted: the {found}, but "
            f"labels dealt out at random do as well too often ({doubts.permuted}).",
            "It may not be concluded that the features predict the response, nor that they "
            f"cannot: {_compatible(auc, n_patients)}",
        )
    if doubts.chosen:
        return Conclusions(
            "null",
            f"This study does not show that the response can be predicted: the {found}, but "
            f"{doubts.chosen}.",
            "It may not be concluded that the features predict the response, nor that they "
            f"cannot: {_compatible(auc, n_patients)}",
        )
    if too_small:
        return Conclusions(
            "too small",
            f"This evaluation is too small to conclude from: the {found}, {too_small}.",
            "It may not be concluded that the response can be predicted: with so little, an "
            "interval that excludes 0.5 comes up by chance.",
        )
    ranked = (
        f"the {found}, so that of a responder and a non-responder it has not seen it ranks the "
        f"responder higher in about {100 * auc.value:.0f} % of pairs"
    )
    if isinstance(over_volume, Interval) and over_volume.low > 0:
        return Conclusions(
            "beyond volume",
            "In this cohort responders are separated better than chance, and better than by "
            f"tumour volume alone, by {over_volume.difference()}: {ranked}.",
            "It may not be concluded that this holds in another hospital, on another scanner or "
            "with other contours, of which no patient was seen, nor that the columns named below "
            "cause the response.",
        )
    if isinstance(over_volume, str):
        doubt = over_volume
    elif over_volume.high < 0:
        doubt = (
            f"since volume alone does better: the difference is {over_volume.difference()}, "
            "against this model"
        )
    else:
        doubt = (
            f"since the difference to volume alone is {over_volume.difference()}, and that "
            "interval contains 0"
        )
    return Conclusions(
        "separates",
        f"In this cohort responders are separated better than chance: {ranked}.",
        f"It may not be concluded that the model adds anything to tumour volume, {doubt}; nor that "
        "it holds in another hospital, of which no patient was seen.",
    )


def brake(auc: Interval, n_smaller_class: int, n_resamples: int) -> str:
    """Return why an evaluation is too small for any positive conclusion, or ``""``.

    Below ten patients in a class a handful of them decides the estimate; below a hundred resamples
    the ends of a 95 % range are set by one or two of them; an interval of no width is a sign that
    there was nothing to resample.

    Examples
    --------
    >>> brake(Interval(1.0, 1.0, 1.0), 6, 10)
    'from 6 patients in the smaller class'
    >>> brake(Interval(0.7, 0.6, 0.8), 40, 1000)
    ''
    """
    if n_smaller_class < MIN_PATIENTS_PER_CLASS:
        return f"from {n_smaller_class} patients in the smaller class"
    if n_resamples < MIN_RESAMPLES:
        return f"from {n_resamples} resamples"
    return "with an interval of no width" if auc.high == auc.low else ""


def shared_by_chance(
    name: str, auc: Interval, corrected: Interval, n_models: int, too_small: str = ""
) -> str:
    """Say what an interval above 0.5 is worth where the sentences are about another model.

    In a study with nothing to find one of several intervals lies above 0.5 easily, and that one is
    what a reader would take home.

    Parameters
    ----------
    name
        The model that has it.
    auc
        Its out-of-bag AUC and interval.
    corrected
        The same with an interval at a level that is corrected for the number of models.
    n_models
        How many intervals could have been looked at.
    too_small
        See :func:`brake`.

    Examples
    --------
    >>> told = shared_by_chance("volume_only", Interval(0.6, 0.51, 0.7), Interval(0.6, 0.48, 0.72),
    ...                         3)
    >>> told.endswith("which reaches 0.5: it is no finding.")
    True
    """
    told = f"The interval of “{name}”, {auc.auc()}, lies above 0.5"
    if too_small:
        return f"{told}, {too_small}: too little to conclude from."
    if n_models == 1:
        return f"{told}; the sentences above are not about it."
    told += f". It is one of {n_models} that could have"
    limits = f"{corrected.low:.2f} to {corrected.high:.2f}"
    if not corrected.low > CHANCE:
        return (
            f"{told}, and at a level corrected for {n_models} (Bonferroni) it is {limits}, which "
            "reaches 0.5: it is no finding."
        )
    return (
        f"{told}; at a level corrected for {n_models} (Bonferroni) it is {limits}. It is for "
        "another study to ask; the sentences above are not about it."
    )


def expected_of_volume(observer_sd_mm: float) -> str:
    """Return the name of the row that the AUC of volume alone is to be compared with.

    Examples
    --------
    >>> expected_of_volume(1.5)
    'volume, from contour error of 1.5 mm alone'
    """
    if observer_sd_mm == 0:
        return "volume, if it said nothing"
    return f"volume, from contour error of {observer_sd_mm:g} mm alone"


def _compatible(auc: Interval, n_patients: int) -> str:
    if not auc.high > CHANCE:
        return f"{n_patients} patients do not settle it."
    return f"with {n_patients} patients, an AUC of up to {auc.high:.2f} is not excluded."
