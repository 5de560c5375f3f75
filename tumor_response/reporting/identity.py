"""What identifies a run: settings, hashes and versions; the plan and how the run kept to it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from tumor_response._version import __version__
from tumor_response.evaluation.ledger import check_plan, outcome_sha256
from tumor_response.reporting.parts import Copy, Fold, Paragraph, Part, Section, Table
from tumor_response.settings import canonical_json

if TYPE_CHECKING:
    from tumor_response.evaluation import EvaluationResult
    from tumor_response.evaluation.ledger import FrozenPlan
    from tumor_response.reporting.given import Given
    from tumor_response.table import FeatureTable

__all__ = ["plan_sections", "settings_section"]

LIBRARIES = (
    *("numpy", "pandas", "scikit-learn", "xgboost", "shap", "SimpleITK"),
    *("pyradiomics-bhklab", "torch", "timm"),
)


def plan_sections(result: EvaluationResult, plan: FrozenPlan | None) -> list[Section]:
    """Return the frozen plan beside what was done; none without one."""
    if plan is None:
        return []
    words = {True: "yes", False: "NO"}
    rows = [
        (str(item), row["planned"], row["done"], words.get(row["as_planned"], "cannot be told"))
        for item, row in check_plan(result, plan).iterrows()
    ]
    deviations = sum(row[3] == "NO" for row in rows)
    return [
        Section(
            "plan",
            "The plan and what was done",
            [
                Paragraph(
                    f"Frozen at {plan.frozen_at} (UTC, by that computer's clock) with SHA-256 "
                    f"{plan.sha256}, after {plan.n_evaluations_before} evaluations in the study's "
                    f"ledger. Lines that were not kept: {deviations}."
                ),
                Table("Line by line.", ("what", "planned", "done", "as planned"), rows),
            ],
        )
    ]


def settings_section(result: EvaluationResult, given: Given) -> Section:
    """Return settings and hashes of the run, and the versions of this report's environment."""
    parts: list[Part] = [
        Table("Hashes, SHA-256.", ("of what", "SHA-256"), _hashes(result, given)),
        Paragraph(f"Scheme: {type(result.scheme).__name__} {result.scheme.to_json()}"),
    ]
    if given.table is not None:
        parts += _of_table(given.table)
    versions = [("tumor_response", __version__), ("Python", platform.python_version())]
    versions += [(name, _installed(name)) for name in LIBRARIES]
    parts.append(Table("Versions where this report was made.", ("what", "version"), versions))
    return Section("settings", "Settings, hashes and versions", parts)


def _hashes(result: EvaluationResult, given: Given) -> list[tuple[str, str]]:
    rows = result.rows
    found = [
        (
            "outcome: lesions, values and rule of the classes",
            outcome_sha256(rows.outcome, rows.label, rows.task),
        ),
        ("scheme of the evaluation", result.scheme.sha256),
    ]
    if given.table is not None and (digest := given.table.provenance.get("data_sha256")):
        found.append(("values of the feature table", str(digest)))
    if given.plan is not None:
        found.append(("analysis plan", given.plan.sha256))
    found += [("leakage trace", trace.sha256) for trace in given.evidence.traces]
    found += [("settings of the robustness", one.sha256) for one in given.evidence.robustness]
    return found


def _of_table(table: FeatureTable) -> list[Part]:
    dictionary = table.dictionary[table.dictionary["block"] != "meta"]
    parts: list[Part] = [
        Table(
            "Blocks of the feature table and the SHA-256 of the settings that made them.",
            ("block", "columns", "settings SHA-256"),
            [
                (str(block), str(len(rows)), ", ".join(rows["settings_sha256"].unique()))
                for block, rows in dictionary.groupby("block", sort=False)
            ],
            numeric=frozenset({1}),
        )
    ]
    extractors = table.provenance.get("extractors", {})
    if extractors:
        told = [
            Copy(f"Block {block}.", canonical_json(identity))
            for block, identity in extractors.items()
        ]
        parts.append(Fold("Settings of the extraction, as JSON", told))
    return parts


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
