"""``tumor-response extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.console import messages_for_people
from tumor_response.cli.opening import RESUME, open_study
from tumor_response.cli.options import (
    BackboneOption,
    CacheOption,
    CategoryOption,
    ClinicalOption,
    ClinicalTableOption,
    DebugOption,
    JobsOption,
    Manifest,
    Out,
    RadiomicsOption,
    RoiOption,
    WeightsOption,
)

__all__ = ["extract"]

EXAMPLES = ("tumor-response extract manifest.csv --out study --clinical age",)


def extract(
    manifest: Manifest,
    out: Out,
    roi: RoiOption = None,
    clinical_table: ClinicalTableOption = None,
    radiomics: RadiomicsOption = "head_neck_ct",
    backbone: BackboneOption = "tf_efficientnet_lite0",
    weights: WeightsOption = "packaged",
    clinical: ClinicalOption = None,
    category: CategoryOption = None,
    cache_dir: CacheOption = None,
    n_jobs: JobsOption = -1,
    memory_gb: Annotated[
        float | None,
        typer.Option(
            help="What all processes together may need; larger cases then run by themselves.",
            show_default="what is free",
            min=0.1,
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS|FILE",
            help="Run on the cluster of this Dask scheduler (tcp://host:8786, or its "
            "--scheduler-file) instead of this machine.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Append the run's events to this file, one JSON object per line."),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say from a sample how long and how much disk; no table."),
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Write the feature table of a manifest's baseline images."""
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
        if dry_run:
            study.dry_run()
        else:
            study.extract(memory_gb, dask, log)
