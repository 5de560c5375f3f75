"""The commands and their options; what they do is in the modules they import when called.

Nothing heavy is imported here: ``tumor-response --help`` has to answer at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumor_response.cli.cache import cache_app
from tumor_response.cli.console import FOUND, messages_for_people, say
from tumor_response.cli.init import init
from tumor_response.cli.predict import predict
from tumor_response.cli.report import report
from tumor_response.cli.run import run
from tumor_response.cli.weights import weights_app
from tumor_response.settings import checked_n_jobs

if TYPE_CHECKING:
    from tumor_response.cli.study import Study
    from tumor_response.study.plan import Plan

__all__ = ["app", "main"]

app = typer.Typer(
    name="tumor-response",
    help="From a planning CT and a tumour contour to an explained, honest prediction of shrinkage "
    "under radiotherapy. For research; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cache_app)
app.add_typer(weights_app)
app.command()(predict)
app.command()(init)
app.command()(run)
app.command()(report)


class Days(StrEnum):
    """What a rate is per."""

    interval_days = "interval_days"
    treatment_days = "treatment_days"


class Failed(StrEnum):
    """What to do with lesions one of whose blocks failed."""

    error = "error"
    drop = "drop"
    impute = "impute"


Manifest = Annotated[
    Path,
    typer.Argument(
        metavar="MANIFEST|FOLDER",
        help="CSV file with one row per lesion; or, with --roi, a folder or zip of DICOM objects.",
    ),
]
RoiOption = Annotated[
    str | None,
    typer.Option(
        "--roi",
        help="For a folder: the tumour's structure, a regular expression that matches its whole "
        "name.",
    ),
]
ClinicalTableOption = Annotated[
    Path | None,
    typer.Option(
        "--clinical-table",
        help="For a folder: CSV file with patient_id and clinical variables, rt_start_date ...",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder that the results go to.")]
RadiomicsOption = Annotated[
    str,
    typer.Option(
        "--radiomics",
        help="Preset (head_neck_ct, minimal), a PyRadiomics parameter file, or none.",
    ),
]
BackboneOption = Annotated[
    str, typer.Option("--backbone", help="Network of the deep block by its timm name, or none.")
]
WeightsOption = Annotated[
    str,
    typer.Option(
        "--weights",
        help="Weights of that network: packaged, a file, a folder, hub, or random:SEED.",
    ),
]
ClinicalOption = Annotated[
    list[str] | None,
    typer.Option(
        "--clinical",
        help="Numeric manifest column known before treatment; repeat for several. The baseline "
        "volume (volume_cc) is always there.",
    ),
]
CategoryOption = Annotated[
    list[str] | None,
    typer.Option(
        "--category", help="Categorical manifest column with its levels: sex=female,male."
    ),
]
CacheOption = Annotated[
    str | None,  # not a Path, which takes one of a URL's slashes away
    typer.Option(
        "--cache-dir",
        metavar="FOLDER|URL",
        help="Where finished cases are kept: a folder, or a URL such as s3://bucket/x.",
        show_default="OUT/.cache",
    ),
]
JobsOption = Annotated[
    int, typer.Option("--n-jobs", "-j", help="Parallel processes; -1 is all cores.")
]
ByOption = Annotated[str, typer.Option("--by", help="End point: a column of the outcome table.")]
PerOption = Annotated[Days, typer.Option("--per", help="Days that rates are per.")]
CutOption = Annotated[
    str,
    typer.Option(
        "--cut",
        help="Responders shrank more than this: median, upper_tertile or lower_tertile (of the "
        "training rows), volumetric_partial_response, volumetric_progression, or a number.",
    ),
]
ModelOption = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Model by name; repeat for several.", show_default="all"),
]
ResamplesOption = Annotated[
    int, typer.Option("--n-resamples", "-n", help="Bootstrap resamples of patients.", min=2)
]
SeedOption = Annotated[int, typer.Option("--seed", help="The same seed gives the same bytes.")]
FailedOption = Annotated[
    Failed, typer.Option("--failed", help="Lesions one of whose blocks failed altogether.")
]
ObserverOption = Annotated[
    float,
    typer.Option(
        "--observer-error-mm",
        help="SD of the contour error, for the AUC that it alone gives volume.",
        min=0.0,
    ),
]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", show_default=False)
]


def _show_version(wanted: bool) -> None:
    if wanted:
        from tumor_response._version import __version__

        say(f"tumor-response {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    del version  # its callback has done the work


@app.command()
def demo(
    directory: Annotated[Path, typer.Option(help="Folder that the demo goes to.")] = Path("demo"),
    n_patients: Annotated[int, typer.Option(help="Patients to simulate.", min=8)] = 60,
    n_resamples: ResamplesOption = 200,
    seed: SeedOption = 0,
    n_jobs: JobsOption = -1,
    signal: Annotated[
        float, typer.Option(help="Strength of the simulated signal; 0 is a null study.", min=0.0)
    ] = 1.0,
    radiomics: RadiomicsOption = "head_neck_ct",
    debug: DebugOption = False,
) -> None:
    """Go the whole way on a simulated cohort whose truth is known."""
    with messages_for_people(debug, "Run the same command again: what was finished is reused."):
        from tumor_response.cli.demo import run_demo
        from tumor_response.study.lock import alone_in

        with alone_in(directory):
            run_demo(
                directory,
                n_patients=n_patients,
                n_resamples=n_resamples,
                seed=seed,
                n_jobs=checked_n_jobs(n_jobs),
                signal=signal,
                radiomics=radiomics,
            )


@app.command()
def check(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|MANIFEST", help="Folder (or zip) of DICOM objects, or a CSV manifest."
        ),
    ],
    roi: Annotated[
        str | None,
        typer.Option(
            help="The tumour's structure: a regular expression that matches its whole name."
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the findings with thumbnails to this page.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the findings to this table.")] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            help="Where the index of the folder is kept.", show_default="the user's cache folder"
        ),
    ] = None,
    n_jobs: JobsOption = -1,
    debug: DebugOption = False,
) -> None:
    """Show what a folder of DICOM holds, and what is wrong with the images and contours.

    Ends with code 1 if a finding is an error.

    Example: tumor-response check export/ --roi "GTV.*" --html findings.html
    """
    with messages_for_people(debug, "Run the same command again: the index goes on from there."):
        from tumor_response.cli.check import check_folder, check_manifest

        n_jobs = checked_n_jobs(n_jobs)
        if what.is_dir() or what.suffix.lower() == ".zip":
            found = check_folder(what, roi, html, csv, index, n_jobs)
        elif roi is not None or index is not None:
            raise typer.BadParameter("--roi and --index are for folders; a manifest has columns.")
        else:
            found = check_manifest(what, html, csv, n_jobs)
        if found:
            raise typer.Exit(FOUND)


@app.command()
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
    """Write the feature table of a manifest's baseline images.

    Example: tumor-response extract manifest.csv --out study --clinical age
    """
    with (
        messages_for_people(debug, _RESUME),
        _study(
            (manifest, roi, clinical_table),
            *(out, radiomics, backbone, weights, clinical, category, cache_dir, n_jobs),
        ) as study,
    ):
        if dry_run:
            study.dry_run()
        else:
            study.extract(memory_gb, dask, log)


@app.command()
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
    debug: DebugOption = False,
) -> None:
    """Evaluate models on a manifest: out-of-bag AUC over patients, with a report.

    Features found in the cache are not computed again.

    Example: tumor-response evaluate manifest.csv --out study --clinical age
    """
    with (
        messages_for_people(debug, _RESUME),
        _study(
            (manifest, roi, clinical_table),
            *(out, radiomics, backbone, weights, clinical, category, cache_dir, n_jobs),
        ) as study,
    ):
        study.evaluate(_plan(by, per, cut, model, n_resamples, seed, failed, observer_error_mm))


@app.command()
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
    debug: DebugOption = False,
) -> None:
    """Evaluate models on a manifest and explain them by SHAP values out of bag, with a report.

    Example: tumor-response explain manifest.csv --out study --clinical age --model logistic_all
    """
    with (
        messages_for_people(debug, _RESUME),
        _study(
            (manifest, roi, clinical_table),
            *(out, radiomics, backbone, weights, clinical, category, cache_dir, n_jobs),
        ) as study,
    ):
        plan = _plan(by, per, cut, model, n_resamples, seed, failed, observer_error_mm)
        study.explain(plan, permutations)


@app.command()
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
    debug: DebugOption = False,
) -> None:
    """Evaluate, and write all of it for a statistician: tables, codebook, scripts, checksums.

    Features found in the cache are not computed again.

    Example: tumor-response export manifest.csv --out study --clinical age
    """
    with (
        messages_for_people(debug, _RESUME),
        _study(
            (manifest, roi, clinical_table),
            *(out, radiomics, backbone, weights, clinical, category, cache_dir, n_jobs),
        ) as study,
    ):
        from tumor_response.cli.export import Handover, export_study
        from tumor_response.export import FORMATS_OF_A_BUNDLE

        place = out / "bundle" if bundle is None else bundle
        handover = Handover(place, format or FORMATS_OF_A_BUNDLE, key_file, named, keep or [])
        plan = _plan(by, per, cut, model, n_resamples, seed, failed, observer_error_mm)
        export_study(study, plan, handover)


@app.command()
def verify(
    what: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|FILE", help="Folder that was handed over, or a predictor's .trz file."
        ),
    ],
    debug: DebugOption = False,
) -> None:
    """Say whether a folder or a predictor's file that was handed over is what was sent.

    Ends with code 1 if a file is missing, was changed, or is one that nobody sent.

    Example: tumor-response verify bundle/
    """
    with messages_for_people(debug, "Run the same command again."):
        from tumor_response.cli.verify import verify_path

        if not verify_path(what):
            raise typer.Exit(FOUND)


@contextmanager
def _study(
    source: tuple[Path, str | None, Path | None],
    out: Path,
    radiomics: str,
    backbone: str,
    weights: str,
    clinical: list[str] | None,
    category: list[str] | None,
    cache_dir: str | None,
    n_jobs: int,
) -> Iterator[Study]:
    """Make a study of the options that all its commands share, alone in its folder."""
    from tumor_response.cli.study import Study, categories_of
    from tumor_response.study.blocks import Blocks
    from tumor_response.study.lock import alone_in
    from tumor_response.study.making import Source

    categories = categories_of(category or [])
    blocks = Blocks(radiomics, backbone, weights, clinical or [], categories)
    with alone_in(out):
        yield Study(Source(*source), out, blocks, cache_dir, checked_n_jobs(n_jobs))


def _plan(
    by: str,
    per: Days,
    cut: str,
    model: list[str] | None,
    n_resamples: int,
    seed: int,
    failed: Failed,
    observer_error_mm: float,
) -> Plan:
    from tumor_response.study.plan import Plan

    return Plan(
        *(by, per.value, cut, tuple(model or ()), n_resamples, seed, failed.value),
        observer_error_mm=observer_error_mm,
    )


_RESUME = "Run the same command again: cases that were finished come from the cache."


def main() -> None:
    """Run the command line."""
    app()
