"""SHAP values on the page: by block, by column, and the summary figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from tumor_response.reporting.figures import Figure, embedded
from tumor_response.reporting.parts import Heading, Paragraph, Part, Section, Table, number

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.explanation import Explanation

__all__ = ["explanation_sections"]

TOP_COLUMNS = 12
TOP_FAMILIES = 8

_MODES = {
    "out_of_bag": (
        "Each lesion is explained by the models that had not seen its patient, and the values are "
        "means over these resamples."
    ),
    "in_sample": (
        "In sample: the model explains the patients it was fitted to. Such values show what it "
        "memorised as well, and say nothing about new patients."
    ),
    "new_rows": "The lesions explained are of patients that the model was not fitted to.",
}

_READING = (
    "Where a model does not separate responders better than chance, what follows describes noise. "
    "SHAP values share out how far the model's output for a lesion lies "
    "from its mean output. They describe the model. They do not say that a column causes anything, "
    "and among correlated columns the credit can fall otherwise in another cohort."
)


def explanation_sections(explanations: Sequence[Explanation]) -> list[Section]:
    """Return one section with all explained models, or none."""
    if not explanations:
        return []
    parts: list[Part] = [Paragraph(_READING)]
    for explanation in explanations:
        parts += [
            Heading(explanation.name),
            Paragraph(_MODES[explanation.mode]),
            *_sampled(explanation),
            *_values(explanation),
        ]
    return [Section("explanation", "What the models used", parts)]


def _sampled(explanation: Explanation) -> list[Part]:
    if explanation.method == "exact":
        return []
    return [
        Paragraph(
            f"The values are estimated from {explanation.n_pairs} pairs of random orders for each "
            "lesion and fit, not computed. The mean of absolute values of noise is not 0: a bar no "
            "longer than its standard error says nothing."
        )
    ]


def _groups(groups: pd.DataFrame, what: str, caption: str) -> Table:
    spread = "spread_low" in groups
    rows = []
    for label, row in groups.iterrows():
        cells = [
            str(label),
            str(int(row["n_columns"])),
            number(float(row["mean_abs"]), 3),
            f"{100 * float(row['share']):.0f} %",
        ]
        if spread:
            low, high = float(row["spread_low"]), float(row["spread_high"])
            cells.append(
                f"{number(float(row['mean_abs_resample']), 3)} "
                f"({number(low, 3)} to {number(high, 3)})"
            )
        rows.append(cells)
    columns = [what, "columns", "mean |value|", "share"]
    columns += ["within a resample: mean (95 % of the resamples)"] if spread else []
    return Table(
        caption,
        columns,
        rows,
        numeric=frozenset(range(1, len(columns))),
    )


def _values(explanation: Explanation) -> list[Part]:
    table = explanation.table().head(TOP_COLUMNS)
    top = table[table["mean_abs"] > 0]
    if top.empty:
        return [Paragraph("No column moved this model's output: it gives every lesion the same.")]
    families = explanation.by_family()
    n = min(len(families), TOP_FAMILIES)
    return [
        _groups(
            explanation.by_block(),
            "block",
            f"Blocks as players: Shapley values of whole blocks, {_unit(explanation)}.",
        ),
        _groups(
            families.head(n),
            "family",
            f"The {n} families of columns with the largest mean |value|, of {len(families)}: Owen "
            f"values, which sum to the value of their block; {_unit(explanation)}.",
        ),
        *_firmness(explanation),
        _columns(explanation, top),
        _summary(explanation, top),
    ]


def _firmness(explanation: Explanation) -> list[Part]:
    """Say how well resamples agree, and what permuted labels give."""
    told: list[Part] = []
    if explanation.column_mean_abs is not None and len(explanation.column_mean_abs) > 1:
        told.append(Paragraph(f"Agreement of the resamples, {explanation.stability().overlap}."))
    if explanation.null is None:
        told.append(
            Paragraph("What the same explanation gives on permuted labels has not been asked.")
        )
        return told
    told += [Paragraph(line.strip()) for line in str(explanation.null).splitlines()]
    return [*told, *(_bars(explanation, level) for level in ("family", "column"))]


def _bars(explanation: Explanation, level: Literal["column", "family"]) -> Figure:
    # on axes of its own, which are as high as the rows' names need
    return embedded(
        explanation.plot_bars(level),
        alt=f"Mean |SHAP| by {level} of {explanation.name}, before the band that permuted labels "
        "give.",
        caption="Behind the bars: what the same explanation gives on permuted labels. Faint and "
        "hatched: rarely among the most important of a resample.",
    )


def _unit(explanation: Explanation) -> str:
    return {
        "log_odds": "in log-odds",
        "probability": "in probability",
        "rate": "in the unit of the rate",
        "score": "in the unit of the decision function",
    }[explanation.output]


def _columns(explanation: Explanation, top: pd.DataFrame) -> Table:
    stability = bool(top["top_ten_share"].notna().any())
    rows = []
    for column, row in top.iterrows():
        cells = [
            str(column),
            number(float(row["mean_abs"]), 3),
            number(float(row["mean"]), 3),
        ]
        if stability:
            cells.append(f"{100 * float(row['top_ten_share']):.0f} %")
        rows.append(cells)
    columns = ["column", "mean |SHAP|", "mean SHAP"]
    columns += ["in the top ten of a resample"] if stability else []
    return Table(
        f"The {len(top)} columns with the largest mean |SHAP|, of {explanation.values.shape[1]}; "
        f"{_unit(explanation)}.",
        columns,
        rows,
        numeric=frozenset(range(1, len(columns))),
    )


def _summary(explanation: Explanation, top: pd.DataFrame) -> Figure:
    return embedded(
        explanation.plot_summary(n_columns=len(top)),
        alt=(
            f"SHAP values of {explanation.name} per lesion for the columns in the table above; "
            f"the first are {', '.join(str(column) for column in top.index[:5])}."
        ),
        caption="One point per lesion; the colour is the rank of the column's value. At the right: "
        "the share of resamples in which the column was among the ten most important.",
    )
