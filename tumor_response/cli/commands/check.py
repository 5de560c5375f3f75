"""``tumor-response check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.console import messages_for_people
from tumor_response.cli.options import (
    DebugOption,
    JobsOption,
)

__all__ = ["check"]

EXAMPLES = ('tumor-response check export/ --roi "GTV.*" --html findings.html',)


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
    """
    with messages_for_people(debug, "Run the same command again: the index goes on from there."):
        from tumor_response.cli.check import check_folder, check_manifest
        from tumor_response.settings import checked_n_jobs

        n_jobs = checked_n_jobs(n_jobs)
        if what.is_dir() or what.suffix.lower() == ".zip":
            found = check_folder(what, roi, html, csv, index, n_jobs)
        elif roi is not None or index is not None:
            raise typer.BadParameter("--roi and --index are for folders; a manifest has columns.")
        else:
            found = check_manifest(what, html, csv, n_jobs)
        if found:
            raise typer.Exit(ExitCode.FOUND)
