"""Which model it was: its name and file, whom it learnt from, how good it is known to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tumor_response._version import __version__
from tumor_response.models import final_estimator
from tumor_response.predictor.card.sections import title_of
from tumor_response.predictor.card.wording import MEASURES, count, interval, number, signed
from tumor_response.predictor.state import PredictorState
from tumor_response.reporting.patient.short import shortened
from tumor_response.reporting.wording import minus

__all__ = ["Identity", "doubt_of", "identity_of", "over_volume"]

LONGEST_TITLE, LONGEST_BLOCKS = 110, 60

_CHANCE = {"auc": 0.5, "c": 0.5, "r2": 0.0}


@dataclass(frozen=True)
class Identity:
    """What stands at the foot of the page.

    Parameters
    ----------
    name
        What a person called the predictor, or what it predicts.
    facts
        Name and value, in order.
    performance, calibration
        A line each.
    """

    name: str
    facts: tuple[tuple[str, str], ...]
    performance: str
    calibration: str


def identity_of(state: PredictorState, sha256: str | None) -> Identity:
    """Return what the page says of a predictor.

    Parameters
    ----------
    state
        The predictor's.
    sha256
        Of its file; None: it was never saved.
    """
    fit = state.record.get("fit", {})
    blocks = ", ".join(f"{n} of {block}" for block, n in fit.get("blocks", {}).items())
    made = state.provenance.get("tumor_response")
    facts = (
        (
            "model",
            f"{type(final_estimator(state.model)).__name__}; {shortened(blocks, LONGEST_BLOCKS)}",
        ),
        ("trained on", _trained_on(state, fit)),
        ("file, SHA-256", sha256 or "not saved: it has none"),
        (
            "made with",
            f"tumor_response {made or 'of a version not known'}; page by {__version__}",
        ),
    )
    return Identity(
        shortened(title_of(state), LONGEST_TITLE),
        facts,
        minus(_performance(state)),
        minus(_calibration(state)),
    )


def doubt_of(state: PredictorState) -> str:
    """Return why a predictor is not shown to predict, as a clause; ``""``: it is, or nobody asked.

    An interval that reaches chance is a null result, as in the report; without an evaluation only
    scores of patients left out that do no better than chance count against it.
    """
    found = state.record.get("evaluation")
    if found:
        own = found["models"][found["model"]]
        measure = found["headline"].partition("_")[0]
        low = own.get("ci_low")
        if measure in _CHANCE and (low is None or low <= _CHANCE[measure]):
            said = interval(own[found["headline"]], low, own.get("ci_high"))
            return (
                "this model has not been shown to predict the end point "
                f"({MEASURES.get(measure, measure)} {said} on unseen patients)"
            )
        return ""
    crossed = state.record.get("fit", {}).get("cross_fitted", {})
    measure, value = str(crossed.get("measure")), crossed.get("model")
    if value is not None and measure in _CHANCE and value <= _CHANCE[measure]:
        return (
            "on patients left out of the fit this model did no better than chance "
            f"({MEASURES.get(measure, measure)} {number(value)})"
        )
    return ""


def over_volume(state: PredictorState) -> str:
    """Return whether the model is known to add to volume, as a sentence."""
    beyond = state.record.get("evaluation", {}).get("beyond_volume_only")
    if not beyond or beyond.get("difference") is None:
        return "Whether the model is better than volume alone has not been measured."
    low, high = beyond.get("ci_low"), beyond.get("ci_high")
    told = minus(f"{signed(beyond['difference'])} ({signed(low)} to {signed(high)})")
    if low is not None and low > 0:
        return f"On unseen patients the model was better than volume alone: {told}."
    return f"That the model is better than volume alone is not shown: {told}."


def _trained_on(state: PredictorState, fit: Mapping[str, Any]) -> str:
    said = f"{count(fit.get('n_patients'), 'patient')}, {count(fit.get('n_lesions'), 'lesion')}"
    local = [one for one in state.parents if one.get("n_patients")]
    if local:
        said += f"; recalibrated on {count(local[-1]['n_patients'], 'local patient')}"
    return said


def _performance(state: PredictorState) -> str:
    found = state.record.get("evaluation")
    if not found:
        crossed = state.record.get("fit", {}).get("cross_fitted", {})
        measure = MEASURES.get(str(crossed.get("measure")), "score")
        return (
            f"Performance on unseen patients: not measured. From the fit: {measure} "
            f"{number(crossed.get('model'))} on patients left out, volume alone "
            f"{number(crossed.get('volume_only'))}; no interval."
        )
    headline = found["headline"]
    measure = MEASURES.get(headline.partition("_")[0], headline)
    own, volume = found["models"][found["model"]], found["models"].get("volume_only")
    beside = ""
    if volume:
        said = interval(volume[headline], volume.get("ci_low"), volume.get("ci_high"))
        beside = f"; volume alone {said}"
    return (
        f"Performance: {measure} {interval(own[headline], own.get('ci_low'), own.get('ci_high'))} "
        f"on unseen patients{beside}; {count(found['n_patients'], 'patient')} of its own cohort, "
        "no other hospital."
    )


def _calibration(state: PredictorState) -> str:
    if state.task == "rate":
        how = (
            "the rate is as the model gives it"
            if state.calibration.method == "none"
            else (f"the rate was fitted to {count(state.calibration.n_patients, 'local patient')}")
        )
        return (
            f"Calibration: {how}; the interval is from "
            f"{count(state.conformal.n_patients, 'patient')} left out of the fit."
        )
    line = state.calibration
    where = {
        "cross_fitted": f"to {count(line.n_patients, 'patient')} left out of the fit",
        "local": f"to {count(line.n_patients, 'local patient')}",
    }.get(line.method)
    if where is None:
        return "Calibration: not fitted; a probability is as the model gives it."
    said = (
        f"Calibration: fitted {where} (intercept {number(line.intercept)}, slope "
        f"{number(line.slope)})"
    )
    slope = state.record.get("evaluation", {}).get("performance", {}).get("calibration_slope")
    if slope is not None:
        said += f"; before it, the slope on unseen patients was {number(slope)}"
    return f"{said}."
