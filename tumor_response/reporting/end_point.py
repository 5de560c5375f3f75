"""The end point, its distribution and cut, how sure labels are, and what contour error makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response.outcomes import ResponderCut
from tumor_response.reporting.figures import Figure, draw, draw_outcomes
from tumor_response.reporting.headline import Headline, estimates_of
from tumor_response.reporting.parts import Paragraph, Part, Section, Table, number
from tumor_response.style import COLOURS, NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tumor_response.evaluation import EvaluationResult
    from tumor_response.outcomes import Coupling
    from tumor_response.reporting.given import Given

__all__ = ["coupling_note", "coupling_sections", "end_point_section", "name_of_end_point"]

UNITS = {
    "volume_change_cc": "cc",
    "volume_change_percent": "%",
    "log_volume_ratio": "ln(V1 / V0)",
    "log_volume_residual": "ln V1, less what V0 lets expect",
    "shrinkage_percent": "%",
    **{
        f"{rate}_per_{amount}": f"{unit} / {words}"
        for rate, unit in {"sgr": "1", "rate_percent": "% of V0", "rate_cc": "cc"}.items()
        for amount, words in {"day": "day", "fraction": "fraction", "gy": "Gy"}.items()
    },
}
DAYS = {
    "interval_days": "from CT to CT (interval_days)",
    "treatment_days": "from the first fraction to the follow-up CT (treatment_days)",
}


def name_of_end_point(result: EvaluationResult) -> str:
    """Return what was evaluated."""
    return str(result.rows.end_point.name or "y")


def coupling_note(result: EvaluationResult) -> str:
    """Return the warning that belongs on page one if the end point is in cc; else nothing."""
    name = name_of_end_point(result)
    if name != "volume_change_cc" and not name.startswith("rate_cc_per_"):
        return ""
    return (
        f"The end point is {name}. A change in cc is larger for a larger tumour by construction, "
        "so that baseline volume alone predicts it; a high AUC here is mostly arithmetic. Prefer a "
        "change relative to the baseline volume."
    )


def end_point_section(result: EvaluationResult, given: Given) -> Section:
    """Return the end point, its distribution, the cut, and why outcomes are missing."""
    name = name_of_end_point(result)
    outcomes = given.outcomes
    cut = str(result.summary()["cut"].iloc[0])
    days = outcomes.attrs.get("days") if outcomes is not None else None
    text = f"Responders are the lesions that shrank strictly more than the cut. The cut: {cut}."
    if days in DAYS and "per_day" in name:
        text += f" Rates are per day {DAYS[days]}."
    parts: list[Part] = [Paragraph(text)]
    if result.rows.label is not None:
        parts.append(_distribution(result, name, given.uncertainty))
    if given.uncertainty is not None:
        parts += _uncertain(given.uncertainty)
    if outcomes is not None and "reason" in outcomes:
        reasons = outcomes.loc[outcomes["reason"] != "", "reason"].value_counts()
        if len(reasons):
            parts.append(
                Table(
                    "Why values of the outcome table are missing, or declared.",
                    ("reason", "lesions"),
                    [(str(reason), str(count)) for reason, count in reasons.items()],
                    numeric=frozenset({1}),
                )
            )
    return Section("end-point", "The end point", parts)


def _distribution(result: EvaluationResult, name: str, uncertainty: pd.DataFrame | None) -> Figure:
    rows = result.rows
    # what is gone has no logarithm, and is drawn nowhere
    values = rows.end_point.astype(float).replace([-np.inf], np.nan).dropna()
    alt = (
        f"Histogram of {name} of {len(values)} lesions: median {number(float(values.median()))}, "
        f"from {number(float(values.min()))} to {number(float(values.max()))}; cut "
        f"{number(rows.cut or 0.0)}."
    )
    caption = (
        "The end point of the evaluated lesions, and the cut on all rows. In the evaluation the "
        "cut is fitted on the training rows of each resample."
        if rows.cut_is_fitted
        else "The end point of the evaluated lesions, and the cut fixed beforehand."
    )
    unit = UNITS.get(name, "")
    if uncertainty is None or not isinstance(rows.label, ResponderCut) or rows.cut is None:
        return draw(
            lambda axes: draw_outcomes(
                axes, values.to_list(), rows.cut, f"{name} ({unit})" if unit else name
            ),
            alt=alt,
            caption=caption,
            width_mm=120,
            height_mm=60,
        )
    from tumor_response.outcomes import plot_cut

    cut = rows.cut
    n_uncertain = int(uncertainty.loc[values.index, "uncertain"].sum())
    return draw(
        lambda axes: plot_cut(
            values.to_frame(name), by=name, cut=cut, uncertainty=uncertainty, ax=axes
        ),
        alt=f"{alt} The labels of {n_uncertain} lesions are uncertain.",
        caption=f"{caption} Grey: from the first to the last lesion whose label another "
        "observer's contour would easily change. The bar: how well a single lesion is known.",
        width_mm=120,
        height_mm=75,
    )


def _uncertain(uncertainty: pd.DataFrame) -> list[Part]:
    known = uncertainty.dropna(subset=["p_flip"])
    told = uncertainty.attrs
    n_uncertain = int(known["uncertain"].sum())
    flips = 100 * float(known["p_flip"].mean())
    text = (
        f"Had another observer contoured both scans, {flips:.0f} % of the labels would be expected "
        f"to be others; {n_uncertain} of {len(known)} lesions have an uncertain label"
    )
    if "flip_limit" in told:
        text += f" (a probability of {100 * told['flip_limit']:g} % or more to be another)"
    if "observer_sd_mm" in told:
        text += f". The assumed error of one observer's contour is {told['observer_sd_mm']:g} mm"
    text += ". No model can be right about a label that is wrong: that bounds every AUC here."
    return [Paragraph(text)]


def coupling_sections(result: EvaluationResult, front: Headline, given: Given) -> list[Section]:
    """Return the section on volume and end point: one is a part of the other."""
    coupling = given.coupling
    if coupling is None:
        return []
    parts: list[Part] = [
        Paragraph(text) for text in (_expected(coupling), coupling.warning) if text
    ]
    parts.append(_aucs(result, front, coupling))
    if given.outcomes is not None and "volume_baseline_cc" in given.outcomes:
        parts.append(_scatter(result, given.outcomes["volume_baseline_cc"]))
    parts.append(
        Paragraph(
            f"{coupling.n_simulations} simulated cohorts of {coupling.n_lesions} lesions; the mean "
            f"AUC has a Monte Carlo error of {coupling.auc_se:.4f}."
        )
    )
    return [Section("coupling", "Volume and contour error", parts)]


def _expected(coupling: Coupling) -> str:
    """Say what the AUC of volume alone has to be compared with."""
    if coupling.observer_sd_mm == 0:
        return ""
    return (
        "Baseline volume is a part of the end point, and so is the error of its contour. If the "
        "response had nothing to do with volume, contours that are off by "
        f"{coupling.observer_sd_mm:g} mm (SD) would by themselves give volume alone an AUC of "
        f"{coupling.auc:.2f} (95 % of simulated cohorts of this size: {coupling.auc_low:.2f} to "
        f"{coupling.auc_high:.2f}). Only what lies above that is a relation of response to size."
    )


def _aucs(result: EvaluationResult, front: Headline, coupling: Coupling) -> Figure:
    """Return the band that contour error alone gives, and the measured values on it."""
    estimates = estimates_of(result)
    names = [name for name in ("volume_only", front.model) if name in estimates]
    shown = {
        name: tuple(float(estimates[name][key]) for key in ("auc_oob", "ci_low", "ci_high"))
        for name in dict.fromkeys(names)
    }
    listed = "; ".join(
        f"{n} {v:.2f} ({low:.2f} to {high:.2f})" for n, (v, low, high) in shown.items()
    )
    return draw(
        lambda axes: _draw_aucs(axes, shown, coupling),
        alt=f"Band of {coupling.auc_low:.2f} to {coupling.auc_high:.2f} about {coupling.auc:.2f}, "
        f"which contour error alone gives volume, and out of bag: {listed}.",
        caption="Band and line: what contour error alone would give volume. Points: out-of-bag "
        "AUC with its interval.",
        width_mm=120,
        height_mm=22 + 9 * len(shown),
    )


def _draw_aucs(axes: Axes, shown: dict[str, tuple[float, ...]], coupling: Coupling) -> None:
    axes.axvspan(coupling.auc_low, coupling.auc_high, color=NEUTRAL, alpha=0.25, linewidth=0)
    axes.axvline(coupling.auc, color=NEUTRAL, linewidth=1.0)
    axes.axvline(0.5, color="black", linewidth=0.6, linestyle=":")
    for row, (value, low, high) in enumerate(shown.values()):
        axes.plot([low, high], [-row, -row], color=COLOURS[0], linewidth=1.4)
        axes.plot(value, -row, "o", color=COLOURS[0], markersize=4)
    axes.set_yticks([-row for row in range(len(shown))], list(shown))
    axes.set_ylim(-len(shown) + 0.4, 0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("out-of-bag AUC (dotted: chance)")


def _scatter(result: EvaluationResult, volume_cc: pd.Series) -> Figure:
    end_point = result.rows.end_point.astype(float).replace([-np.inf], np.nan).dropna()
    volume = volume_cc.reindex(end_point.index).astype(float)
    name, cut = name_of_end_point(result), result.rows.cut
    rank = float(volume.corr(end_point, method="spearman"))
    unit = UNITS.get(name, "")
    return draw(
        lambda axes: _draw_scatter(axes, volume, end_point, cut, f"{name} ({unit})"),
        alt=f"Baseline volume against {name} of {len(end_point)} lesions; rank correlation "
        f"{number(rank)}.",
        caption=f"One point per lesion; the line is the cut. Rank correlation {number(rank)}.",
        width_mm=110,
        height_mm=75,
    )


def _draw_scatter(
    axes: Axes, volume: pd.Series, end_point: pd.Series, cut: float | None, label: str
) -> None:
    axes.plot(volume, end_point, "o", color=COLOURS[0], markersize=3, alpha=0.7, markeredgewidth=0)
    from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    if cut is not None:
        axes.axhline(cut, color=COLOURS[1], linewidth=1.0)
    axes.set_xlabel("baseline volume (cc)")
    axes.set_ylabel(label)
