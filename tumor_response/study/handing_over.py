"""What leaves a study: report, bundle, predictor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tumor_response.cohort import Cohort
from tumor_response.evaluation.ledger import read_plan
from tumor_response.export import export_bundle
from tumor_response.predictor import ShrinkagePredictor
from tumor_response.privacy import Pseudonyms
from tumor_response.reporting import report
from tumor_response.study.naming import PLAN_FILE
from tumor_response.study.working import Work

__all__ = ["make_export", "make_predictor", "make_report", "write_report"]

_KEPT = (
    *("check", "outcomes", "coupling", "evaluation", "leakage", "controls", "robustness"),
    *("ablation", "explanation", "attention"),
)
"""Stages whose results the report shows."""


def make_report(work: Work, _: str) -> list[Path]:
    """Write the report of everything that was asked for."""
    return [write_report(work, work.folder / "report.html", work.cohort)]


def write_report(
    work: Work, path: Path, cohort: Cohort | None, *, identified: bool | None = None
) -> Path:
    """Write the report of what was kept to a file.

    Parameters
    ----------
    work
        The study.
    path
        The file.
    cohort
        The cohort; ``None``: its files are no longer there.
    identified
        Whether patients bear their own identifiers; ``None``: as the settings say.
    """
    found = {stage: work.result(stage) for stage in _KEPT if work.settings.asks_for(stage)}
    told = work.settings.report
    evidence = [found[name] for name in ("leakage", "controls", "robustness") if name in found]
    key_file = None if told.key_file is None else work.place(told.key_file)
    planned = (work.folder / PLAN_FILE).exists()
    return report(
        found["evaluation"],
        path,
        cohort=cohort,
        table=work.table,
        outcomes=work.outcomes,
        quality=found["check"],
        uncertainty=found["coupling"]["uncertainty"],
        coupling=found["coupling"]["coupling"],
        ablation=found.get("ablation"),
        ledger=work.ledger,
        plan=read_plan(work.folder) if planned else None,
        explanations=[*found["explanation"], *found.get("attention", [])],
        evidence=evidence,
        headline=work.settings.models.headline,
        title=work.settings.study.title,
        notes=told.notes,
        identified=told.identified if identified is None else identified,
        key_file=key_file,
    )


def make_predictor(work: Work, _: str) -> list[Path]:
    """Fit the headline model to all patients and save it."""
    plan = work.plan()
    headline = work.settings.models.headline
    work.tell(f"Fitting {headline} to all patients ...")
    predictor = ShrinkagePredictor(
        work.extractors,
        plan.estimators(work.table.blocks)[headline],
        label=plan.label(),
        n_resamples=work.settings.predictor.n_resamples,
        seed=plan.seed,
    )
    predictor.fit(
        work.cohort,
        work.outcomes[plan.by],
        failed=work.settings.evaluation.failed,
        n_jobs=work.n_jobs,
        cache_dir=work.cache_dir,
    )
    path = work.folder / "predictor.trz"
    predictor.save(path)
    return [path]


def make_export(work: Work, _: str) -> list[Path]:
    """Write the statistician's bundle."""
    asked = work.settings.export
    bundle = export_bundle(
        work.folder / "bundle",
        work.table,
        work.outcomes,
        work.result("evaluation"),
        formats=asked.formats,
        pseudonyms=_pseudonyms(work),
        headline=work.settings.models.headline,
        keep=asked.keep,
        robustness=_if_asked(work, "robustness"),
        trace=_if_asked(work, "leakage"),
    )
    if bundle.left_behind:
        work.tell(
            f"Columns that stayed behind (see [export] keep): {', '.join(bundle.left_behind)}"
        )
    work.tell(f"SHA-256 of the bundle's sums, to be told by another way: {bundle.sha256}")
    return sorted(path for path in bundle.directory.rglob("*") if path.is_file())


def _if_asked(work: Work, stage: str) -> Any:
    return work.result(stage) if work.settings.asks_for(stage) else None


def _pseudonyms(work: Work) -> bool | Pseudonyms:
    if work.settings.export.named:
        return False
    key_file = work.settings.report.key_file
    return True if key_file is None else Pseudonyms(work.place(key_file))
