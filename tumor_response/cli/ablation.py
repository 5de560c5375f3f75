"""``tumor-response ablate``: what each block adds, on shared resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

import tumor_response as tr
from tumor_response.cli.console import say, show_table
from tumor_response.cli.output import found
from tumor_response.cli.study import Study, results_of
from tumor_response.exceptions import SettingsError
from tumor_response.reporting import write_figure
from tumor_response.study.naming import NONE
from tumor_response.study.plan import Plan
from tumor_response.study.tables import write_evaluation, write_outcomes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tumor_response.evaluation.ablation import AblationStudy

__all__ = ["ABLATED", "ablate_study"]

ABLATED = ("logistic", "xgboost")


def ablate_study(
    study: Study, plan: Plan, models: Sequence[str], blocks: Sequence[str], *, dry_run: bool
) -> None:
    """Evaluate every combination of blocks with every model; write tables, figures and report.

    Parameters
    ----------
    study, plan
        What is extracted, and how it is evaluated. The plan names no models.
    models
        Kinds of :func:`tumor_response.make_model`.
    blocks
        To be combined; empty: all that are extracted.
    dry_run
        Say what it would take, and evaluate nothing.
    """
    there = [
        name
        for name, is_there in (
            ("radiomics", study.blocks.radiomics != NONE),
            ("deep", study.blocks.backbone != NONE),
            ("clinical", True),
        )
        if is_there
    ]
    if unknown := [name for name in blocks if name not in there]:
        raise SettingsError(
            f"--block {unknown[0]!r} is not extracted here; expected one of {', '.join(there)}."
        )
    chosen = [name for name in there if not blocks or name in blocks]
    for name in models:
        tr.make_model(name, chosen, plan.seed)  # an unknown one fails before the features
    if dry_run:
        n_configurations = len(models) * (2 ** len(chosen) - 1)
        study.dry_run(plan, n_configurations, "configurations, and the baselines")
        return
    prepared = study.prepared(plan)
    say(f"Ablating {', '.join(chosen)} with {', '.join(models)} ...")
    ablation = tr.ablate(
        prepared.table,
        prepared.outcomes[plan.by],
        list(models),
        plan.scheme,
        blocks=chosen,
        label=plan.label(),
        failed=cast(Literal["error"], plan.failed),
        directory=study.out / "ablation",
        random_state=plan.seed,
        n_jobs=study.n_jobs,
    )
    tables = study.out / "tables"
    write_outcomes(study.out, prepared.outcomes, prepared.coupling)
    write_evaluation(study.out, ablation.result)
    ablation.summary().to_csv(tables / "ablation.csv")
    ablation.increments(coupling=prepared.coupling).to_csv(
        tables / "ablation_increments.csv", index=False
    )
    if len(chosen) > 1:
        ablation.without_each_block().to_csv(tables / "ablation_blocks.csv", index=False)
    write_figure(cast("Figure", ablation.plot_forest().figure), study.out / "figures" / "ablation")
    headline = f"{models[0]} | {'+'.join(chosen)}"
    path = tr.report(
        ablation.result,
        study.out / "ablation.html",
        table=prepared.table,
        outcomes=prepared.outcomes,
        coupling=prepared.coupling,
        ablation=ablation,
        headline=headline if headline in ablation.result.models else None,
        title=f"Ablation: {study.source.path.name}",
    )
    _show(ablation)
    say(f"Tables: {tables}; report: {path.resolve()}")
    found(
        **results_of(ablation.result, prepared.coupling),
        best_of_k=str(ablation.best_of_k()),
        report=str(path.resolve()),
        tables=str(tables.resolve()),
    )


def _show(ablation: AblationStudy) -> None:
    measure = ablation.result.headline
    rows = [
        (str(name), f"{row[measure]:.2f}", f"{row['ci_low']:.2f} to {row['ci_high']:.2f}")
        for name, row in ablation.summary().iterrows()
    ]
    title = "Every configuration, on the same resamples"
    show_table(title, ("model | blocks", "AUC", "interval"), rows)
    say(str(ablation.best_of_k()))
