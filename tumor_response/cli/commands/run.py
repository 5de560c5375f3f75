"""``tumor-response run``: do what is not up to date in a study's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tumor_response.cli.console import messages_for_people, say
from tumor_response.cli.options import DebugOption, JobsOption
from tumor_response.cli.output import found

if TYPE_CHECKING:
    from tumor_response.study.running import Done

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
    n_jobs: JobsOption = -1,
    debug: DebugOption = False,
) -> None:
    """Do all of a study that is not up to date, and say why: features, evaluation, report ..."""
    with messages_for_people(debug, _RESUME):
        from tumor_response.settings import checked_n_jobs
        from tumor_response.study.running import run as run_study

        n_jobs = checked_n_jobs(n_jobs)
        if dry_run:
            from tumor_response.study.foretelling import foretell

            found(dry_run=True, stages=_told(foretell(study, n_jobs=n_jobs, tell=say)))
            return
        done = run_study(study, only=only, since=since, n_jobs=n_jobs, tell=say)
        found(study=str(done.folder), stages=_told(done.stages))
        if any(one.stage == "report" for one in done.stages):
            from tumor_response.cli.study import results_of, show_results

            show_results(done.evaluation, done.coupling)
            say(f"Report: {done.report.resolve()}")
            found(**results_of(done.evaluation, done.coupling), report=str(done.report.resolve()))


def _told(stages: Sequence[Done]) -> list[dict[str, Any]]:
    return [{"stage": one.stage, "why": list(one.why), "seconds": one.seconds} for one in stages]
