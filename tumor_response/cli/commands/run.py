"""``tumor-response run``: do what is not up to date in a study's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.console import messages_for_people, say

__all__ = ["run"]

EXAMPLES = (
    "tumor-response run study --dry-run",
    "tumor-response run study",
    "tumor-response run study --only features",
)

_RESUME = "Run the same command again: what was finished is kept, and it goes on from there."


def run(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY", help="Folder of the study, with its study.toml.")
    ],
    only: Annotated[
        str | None,
        typer.Option(metavar="STAGE", help="Do this stage and what it needs, nothing after it."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STAGE",
            help="Do this stage and all after it again, up to date or not.",
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be done and why, with time and disk."),
    ] = False,
    n_jobs: Annotated[
        int, typer.Option("--n-jobs", "-j", help="Parallel processes; -1 is all cores.")
    ] = -1,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Do all of a study that is not up to date, and say why: features, evaluation, report ..."""
    with messages_for_people(debug, _RESUME):
        from tumor_response.settings import checked_n_jobs
        from tumor_response.study.running import run as run_study

        n_jobs = checked_n_jobs(n_jobs)
        if dry_run:
            from tumor_response.study.foretelling import foretell

            foretell(study, n_jobs=n_jobs, tell=say)
            return
        found = run_study(study, only=only, since=since, n_jobs=n_jobs, tell=say)
        if any(done.stage == "report" for done in found.stages):
            from tumor_response.cli.study import show_results

            show_results(found.evaluation, found.coupling)
            say(f"Report: {found.report.resolve()}")
