"""Options that several commands share, each said once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "BackboneOption",
    "ByOption",
    "CacheOption",
    "CategoryOption",
    "ClinicalOption",
    "ClinicalTableOption",
    "CutOption",
    "Days",
    "DebugOption",
    "DryRunOption",
    "Failed",
    "FailedOption",
    "JobsOption",
    "Manifest",
    "ModelOption",
    "ObserverOption",
    "Out",
    "PerOption",
    "RadiomicsOption",
    "ResamplesOption",
    "RoiOption",
    "SeedOption",
    "WeightsOption",
    "examples",
]


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


DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Say from a sample how long the features take, and how many fits follow; no results.",
    ),
]


def examples(*lines: str) -> str:
    """Return the end of a help text; its first character keeps the lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
