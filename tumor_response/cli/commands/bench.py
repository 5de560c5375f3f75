"""``tumor-response bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.console import messages_for_people
from tumor_response.cli.options import DebugOption

__all__ = ["bench"]

EXAMPLES = (
    "tumor-response bench",
    "tumor-response bench cli_startup --quick",
    "tumor-response bench coupling --out measured/coupling",
    "tumor-response bench best_of_k --option=--studies=20",
)


def bench(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Which; without it they are listed.", show_default=False
        ),
    ] = None,
    checkout: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Checkout of the project, which has the programs."),
    ] = Path(),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder that the results go to.", show_default="bench/NAME"
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Its short form, to see that it runs; its numbers are too few to mean anything.",
        ),
    ] = False,
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the program's own, as --option=--seeds=5; repeat."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run, and do not.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Run a benchmark of a checkout, and say on what machine.

    The programs are in the folder benchmarks/ of the project's source, and not in the installed
    package. A copy of them is run, so that the results that the project publishes stay as they
    are; beside what a program writes lie its output and a description of the machine.
    """
    with messages_for_people(debug, "Run the same command again."):
        from tumor_response.cli.benching import list_programs, run_program

        if name is None:
            list_programs(checkout)
        elif not run_program(
            checkout, name, out or Path("bench") / name, option or [], quick=quick, dry_run=dry_run
        ):
            raise typer.Exit(ExitCode.FOUND)
