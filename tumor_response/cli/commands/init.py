"""``tumor-response init``: the settings file of a new study, asking what nobody may guess."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tumor_response.cli.console import messages_for_people, say, show_records
from tumor_response.cli.options import DebugOption, JobsOption
from tumor_response.cli.output import found
from tumor_response.exceptions import SettingsError

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.cohort import Cohort
    from tumor_response.study.making import Source

__all__ = ["init"]

EXAMPLES = (
    "tumor-response init study --from manifest.csv --clinical age",
    "tumor-response init study --from export/ --roi 'GTV.*'",
)

_SHOWN = 60


def _print_schema(wanted: bool) -> None:
    if wanted:
        from tumor_response.study.settings import json_schema

        sys.stdout.write(json_schema())
        raise typer.Exit


def init(
    study: Annotated[
        Path,
        typer.Argument(metavar="STUDY", help="Folder of the study; made if it is not there."),
    ],
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="MANIFEST|FOLDER",
            help="CSV file with one row per lesion, or a folder or zip of DICOM objects.",
        ),
    ],
    roi: Annotated[
        str | None,
        typer.Option(
            help="For a folder: the tumour's structure, a regular expression that matches its "
            "whole name. Without it you are asked."
        ),
    ] = None,
    clinical_table: Annotated[
        Path | None,
        typer.Option(
            help="For a folder: CSV file with patient_id and clinical variables, rt_start_date ..."
        ),
    ] = None,
    clinical: Annotated[
        list[str] | None,
        typer.Option(
            help="Clinical variable known before treatment, number or category; repeat for "
            "several. Without it you are asked; without a terminal none is used."
        ),
    ] = None,
    radiomics: Annotated[
        str,
        typer.Option(help="Preset (head_neck_ct, minimal), a PyRadiomics parameter file, or none."),
    ] = "head_neck_ct",
    backbone: Annotated[
        str, typer.Option(help="Network of the deep block by its timm name, or none.")
    ] = "tf_efficientnet_lite0",
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; what is not clear is refused.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a study.toml that is there.")
    ] = False,
    n_jobs: JobsOption = -1,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema",
            callback=_print_schema,
            is_eager=True,
            help="Print the JSON schema of study.toml, and do nothing else.",
        ),
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Begin a study: write a commented study.toml after a look at the data."""
    del schema  # its callback has done the work
    with messages_for_people(debug, "Nothing was written."):
        from tumor_response.settings import checked_n_jobs
        from tumor_response.study.making import NewStudy, Source, read_cohort, write_study
        from tumor_response.study.reading import FILE_NAME

        if (study / FILE_NAME).exists() and not overwrite:
            raise SettingsError(
                f"{study / FILE_NAME} is there already. Change it by hand and say tumor-response "
                f"run {study}; name another folder; or say --overwrite."
            )
        n_jobs = checked_n_jobs(n_jobs)
        asks = not yes and sys.stdin.isatty()
        where = Source(source, roi, clinical_table)
        if where.is_folder and roi is None:
            where = Source(source, _tumour(source, asks, n_jobs), clinical_table)
        cohort = read_cohort(where, n_jobs)
        _show(cohort, where)
        known = _known(cohort, asks) if clinical is None else clinical
        features = {"radiomics": radiomics, "backbone": backbone}
        new = NewStudy(where, known, features, title)
        path = write_study(study, new, cohort, overwrite=overwrite)
        found(
            settings=str(path.resolve()),
            n_lesions=len(cohort),
            n_patients=cohort.n_patients,
            n_left_out=len(cohort.left_out),
            clinical=list(known),
        )
        say(f"Written: {path}. Read it: every key has a comment.")
        say(f"Next: tumor-response run {study} --dry-run, then tumor-response run {study}")


def _tumour(folder: Path, asks: bool, n_jobs: int) -> str:
    """Return the pattern of the tumour's structure: asked for, or the only one there can be."""
    from tumor_response.study.making import only_tumour, structures_of

    say(f"Looking at {folder} ...")
    structures = structures_of(folder, n_jobs)
    found = only_tumour(structures)
    if not asks and found is not None:
        say(f"Structure: {found}, the only one whose name begins with GTV. Say --roi for another.")
        return found
    shown = structures.reset_index().rename_axis("no").reset_index()
    shown["no"] += 1
    show_records(f"Structures in {folder}", shown, _SHOWN)
    if not asks:
        raise SettingsError(
            "Which structure is the tumour? That is not guessed. Say --roi with a regular "
            "expression that matches its whole name, for example --roi 'GTV.*'."
        )
    while True:
        answer = typer.prompt(
            "Which is the tumour? Its number, or a regular expression for its whole name",
            default=found,
        ).strip()
        pattern, matched = _pattern(answer, structures)
        if matched:
            patients = structures.loc[matched, "n_patients"].max()
            say(f"{pattern!r} matches {', '.join(matched)}: up to {patients} patients.")
            if typer.confirm("Is this the tumour?", default=True):
                return pattern


def _pattern(answer: str, structures: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the regular expression that an answer means, and the names it matches."""
    names = [str(name) for name in structures.index]
    if answer.isdecimal() and 1 <= int(answer) <= len(names) and answer not in names:
        answer = re.escape(names[int(answer) - 1])
    elif answer in names:
        answer = re.escape(answer)
    try:
        matched = [name for name in names if re.fullmatch(answer, name)]
    except re.error as error:
        say(f"{answer!r} is no regular expression ({error}).")
        return answer, []
    if not matched:
        say(f"{answer!r} matches no structure's whole name; GTV.* matches all that begin so.")
    return answer, matched


def _show(cohort: Cohort, source: Source) -> None:
    """Say what the data hold."""
    followed = sum(
        case.follow_up.mask is not None or case.follow_up.status == "complete_response"
        for case in cohort
    )
    say(
        f"{source.path}: {len(cohort)} lesions of {cohort.n_patients} patients; {followed} with a "
        "contoured follow-up."
    )
    if len(cohort.left_out):
        counts = cohort.left_out["reason"].value_counts()
        told = ", ".join(f"{reason} ({n})" for reason, n in counts.items())
        say(f"{len(cohort.left_out)} left out: {told}. tumor-response check says more.")
    if not followed:
        say(
            "Without a contoured follow-up there is no outcome: the features can be extracted "
            "(tumor-response run --only features), nothing can be evaluated."
        )


def _known(cohort: Cohort, asks: bool) -> list[str]:
    """Return the clinical variables known before treatment: asked for, or none."""
    from tumor_response.study.making import variables_of

    variables = variables_of(cohort)
    if variables.empty:
        return []
    names = ", ".join(str(name) for name in variables.index)
    if not asks:
        say(
            f"Clinical variables not used: {names}. Name those known before treatment with "
            "--clinical; one that was known only afterwards would leak."
        )
        return []
    show_records("Clinical variables", variables.drop(columns="levels").reset_index(), _SHOWN)
    say("Which of them were known before treatment? One known only afterwards would leak.")
    while True:
        answer = typer.prompt("Names, separated by commas; empty: none", default="")
        chosen = [name.strip() for name in answer.split(",") if name.strip()]
        unknown = [name for name in chosen if name not in variables.index]
        if not unknown:
            return chosen
        say(f"There is no {unknown[0]!r}; there are: {names}.")
