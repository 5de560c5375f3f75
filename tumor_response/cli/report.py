"""``tumor-response report``: the report of a study, from what its last run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.console import messages_for_people, say

__all__ = ["report"]


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
    n_jobs: Annotated[
        int, typer.Option("--n-jobs", "-j", help="Parallel processes; -1 is all cores.")
    ] = -1,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Write a study's report again from what its last run left; nothing is computed.

    Example: tumor-response report study --out for_the_board.html
    """
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
        say(f"Report: {path.resolve()}")
