"""What a notebook shows of an explanation: which blocks move the output, and how firmly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from tumor_response.notebook import CAUTION, card, grid, note, number_text

if TYPE_CHECKING:
    from tumor_response.explanation.result import Explanation

__all__ = ["explanation_html"]

_UNITS = {
    "log_odds": "log-odds of response",
    "probability": "probability of response",
    "rate": "unit of the rate",
    "score": "the model's score",
}
_MODES = {
    "out_of_bag": "of lesions while their patients were left out of the fit",
    "in_sample": "of lesions that the model was fitted to",
    "new_rows": "of lesions that the model was not fitted to",
}
_N_COLUMNS = 8


def explanation_html(explanation: Explanation) -> str:
    """Return importance by block with its spread over resamples, and the first columns."""
    blocks = explanation.by_block()
    read = pd.DataFrame(index=blocks.index)
    read["columns"] = blocks["n_columns"]
    read[f"mean |SHAP|, {_UNITS[explanation.output]}"] = blocks["mean_abs"].map(number_text)
    if "spread_low" in blocks:
        read["one resample"] = blocks["mean_abs_resample"].map(number_text)
        read["middle 95 % of resamples"] = [
            "none" if np.isnan(low) else f"{number_text(low)} to {number_text(high)}"
            for low, high in zip(blocks["spread_low"], blocks["spread_high"], strict=True)
        ]
    read["share"] = [f"{100 * share:.0f} %" for share in blocks["share"]]
    many = {"column": "columns", "family": "families"}[explanation.level]
    return card(
        "Explanation",
        f"of {explanation.name}: {len(explanation.values):,} lesions, "
        f"{explanation.values.shape[1]:,} {many}",
        note(f"SHAP values {_MODES[explanation.mode]} ({explanation.method})."),
        *_cautions(explanation),
        grid(read, what="blocks"),
        _columns(explanation),
        note(
            "What moves the output is not what causes the response; a spread over resamples is no "
            "confidence interval. .table(), .by_family(), .plot_bars() and .stability() go on."
        ),
    )


def _columns(explanation: Explanation) -> Markup:
    table = explanation.table()
    shown = table[["block", "mean_abs"]].head(_N_COLUMNS)
    if explanation.top_ten_share is not None:
        share = table["top_ten_share"].head(_N_COLUMNS)
        shown = shown.assign(
            **{"among the ten, of resamples": [f"{100 * one:.0f} %" for one in share]}
        )
    shown = shown.rename(columns={"mean_abs": "mean |SHAP|"})
    return grid(shown, what="columns, the most important first", n_all=len(table))


def _cautions(explanation: Explanation) -> list[Markup]:
    if explanation.mode != "in_sample":
        return []
    return [
        note(
            "In sample: what was memorised shows as well as what was learned.",
            style=CAUTION,
        )
    ]
