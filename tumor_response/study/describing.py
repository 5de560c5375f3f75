"""The first stages: faults of the data, outcomes, what contour error would do, features."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tumor_response.features.checks import checked_specs
from tumor_response.features.extract import Means
from tumor_response.outcomes import outcome_uncertainty, shrinkage
from tumor_response.quality import check
from tumor_response.study.extracting import extract_table
from tumor_response.study.plan import check_end_point
from tumor_response.study.tables import write_outcomes
from tumor_response.study.working import Work

__all__ = [
    "make_check",
    "make_coupling",
    "make_features",
    "make_outcomes",
    "write_check",
    "write_coupling",
    "write_features",
]

_SEVERITIES = ("error", "warning", "info")


def make_check(work: Work, _: str) -> list[Path]:
    """Look for faults of images and contours."""
    findings = check(work.cohort, n_jobs=work.n_jobs)
    counts = findings["severity"].value_counts()
    told = ", ".join(f"{counts.get(severity, 0)} {severity}" for severity in _SEVERITIES)
    work.tell(f"Findings: {told}.")
    return work.keep("check", findings)


def write_check(work: Work) -> list[Path]:
    """Write the findings, and who was left out."""
    tables = work.folder / "tables"
    tables.mkdir(exist_ok=True)
    frames: dict[str, pd.DataFrame] = {"findings": work.result("check")}
    if len(work.cohort.left_out):
        frames["left_out"] = work.cohort.left_out
    paths = []
    for name, frame in frames.items():
        paths.append(tables / f"{name}.csv")
        frame.to_csv(paths[-1], index=False)
    return paths


def make_outcomes(work: Work, _: str) -> list[Path]:
    """Measure how much each lesion shrank."""
    outcomes = shrinkage(work.cohort, per=work.settings.outcome.per, n_jobs=work.n_jobs)
    known = outcomes["reason"].eq("").sum()
    work.tell(f"Outcomes of {known} of {len(outcomes)} lesions.")
    return work.keep("outcomes", outcomes)


def make_coupling(work: Work, _: str) -> list[Path]:
    """Tell what contour error alone would make of volume, and which labels it would change."""
    plan, outcomes = work.plan(), work.outcomes
    label = plan.label()
    check_end_point(outcomes, plan.by, label)
    found = {
        "coupling": plan.coupling(outcomes),
        "uncertainty": outcome_uncertainty(
            outcomes,
            by=plan.by,
            cut=label.cut,
            observer_sd_mm=plan.observer_error_mm,
            seed=plan.seed,
        ),
    }
    return work.keep("coupling", found)


def write_coupling(work: Work) -> list[Path]:
    """Write the outcome table with what contour error does to it."""
    found = work.result("coupling")
    paths = write_outcomes(work.folder, work.outcomes, found["coupling"])
    paths.append(work.folder / "tables" / "outcome_uncertainty.csv")
    found["uncertainty"].to_csv(paths[-1])
    return paths


def make_features(work: Work, _: str) -> list[Path]:
    """Extract the feature table; finished cases come from the cache."""
    checked_specs(work.cohort, work.extractors)
    if unused := work.blocks.unused(work.cohort):
        work.tell(f"Clinical variables not used (see [features] clinical): {', '.join(unused)}")
    means = Means(work.n_jobs, work.cache_dir)
    extract_table(work.cohort, work.extractors, work.folder, means, work.tell)
    work.forget("features")
    return sorted(path for path in (work.folder / "features").iterdir() if path.is_file())


def write_features(work: Work) -> list[Path]:
    """Write the table for other programs."""
    return work.table.export(work.folder / "tables" / "features", formats=["csv", "parquet"])
