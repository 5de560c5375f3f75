"""``tumor-response verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.console import messages_for_people
from tumor_response.cli.options import (
    DebugOption,
)

__all__ = ["verify"]

EXAMPLES = ("tumor-response verify bundle/",)


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
    """
    with messages_for_people(debug, "Run the same command again."):
        from tumor_response.cli.verify import verify_path

        if not verify_path(what):
            raise typer.Exit(ExitCode.FOUND)
