"""ROC, calibration and decision curve of the headline beside the baselines, and their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tumor_response.reporting.figures import draw
from tumor_response.reporting.headline import BASELINES
from tumor_response.reporting.parts import Paragraph, Part, Section, Table, number

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult

__all__ = ["curve_sections"]

_FIGURES = {
    "brier": "Brier score",
    "scaled_brier": "scaled Brier score",
    "log_loss": "log-loss",
    "average_precision": "average precision",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "calibration_in_the_large": "calibration in the large",
    "ici": "integrated calibration index",
}


def curve_sections(result: EvaluationResult, model: str) -> list[Section]:
    """Return the sections on discrimination, calibration and net benefit."""
    names = list(dict.fromkeys([model, *(m for m in BASELINES if m in result.models)]))
    sections = [_roc(result, names)]
    probable = [name for name in names if result.is_probability[name]]
    if model not in probable:
        told = (
            f"The scores of “{model}” are decision values and no probabilities, so that there is "
            "no calibration, Brier score or net benefit."
        )
        return [*sections, Section("calibration", "Calibration", [Paragraph(told)])]
    return [
        *sections,
        _calibration(result, model, probable),
        _decision(result, probable),
        _performance(result, probable),
    ]


def _roc(result: EvaluationResult, names: list[str]) -> Section:
    aucs = result.summary()["auc_oob"]
    listed = "; ".join(f"{name} {number(float(aucs[name]))}" for name in names)
    figure = draw(
        lambda axes: result.plot_roc(ax=axes, models=names),
        alt=f"Out-of-bag ROC curves. AUC out of bag: {listed}.",
        caption="Lines: each lesion's mean score over the resamples it was out of bag in. Bands: "
        "the middle 95 % of the resamples' own curves. The AUC in the legend is the mean over "
        "resamples, which is not the area under the line.",
        width_mm=110,
        height_mm=110,
    )
    return Section("roc", "ROC curves", [figure])


def _calibration(result: EvaluationResult, model: str, names: list[str]) -> Section:
    parts: list[Part] = [
        Paragraph(
            "Whether, of the lesions given a probability of 70 %, seven in ten respond. A slope "
            "below 1 says that predictions are too extreme. Few lesions bend the line by chance."
        ),
        draw(
            lambda axes: result.plot_calibration(ax=axes, models=names),
            alt=f"Calibration of {', '.join(names)}: share that responded over the predicted "
            "probability, with the distribution of the predictions below. The figures are in the "
            "table of further figures.",
            caption=f"Of “{model}” and the baselines that give probabilities; the diagonal is "
            "perfect.",
            width_mm=110,
            height_mm=128,
        ),
    ]
    return Section("calibration", "Calibration", parts)


def _decision(result: EvaluationResult, names: list[str]) -> Section:
    parts: list[Part] = [
        Paragraph(
            "Net benefit of treating those whose predicted probability exceeds a threshold, "
            "against treating all and treating none (Vickers and Elkin, Medical Decision Making "
            "2006; 26: 565). A model is of use where its line lies above both, at thresholds "
            "that were agreed on before."
        ),
        draw(
            lambda axes: result.plot_decision_curve(ax=axes, models=names),
            alt=f"Decision curves of {', '.join(names)} against treating all and treating none.",
            caption="Lines: mean over the resamples, on patients not drawn. Bands: the middle "
            "95 % of the resamples.",
            width_mm=120,
            height_mm=95,
        ),
    ]
    return Section("decision", "Decision curve", parts)


def _performance(result: EvaluationResult, names: list[str]) -> Section:
    frame = result.performance(names)
    rows = []
    for (name, measure), row in frame.iterrows():
        if str(measure) not in _FIGURES:
            continue
        rows.append(
            (
                str(name),
                _FIGURES[str(measure)],
                number(float(row["oob"]), 3),
                _limits(row),
                number(float(row["apparent"]), 3),
                str(row["reason"]),
            )
        )
    parts: list[Part] = [
        Table(
            "Out of bag: the value to quote. The range is that of the middle 95 % of the "
            "resamples' own values, each on about a third of the patients, and no confidence "
            "interval. Apparent: on the patients the model was fitted to.",
            ("model", "figure", "out of bag", "95 % of the resamples", "apparent", "not defined"),
            rows,
            numeric=frozenset({2, 3, 4}),
        )
    ]
    return Section("figures-of-merit", "Further figures", parts)


def _limits(row: pd.Series) -> str:
    low, high = float(row["low"]), float(row["high"])
    return "–" if low != low else f"{number(low, 3)} to {number(high, 3)}"
