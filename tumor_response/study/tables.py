"""What a study's results are for people and other programs: tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd

from tumor_response.evaluation.leakage import CLASSES
from tumor_response.reporting import save_figure, write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from tumor_response.evaluation import EvaluationResult, LeakageTrace
    from tumor_response.explanation import Explanation
    from tumor_response.outcomes import Coupling

__all__ = [
    "write_evaluation",
    "write_explanations",
    "write_leakage",
    "write_outcomes",
]


def write_outcomes(out: Path, outcomes: pd.DataFrame, coupling: Coupling) -> list[Path]:
    """Write the outcome table, and what contour error alone would make of volume."""
    tables = _folder(out / "tables")
    paths = [tables / "outcomes.csv", tables / "coupling.csv"]
    outcomes.to_csv(paths[0])
    pd.DataFrame([asdict(coupling)]).to_csv(paths[1], index=False)
    return paths


def write_evaluation(out: Path, result: EvaluationResult) -> list[Path]:
    """Write the summary of all models and their ROC curves."""
    path = _folder(out / "tables") / "summary.csv"
    result.summary().to_csv(path)
    figures = _folder(out / "figures")
    save_figure(lambda axes: result.plot_roc(ax=axes), figures / "roc", width_mm=120, height_mm=120)
    return [path, *sorted(figures.glob("roc.*"))]


def write_leakage(out: Path, trace: LeakageTrace) -> list[Path]:
    """Write the findings of a leakage trace, a table for each class."""
    paths = []
    for class_ in CLASSES:
        paths.append(_folder(out / "tables") / f"leakage_{class_}.csv")
        getattr(trace, class_).to_csv(paths[-1], index=False)
    return paths


def write_explanations(out: Path, explanations: Sequence[Explanation]) -> list[Path]:
    """Write SHAP values by column, family and block, with a figure; those of before are deleted."""
    tables, figures = _folder(out / "tables"), _folder(out / "figures")
    for old in (*tables.glob("shap_*.csv"), *figures.glob("shap_*")):
        old.unlink()  # of an earlier plan: it would pass for this one's
    for explanation in explanations:
        explanation.table().to_csv(tables / f"shap_{explanation.name}.csv")
        explanation.by_family().to_csv(tables / f"shap_{explanation.name}_families.csv")
        explanation.by_block().to_csv(tables / f"shap_{explanation.name}_blocks.csv")
        drawn = explanation.plot_summary().figure
        write_figure(cast("Canvas", drawn), figures / f"shap_{explanation.name}")
    return sorted((*tables.glob("shap_*.csv"), *figures.glob("shap_*")))


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
