"""``tumor-response export``."""

from __future__ import annotations

from pathlib import Path
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

__all__ = ["export"]

EXAMPLES = ("tumor-response export manifest.csv --out study --clinical age",)


def export(
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
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder of the bundle.", show_default="OUT/bundle"),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            help="csv, parquet, dta, sav, rds, xpt or xlsx; repeat for several.",
            show_default="all but xpt",
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the key of the pseudonyms, apart from the bundle; made if it is not "
            "there.",
            show_default="the user's configuration folder",
        ),
    ] = None,
    named: Annotated[
        bool,
        typer.Option(
            "--named", help="Keep the hospital's identifiers, dates and sites: not to be sent."
        ),
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Column that leaves as it is, such as meta__site; repeat for several."),
    ] = None,
    cache_dir: CacheOption = None,
    n_jobs: JobsOption = -1,
    dry_run: DryRunOption = False,
    debug: DebugOption = False,
) -> None:
    """Evaluate, and write all of it for a statistician: tables, codebook, scripts, checksums.

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
        from tumor_response.cli.export import Handover, export_study
        from tumor_response.export import FORMATS_OF_A_BUNDLE

        place = out / "bundle" if bundle is None else bundle
        handover = Handover(place, format or FORMATS_OF_A_BUNDLE, key_file, named, keep or [])
        plan = plan_of(by, per, cut, model, n_resamples, seed, failed, observer_error_mm)
        if dry_run:
            study.dry_run(plan)
        else:
            export_study(study, plan, handover)
