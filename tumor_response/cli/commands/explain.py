"""``tumor-response explain``."""

from __future__ import annotations

from typing import Annotated

import typer

from tumor_response.cli.console import messages_for_people
from tumor_response.cli.opening import RESUME, open_study, plan_of
from tumor_response.cli.options import (
    BackboneOption,
    ByOption,
    CacheOption,
    CategoryOption,
    ClinicalOption,
    ClinicalTableOption,
    CutOption,
    Days,
    DebugOption,
    DryRunOption,
    Failed,
    FailedOption,
    JobsOption,
    Manifest,
    ObserverOption,
    Out,
    PerOption,
    RadiomicsOption,
    ResamplesOption,
    RoiOption,
    SeedOption,
    WeightsOption,
)

__all__ = ["explain"]

EXAMPLES = ("tumor-response explain manifest.csv --out study --clinical age --model logistic_all",)


def explain(
    manifest: Manifest,
    out: Out,
    roi: RoiOption = None,
    clinical_table: ClinicalTableOption = None,
    radiomics: RadiomicsOption = "head_neck_ct",
    backbone: BackboneOption = "tf_efficientnet_lite0",
    weights: WeightsOption = "packaged",
    clinical: ClinicalOption = None,
    category: CategoryOption = None,
    by: ByOption = "rate_percent_per_day",
    per: PerOption = Days.interval_days,
    cut: CutOption = "median",
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Model to explain; repeat for several.",
            show_default="logistic_all, xgboost_all",
        ),
    ] = None,
    permutations: Annotated[
        int,
        typer.Option(
            help="Explain permuted labels as often, and draw what they give behind the bars; "
            "19 or more, or 0 for none.",
            min=0,
        ),
    ] = 0,
    n_resamples: ResamplesOption = 1000,
    seed: SeedOption = 0,
    failed: FailedOption = Failed.error,
    observer_error_mm: ObserverOption = 1.0,
    cache_dir: CacheOption = None,
    n_jobs: JobsOption = -1,
    dry_run: DryRunOption = False,
    debug: DebugOption = False,
) -> None:
    """Evaluate models and explain them by SHAP values out of bag, with a report."""
    with (
        messages_for_people(debug, RESUME),
        open_study(
            *(
                manifest,
                roi,
                clinical_table,
                out,
                radiomics,
                backbone,
                weights,
                clinical,
                category,
                cache_dir,
                n_jobs,
            ),
        ) as study,
    ):
        plan = plan_of(by, per, cut, model, n_resamples, seed, failed, observer_error_mm)
        if dry_run:
            study.dry_run(plan)
        else:
            study.explain(plan, permutations)
