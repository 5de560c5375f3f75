"""``tumor-response ablate``."""

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

__all__ = ["ablate"]

EXAMPLES = ("tumor-response ablate manifest.csv --out study --clinical age",)


def ablate(
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
            help="Kind of model, such as logistic, lasso or xgboost; repeat for several.",
            show_default="logistic, xgboost",
        ),
    ] = None,
    block: Annotated[
        list[str] | None,
        typer.Option(
            help="Block to combine: clinical, radiomics, deep; repeat for several.",
            show_default="all",
        ),
    ] = None,
    n_resamples: ResamplesOption = 1000,
    seed: SeedOption = 0,
    failed: FailedOption = Failed.error,
    observer_error_mm: ObserverOption = 1.0,
    cache_dir: CacheOption = None,
    n_jobs: JobsOption = -1,
    dry_run: DryRunOption = False,
    debug: DebugOption = False,
) -> None:
    """Evaluate every combination of blocks with every model on the same resamples.

    Says what each block adds to the others, and what is left of the best of all once the choice
    is paid for. Stopped at any point, the same command goes on from there.
    """
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
        from tumor_response.cli.ablation import ABLATED, ablate_study

        plan = plan_of(by, per, cut, None, n_resamples, seed, failed, observer_error_mm)
        ablate_study(study, plan, model or ABLATED, block or [], dry_run=dry_run)
