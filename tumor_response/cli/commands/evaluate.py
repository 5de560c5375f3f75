"""``tumor-response evaluate``."""

from __future__ import annotations

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
    ModelOption,
    ObserverOption,
    Out,
    PerOption,
    RadiomicsOption,
    ResamplesOption,
    RoiOption,
    SeedOption,
    WeightsOption,
)

__all__ = ["evaluate"]

EXAMPLES = ("tumor-response evaluate manifest.csv --out study --clinical age",)


def evaluate(
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
    model: ModelOption = None,
    n_resamples: ResamplesOption = 1000,
    seed: SeedOption = 0,
    failed: FailedOption = Failed.error,
    observer_error_mm: ObserverOption = 1.0,
    cache_dir: CacheOption = None,
    n_jobs: JobsOption = -1,
    dry_run: DryRunOption = False,
    debug: DebugOption = False,
) -> None:
    """Evaluate models on a manifest: out-of-bag AUC over patients, with a report.

    Features found in the cache are not computed again.
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
        plan = plan_of(by, per, cut, model, n_resamples, seed, failed, observer_error_mm)
        if dry_run:
            study.dry_run(plan)
        else:
            study.evaluate(plan)
