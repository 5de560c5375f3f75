"""What a notebook shows of an evaluation: volume alone first, intervals, what may be concluded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from tumor_response.evaluation.comparison.difference import Differences
from tumor_response.evaluation.comparison.increments import BASELINES
from tumor_response.evaluation.concluded import WORDS, conclusion_of, is_too_small
from tumor_response.evaluation.controls.null import CHANCE
from tumor_response.evaluation.intervals import METHODS
from tumor_response.notebook import CAUTION, card, facts, figure_text, grid, interval_text, note

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["estimates_of", "result_html", "result_text"]

_N_MODELS = 12
_VOLUME = "volume_only"
_MEASURES = {"auc": "AUC", "r2": "R2", "c_index": "C index"}
_ON = {"oob": "out of bag", "cv": "cross-validated", "test": "on the test set"}
OTHER_HOSPITALS = (
    "Nothing is said about patients of other hospitals, scanners or contours than these."
)


def result_html(result: EvaluationResult) -> str:
    """Return every model's headline with its interval, and what may be concluded."""
    counts = facts(
        {
            "patients": len(np.unique(result.rows.patients)),
            "lesions": len(result.rows.y),
            **_responders(result),
            "left out": _left_out(result),
            "resamples": len(result.resamples),
        }
    )
    order = _ordered(result.models)
    shown = estimates_of(result, order[:_N_MODELS])
    return card(
        "EvaluationResult",
        f"{headline_words(result)}, of patients the model had not seen",
        *(counts, models_grid(result, shown), *_notes(result, order)),
    )


def result_text(result: EvaluationResult) -> str:
    """Return the same as plain text."""
    rows = result.rows
    order = _ordered(result.models)
    shown = estimates_of(result, order[:_N_MODELS])
    more = f"\n{len(order) - _N_MODELS} more models, see .summary()" * (len(order) > _N_MODELS)
    return (
        f"EvaluationResult: {len(np.unique(rows.patients))} patients, {len(rows.y)} lesions, "
        f"{len(result.resamples)} resamples; {headline_words(result)}\n"
        f"{_as_read(result, shown).to_string()}{more}"
    )


def estimates_of(result: EvaluationResult, names: list[str]) -> pd.DataFrame:
    """Return headline, interval, difference to volume alone and conclusion of some models."""
    chance, too_small = CHANCE[result.measure], is_too_small(result)
    differences = Differences(result)
    rows = []
    for name in names:
        values, interval = result.oob_values(name), result.interval(name)
        value = float(np.nanmean(values))
        row: dict[str, object] = {
            "value": value,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "ci_method": interval.method,
        }
        over = np.nan
        if _VOLUME in result.models and name != _VOLUME:
            difference = differences.of(name, _VOLUME, None, 0.95)
            over = float(difference["ci_low"])
            row |= {
                "difference": float(difference["difference"]),
                "difference_low": over,
                "difference_high": float(difference["ci_high"]),
            }
        word = conclusion_of(value, interval.low, interval.high, chance, too_small, over)
        row["conclusion"] = word
        rows.append(row)
    columns = ["value", "ci_low", "ci_high", "ci_method"]
    columns += ["difference", "difference_low", "difference_high", "conclusion"]
    return pd.DataFrame(rows, index=pd.Index(names, name="model"), columns=columns)


def models_grid(result: EvaluationResult, shown: pd.DataFrame) -> Markup:
    """Return the table of models, as a reader wants the numbers."""
    return grid(_as_read(result, shown), what="models", n_rows=_N_MODELS, n_all=len(result.models))


def headline_words(result: EvaluationResult) -> str:
    """Return the headline measure in words: ``"AUC out of bag"``."""
    return f"{_MEASURES[result.measure]} {_ON[result.headline.rsplit('_', 1)[1]]}"


def _as_read(result: EvaluationResult, shown: pd.DataFrame) -> pd.DataFrame:
    method = shown["ci_method"].iloc[0]
    limits = METHODS[method].limits_are if method in METHODS else "interval"
    read = pd.DataFrame(index=shown.index)
    read[headline_words(result)] = shown["value"].map(figure_text)
    read[limits] = list(map(interval_text, shown["ci_low"], shown["ci_high"]))
    if shown["difference"].notna().any():
        read["minus volume alone"] = [
            "" if np.isnan(value) else _signed(value, low, high)
            for value, low, high in zip(
                shown["difference"],
                shown["difference_low"],
                shown["difference_high"],
                strict=True,
            )
        ]
    read["what may be concluded"] = [
        _about_volume(name, WORDS[word]) for name, word in shown["conclusion"].items()
    ]
    return read


def _about_volume(name: object, words: str) -> str:
    return words.partition(";")[0] if name == _VOLUME else words


def _signed(value: float, low: float, high: float) -> str:
    limits = "no interval" if np.isnan(low) else f"{low:+.2f} to {high:+.2f}"
    return f"{value:+.2f} ({limits})".replace("-", "\N{MINUS SIGN}")


def _ordered(models: list[str]) -> list[str]:
    return [*(b for b in BASELINES if b in models), *(m for m in models if m not in BASELINES)]


def _responders(result: EvaluationResult) -> dict[str, object]:
    if result.task != "response":
        return {}
    n, of = int(result.rows.y.sum()), len(result.rows.y)
    return {"responders": f"{n:,} lesions ({100 * n / of:.0f} %)"}


def _left_out(result: EvaluationResult) -> str:
    flow = result.cohort_flow["n_lesions"]
    told = [f"{name} ({n})" for name, n in flow.iloc[1:-1].items() if n]
    return ", ".join(told) if told else "none"


def _notes(result: EvaluationResult, order: list[str]) -> list[Markup]:
    notes = []
    if _VOLUME not in result.models:
        notes.append(
            note(
                "Volume alone was not evaluated beside these, so whether they add anything to it "
                "is open: evaluate tr.make_model('volume_only') as 'volume_only' with them.",
                style=CAUTION,
            )
        )
    if is_too_small(result):
        notes.append(
            note(
                "Too few patients in a class (below 10) or too few resamples (below 100) for any "
                "positive conclusion.",
                style=CAUTION,
            )
        )
    if len(order) - sum(b in order for b in BASELINES) > 1:
        notes.append(
            note("The highest of several is too high on average: .best_of_k() corrects for it.")
        )
    return [*notes, note(OTHER_HOSPITALS)]
