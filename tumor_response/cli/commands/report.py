"""``tumor-response report``: the report of a study, from what its last run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.console import messages_for_people, say
from tumor_response.cli.options import DebugOption, JobsOption
from tumor_response.cli.output import found

__all__ = ["report"]

EXAMPLES = (
    "tumor-response report study",
    "tumor-response report study --out for_the_board.html --identified",
)


def report(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study that was run.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Write it to this file.", show_default="STUDY/report.html"
        ),
    ] = None,
    identified: Annotated[
        bool,
        typer.Option(
            "--identified", help="Show the hospital's own identifiers: a report not to be sent."
        ),
    ] = False,
    n_jobs: JobsOption = -1,
    debug: DebugOption = False,
) -> None:
    """Write a study's report again from what its last run left; nothing is computed."""
    with messages_for_people(debug, "Run the same command again."):
        from tumor_response.settings import checked_n_jobs
        from tumor_response.study.running import rebuild_report

        path = rebuild_report(
            study,
            out,
            identified=identified or None,
            n_jobs=checked_n_jobs(n_jobs),
            tell=say,
        )
        found(report=str(path.resolve()))
        say(f"Report: {path.resolve()}")
