"""What follows page one: who, which end point, curves, explanation, failures, method, settings."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tumor_response._version import __version__
from tumor_response.reporting.figures import draw, draw_outcomes
from tumor_response.reporting.headline import BASELINES
from tumor_response.reporting.parts import Paragraph, Part, Section, Table, number
from tumor_response.transformers.stable import stable_steps

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.table import FeatureTable

__all__ = ["all_sections", "coupling_note"]

MOST_ROWS = 100
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
LIBRARIES = (
    *("numpy", "pandas", "scikit-learn", "xgboost", "shap", "SimpleITK"),
    *("pyradiomics-bhklab", "torch", "timm"),
)


def _who(result: EvaluationResult) -> Section:
    """Return the cohort flow: evaluated and left out, by reason and class."""
    flow = result.cohort_flow
    columns = ["", "patients", "lesions", "responders", "non-responders", "outcome unknown"]
    measured = [
        (name, words)
        for name, words in (("volume_cc", "volume, cc"), ("age", "age, years"))
        if f"{name}_median" in flow
    ]
    rows = []
    for group, row in flow.iterrows():
        counts = [
            str(int(row[name]))
            for name in (
                *("n_patients", "n_lesions", "n_responders"),
                *("n_non_responders", "n_unknown"),
            )
        ]
        spread = [
            f"{number(row[f'{name}_median'], 1)} "
            f"({number(row[f'{name}_q1'], 1)} to {number(row[f'{name}_q3'], 1)})"
            for name, _ in measured
        ]
        rows.append((str(group), *counts, *spread))
    columns += [f"{words}: median (quartiles)" for _, words in measured]
    left_out = len(flow) > 1
    text = (
        "Lesions without an outcome, or without what a model needs, are left out for all models. "
        "Where they differ from the others in volume or age, the result speaks about the others."
        if left_out
        else "No lesion was left out."
    )
    return Section(
        "who",
        "Who was evaluated",
        [
            Paragraph(text),
            Table(
                "Evaluated and left out, with baseline volume and age per lesion.",
                columns,
                rows,
                numeric=frozenset(range(1, len(columns))),
            ),
        ],
    )


def _end_point(result: EvaluationResult, outcomes: pd.DataFrame | None) -> Section:
    """Return the end point, its distribution, the cut, and why outcomes are missing."""
    rows = result.rows
    name = _name_of_end_point(result)
    cut = str(result.summary()["cut"].iloc[0])
    days = outcomes.attrs.get("days") if outcomes is not None else None
    text = f"Responders are the lesions that shrank strictly more than the cut. The cut: {cut}."
    if days and "per_day" in name:
        text += f" Rates are per day {DAYS[days]}."
    parts: list[Part] = [Paragraph(text)]
    if rows.label is not None:
        # what is gone has no logarithm, and is drawn nowhere
        values = rows.end_point.astype(float).replace([-np.inf], np.nan).dropna()
        unit = UNITS.get(name, "")
        parts.append(
            draw(
                lambda axes: draw_outcomes(
                    axes, values.to_list(), rows.cut, f"{name} ({unit})" if unit else name
                ),
                alt=(
                    f"Histogram of {name} of {len(values)} lesions: median "
                    f"{number(float(values.median()))}, from {number(float(values.min()))} to "
                    f"{number(float(values.max()))}; cut {number(rows.cut or 0.0)}."
                ),
                caption="The end point of the evaluated lesions, and the cut on all rows. In the "
                "evaluation the cut is fitted on the training rows of each resample."
                if rows.cut_is_fitted
                else "The end point of the evaluated lesions, and the cut fixed beforehand.",
                width_mm=120,
                height_mm=60,
            )
        )
    if outcomes is not None and "reason" in outcomes:
        reasons = outcomes.loc[outcomes["reason"] != "", "reason"].value_counts()
        if len(reasons):
            parts.append(
                Table(
                    "Why values of the outcome table are missing.",
                    ("reason", "lesions"),
                    [(str(reason), str(count)) for reason, count in reasons.items()],
                    numeric=frozenset({1}),
                )
            )
    return Section("end-point", "The end point", parts)


def coupling_note(result: EvaluationResult) -> str:
    """Return the warning that belongs on page one if the end point is in cc; else nothing."""
    name = _name_of_end_point(result)
    if name != "volume_change_cc" and not name.startswith("rate_cc_per_"):
        return ""
    return (
        f"The end point is {name}. A change in cc is larger for a larger tumour by construction, "
        "so that baseline volume alone predicts it; a high AUC here is mostly arithmetic. Prefer a "
        "change relative to the baseline volume."
    )


def _name_of_end_point(result: EvaluationResult) -> str:
    return str(result.rows.end_point.name or "y")


def _roc(result: EvaluationResult, model: str) -> Section:
    """Return the ROC curves of the headline and the baselines."""
    names = list(dict.fromkeys([model, *(m for m in BASELINES if m in result.models)]))
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


def _settings(table: FeatureTable | None) -> Section:
    """Return what identifies the extraction, and the versions of this report's environment."""
    versions = [("tumor_response", __version__), ("Python", platform.python_version())]
    versions += [(name, _installed(name)) for name in LIBRARIES]
    parts: list[Part] = []
    if table is not None:
        dictionary = table.dictionary[table.dictionary["block"] != "meta"]
        parts.append(
            Table(
                "Blocks of the feature table and the SHA-256 of the settings that made them.",
                ("block", "columns", "settings SHA-256"),
                [
                    (str(block), str(len(rows)), ", ".join(rows["settings_sha256"].unique()))
                    for block, rows in dictionary.groupby("block", sort=False)
                ],
                numeric=frozenset({1}),
            )
        )
        if digest := table.provenance.get("data_sha256"):
            parts.append(Paragraph(f"SHA-256 of the table's values: {digest}."))
    parts.append(Table("Versions where this report was made.", ("what", "version"), versions))
    return Section("settings", "Settings and versions", parts)


def _how_to_cite() -> Section:
    """Return how to cite."""
    return Section(
        "cite",
        "How to cite",
        [
            Paragraph(
                f"The tumor_response developers. tumor_response {__version__} [computer software], "
                "2026. And the software it stands on: PyRadiomics (van Griethuysen et al., Cancer "
                "Research 2017; 77: e104), timm, scikit-learn, XGBoost and SHAP (Lundberg and Lee, "
                "NeurIPS 2017)."
            )
        ],
    )


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def all_sections(
    result: EvaluationResult,
    model: str,
    table: FeatureTable | None,
    outcomes: pd.DataFrame | None,
    explained: Sequence[Section],
    probed: Sequence[Section],
    known_as: Mapping[str, str] | None,
) -> list[Section]:
    """Return the sections in the order of the page; patients as ``known_as`` names them."""
    return [
        _who(result),
        _end_point(result, outcomes),
        _roc(result, model),
        *explained,
        *probed,
        *([] if table is None else [_failures(table, known_as)]),
        _how_evaluated(result),
        _settings(table),
        _how_to_cite(),
    ]
