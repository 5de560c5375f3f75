"""What follows page one, in its order; failures of the extraction; how it was evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tumor_response.reporting.ablated import ablation_sections
from tumor_response.reporting.cohort_flow import cohort_section
from tumor_response.reporting.curves import curve_sections
from tumor_response.reporting.end_point import coupling_sections, end_point_section
from tumor_response.reporting.evidence_sections import evidence_sections
from tumor_response.reporting.explained import explanation_sections
from tumor_response.reporting.findings import quality_sections
from tumor_response.reporting.headline import Headline
from tumor_response.reporting.identity import plan_sections, settings_section
from tumor_response.reporting.looked import looked_sections
from tumor_response.reporting.models import models_section
from tumor_response.reporting.parts import Paragraph, Section, Table
from tumor_response.reporting.probed import probed_sections
from tumor_response.reporting.reported import paper_sections
from tumor_response.transformers.stable import stable_steps

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.reporting.given import Given
    from tumor_response.table import FeatureTable

__all__ = ["all_sections"]

MOST_ROWS = 100


def all_sections(
    result: EvaluationResult,
    front: Headline,
    given: Given,
    known_as: Mapping[str, str] | None,
) -> list[Section]:
    """Return the sections in the order of the page; patients as ``known_as`` names them."""
    return [
        models_section(result, front),
        cohort_section(result, given),
        end_point_section(result, given),
        *coupling_sections(result, front, given),
        *quality_sections(given.quality, known_as),
        *curve_sections(result, front.model),
        *ablation_sections(given.ablation, given.coupling),
        *explanation_sections(given.explained.shap),
        *looked_sections(given.explained),
        *probed_sections(result, given.checks),
        *evidence_sections(given.evidence, result, known_as is None),
        *([] if given.table is None else [_failures(given.table, known_as)]),
        _how_evaluated(result),
        *plan_sections(result, given.plan),
        settings_section(result, given),
        *paper_sections(result, front, given),
    ]


def _failures(table: FeatureTable, known_as: Mapping[str, str] | None) -> Section:
    """Return the shortfalls of the extraction: counted by reason, then one by one.

    Messages name patients and files, so a page with pseudonyms goes without them.
    """
    found = table.failures
    if found.empty:
        return Section(
            "failures",
            "Failures and findings",
            [Paragraph("Every feature of every lesion was computed.")],
        )
    counts = (
        found.groupby(["block", "reason"], sort=True)
        .agg(lesions=("patient_id", "size"), values=("n_columns_missing", "sum"))
        .reset_index()
    )
    shown = found.head(MOST_ROWS)
    n_cells = 6 if known_as is None else 5
    cells = shown.iloc[:, :n_cells]
    if known_as is not None:
        cells = cells.assign(patient_id=cells["patient_id"].map(known_as))
    caption = "One by one."
    if len(found) > len(shown):
        caption = f"The first {len(shown)} of {len(found)}; the rest is in the table's failures."
    return Section(
        "failures",
        "Failures and findings",
        [
            Paragraph(
                "What could not be computed is missing in the table and imputed by the models "
                "within each resample; a finding with no missing value is for your eyes."
            ),
            Table(
                "By block and reason.",
                ("block", "reason", "lesions", "missing values"),
                [tuple(str(cell) for cell in row) for row in counts.itertuples(index=False)],
                numeric=frozenset({2, 3}),
            ),
            Table(
                caption,
                ("patient", "lesion", "block", "reason", "missing values", "message")[:n_cells],
                [tuple(str(cell) for cell in row) for row in cells.itertuples(index=False)],
                numeric=frozenset({4}),
            ),
        ],
    )


def _how_evaluated(result: EvaluationResult) -> Section:
    """Return the method in words, as it can go into a paper."""
    summary = result.summary()
    first = summary.iloc[0]
    columns = sum(len(names) for names in result.rows.blocks.values())
    sizes = ", ".join(f"{block} ({len(names)})" for block, names in result.rows.blocks.items())
    redrawn = int(first["n_redrawn"])
    untuned = summary.loc[summary["n_untuned"] > 0, "n_untuned"]
    not_tuned = (
        " The penalty could not be tuned, fewer than two drawn patients having a lesion of some "
        "class, and the strongest was taken: "
        + ", ".join(f"{name} in {count} resamples" for name, count in untuned.items())
        + "."
        if len(untuned)
        else ""
    )
    return Section(
        "method",
        "How it was evaluated",
        [
            Paragraph(
                f"{first['n_resamples']} bootstrap resamples of patients were drawn (seed "
                f"{first['seed']}), each with all lesions of a patient, stratified by whether the "
                "patient has a responding lesion. In each resample every model was fitted anew on "
                "the drawn patients, encoding, imputation, filters, scaling and tuning included, "
                "and scored on the patients that were not drawn. All models met the same "
                f"resamples. Draws repeated because one side had one class only: {redrawn}."
                f"{not_tuned}"
            ),
            Paragraph(
                "The out-of-bag AUC is the mean over resamples of the AUC on the patients that "
                "were not drawn. The .632+ estimate follows Efron and Tibshirani (Journal of the "
                "American Statistical Association 1997; 92: 548), with 0.5 as the AUC of no "
                "information."
            ),
            Paragraph(f"The table had {columns} predictors on offer: {sizes}."),
            Table(
                "The models, step by step.",
                ("Model", "steps"),
                [(name, _steps(model)) for name, model in result.rows.models.items()],
            ),
            *(
                Paragraph(f"{name}: {step.sentence()}")
                for name, model in result.rows.models.items()
                for step in stable_steps(model)
            ),
        ],
    )


def _steps(model: object) -> str:
    steps = getattr(model, "named_steps", None)
    if steps is None:
        return type(model).__name__
    return " → ".join(_step(step) for step in steps.values())


def _step(step: object) -> str:
    """Return a step's name; of a reduction that is tuned with its model, what it consists of."""
    reduction = getattr(step, "reduction", None)
    name = type(step).__name__
    return name if reduction is None else f"{name} ({_steps(reduction)})"
