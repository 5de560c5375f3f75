"""Evaluation, ablation, and what the models look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tumor_response.evaluation import EvaluationResult, ablate
from tumor_response.evaluation.ledger import (
    AnalysisPlan,
    PlannedModel,
    PlannedScheme,
    StudyLedger,
    freeze_plan,
)
from tumor_response.evaluation.ledger.record import record_of
from tumor_response.exceptions import EvaluationError
from tumor_response.reporting import save_figure
from tumor_response.settings import canonical_json
from tumor_response.study.naming import BASELINES, PLAN_FILE, recipe_of
from tumor_response.study.tables import write_evaluation, write_explanations
from tumor_response.study.working import Work

__all__ = [
    "make_ablation",
    "make_attention",
    "make_evaluation",
    "make_explanation",
    "write_ablation",
    "write_evaluation_files",
    "write_explanation_files",
]


def make_evaluation(work: Work, inputs_sha256: str) -> list[Path]:
    """Evaluate the models, and enter the evaluation in the ledger."""
    plan, table = work.plan(), work.table
    freeze_first(work)
    names = ", ".join(plan.estimators(table.blocks))
    work.tell(f"Evaluating {names} ...")
    result = plan.evaluate(
        table,
        work.outcomes,
        directory=work.part_way("evaluation", inputs_sha256),
        n_jobs=work.n_jobs,
    )
    kept = work.keep("evaluation", result)
    enter_once(work.ledger, result, "evaluate")
    return kept


def write_evaluation_files(work: Work) -> list[Path]:
    """Write summary and ROC curves."""
    return write_evaluation(work.folder, work.result("evaluation"))


def make_ablation(work: Work, inputs_sha256: str) -> list[Path]:
    """Evaluate every combination of blocks, and enter them in the ledger."""
    plan, asked = work.plan(), work.settings.ablation
    study = ablate(
        work.table,
        work.outcomes[plan.by],
        asked.models,
        plan.scheme,
        blocks=asked.blocks or None,
        label=plan.label(),
        failed=work.settings.evaluation.failed,
        directory=work.part_way("ablation", inputs_sha256),
        random_state=plan.seed,
        n_jobs=work.n_jobs,
    )
    kept = work.keep("ablation", study)
    enter_once(work.ledger, study.result, "ablate")
    return kept


def write_ablation(work: Work) -> list[Path]:
    """Write all configurations and their forest plot."""
    study = work.result("ablation")
    path = work.folder / "tables" / "ablation.csv"
    study.summary().to_csv(path)
    stem = work.folder / "figures" / "ablation"
    height_mm = 30 + 5 * len(study.configurations)
    save_figure(lambda axes: study.plot_forest(axes), stem, width_mm=150, height_mm=height_mm)
    return [path, *sorted(stem.parent.glob("ablation.*"))]


def make_explanation(work: Work, _: str) -> list[Path]:
    """Compute SHAP values out of bag."""
    from tumor_response.explanation import explain

    asked, result = work.settings.explanation, work.result("evaluation")
    explanations = []
    for name in work.settings.explained:
        work.tell(f"Explaining {name} ...")
        explanations.append(
            explain(result, name, n_permutations=asked.n_permutations, n_jobs=work.n_jobs)
        )
    return work.keep("explanation", explanations)


def write_explanation_files(work: Work) -> list[Path]:
    """Write SHAP values by column, family and block."""
    return write_explanations(work.folder, work.result("explanation"))


def make_attention(work: Work, _: str) -> list[Path]:
    """Map where the network looked; hold the maps against contour and shrinkage if asked."""
    from tumor_response.explanation.attention import attention
    from tumor_response.explanation.concordance import attention_concordance
    from tumor_response.features.deep import DeepFeatures
    from tumor_response.outcomes import label_responders

    asked, result = work.settings.explanation, work.result("evaluation")
    deep = next(one for one in work.extractors if isinstance(one, DeepFeatures))
    maps = attention(
        result,
        work.cohort,
        extractor=deep,
        name=work.settings.models.headline,
        method=asked.attention_method,
        n_jobs=work.n_jobs,
    )
    folder = work.folder / "attention"
    maps.save(folder)
    concordance: list[Any] = []
    if asked.concordance:
        outcome = work.settings.outcome
        labels = label_responders(work.outcomes, outcome.by, outcome.cut)
        concordance.append(
            attention_concordance(maps, work.cohort, labels=labels, n_jobs=work.n_jobs)
        )
    kept = work.keep("attention", concordance)
    return [*kept, *sorted(path for path in folder.iterdir() if path.is_file())]


def freeze_first(work: Work) -> None:
    """Write down what is planned, unless there is a plan, or something was evaluated already."""
    settings, plan = work.settings, work.plan()
    headline = settings.models.headline
    there = (work.folder / PLAN_FILE).exists() or _entries(work.ledger)
    if there or not settings.models.freeze_plan or headline == BASELINES[0]:
        return
    blocks = settings.blocks
    by_name = {}
    for name in plan.estimators(blocks):
        kind, of_model = recipe_of(name, blocks)
        by_name[name] = PlannedModel(
            model=kind,
            blocks=None if of_model is None else tuple(of_model),
            random_state=plan.seed,
        )
    frozen = freeze_plan(
        AnalysisPlan(
            end_point=plan.by,
            cut=plan.label().cut,
            by_name=by_name,
            scheme=PlannedScheme.of(plan.scheme),
            primary=(headline, BASELINES[0]),
            failed=settings.evaluation.failed,
        ),
        work.folder,
    )
    work.tell(f"Plan frozen in {PLAN_FILE}; SHA-256 {frozen.sha256}")


def enter_once(ledger: StudyLedger, result: EvaluationResult, kind: str) -> None:
    """Enter an evaluation, unless this very one is there: a run that was killed enters it once."""
    record = json.loads(canonical_json({**record_of(result), "kind": kind}))
    own = {"number", "previous", "time", "scores_sha256"}
    entered = [
        {key: value for key, value in entry.items() if key not in own} for entry in _entries(ledger)
    ]
    if record not in entered:
        ledger.append(result, kind=kind)


def _entries(ledger: StudyLedger) -> list[dict[str, Any]]:
    try:
        return ledger.evaluations()
    except EvaluationError as error:
        if error.code != "ledger_torn":
            raise
        ledger.chain.set_aside_torn_line()  # a run was killed while it wrote; that is entered
        return ledger.evaluations()
