"""Whether it can be believed: leakage, negative controls, robustness."""

from __future__ import annotations

from pathlib import Path

from tumor_response.evaluation.controls import ControlsSettings, negative_controls
from tumor_response.repeatability import robustness
from tumor_response.study.tables import write_leakage
from tumor_response.study.working import Work

__all__ = [
    "make_controls",
    "make_leakage",
    "make_robustness",
    "write_controls",
    "write_leakage_files",
    "write_robustness",
]


def make_leakage(work: Work, _: str) -> list[Path]:
    """Trace leakage in the evaluation."""
    work.tell("Tracing leakage: a few resamples are run again, watched and with noise ...")
    trace = work.result("evaluation").leakage(work.table, work.outcomes, n_jobs=work.n_jobs)
    for class_, cell in trace.strip().items():
        work.tell(f"Leakage, {class_}: {cell}")
    return work.keep("leakage", trace)


def write_leakage_files(work: Work) -> list[Path]:
    """Write the findings of the trace."""
    return write_leakage(work.folder, work.result("leakage"))


def make_controls(work: Work, _: str) -> list[Path]:
    """Set the headline model beside its negative controls."""
    plan, asked = work.plan(), work.settings.controls
    headline = work.settings.models.headline
    work.tell(f"Negative controls of {headline} ...")
    controls = negative_controls(
        work.cohort,
        work.extractors,
        {headline: plan.estimators(work.table.blocks)[headline]},
        work.outcomes[plan.by],
        plan.scheme,
        label=plan.label(),
        failed=work.settings.evaluation.failed,
        table=work.table,
        settings=ControlsSettings(
            controls=asked.images,
            n_permutations=asked.n_permutations,
            n_resamples_permuted=asked.n_resamples_permuted,
            n_resamples=asked.n_resamples,
            seed=plan.seed,
        ),
        n_jobs=work.n_jobs,
        cache_dir=work.cache_dir,
    )
    for sentence in controls.verdicts():
        work.tell(sentence)
    return work.keep("controls", controls)


def write_controls(work: Work) -> list[Path]:
    """Write each control beside its expectation."""
    path = work.folder / "tables" / "controls.csv"
    work.result("controls").summary().to_csv(path)
    return [path]


def make_robustness(work: Work, _: str) -> list[Path]:
    """Extract all features again from perturbed images and contours."""
    from tumor_response.imaging.perturb import standard_perturbations

    n_repeats = work.settings.controls.n_repeats
    work.tell(f"Robustness: {n_repeats} draws of each perturbation ...")
    found = robustness(
        work.cohort,
        work.extractors,
        standard_perturbations(),
        n_repeats,
        seed=work.settings.evaluation.seed,
        store=work.folder / ".repeats",
        n_jobs=work.n_jobs,
        cache_dir=work.cache_dir,
    )
    return work.keep("robustness", found)


def write_robustness(work: Work) -> list[Path]:
    """Write the agreement of every column."""
    path = work.folder / "tables" / "robustness.csv"
    work.result("robustness").table().to_csv(path, index=False)
    return [path]
