"""Writing the codebook: HTML, Markdown and CSV, each whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from tumor_response.exceptions import TableError
from tumor_response.export.codebook.columns import CODEBOOK_COLUMNS
from tumor_response.export.codebook.page import html_of
from tumor_response.export.codebook.plain import csv_of, markdown_of
from tumor_response.formats import Sheet
from tumor_response.formats.whole import write_whole

__all__ = ["write_codebook"]


def write_codebook(
    directory: str | Path, columns: pd.DataFrame, sheets: Sequence[Sheet] = ()
) -> list[Path]:
    """Write ``codebook.html``, ``codebook.md`` and ``codebook.csv``.

    Parameters
    ----------
    directory
        The folder; it is made.
    columns
        From :func:`codebook_table`.
    sheets
        Further tables whose columns are listed with their labels; those named as a sheet of
        ``columns`` are described there already and left out.

    Returns
    -------
    list of Path
        The three files.

    Raises
    ------
    TableError
        If ``columns`` is no codebook; code ``table_unwritable`` if the disk is full or may not be
        written to.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.export.codebook import codebook_table
    >>> folder = tempfile.mkdtemp()
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=f"{folder}/sim")
    >>> table = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])
    >>> [path.name for path in write_codebook(folder, codebook_table(table))]
    ['codebook.html', 'codebook.md', 'codebook.csv']
    """
    lacking = [name for name in CODEBOOK_COLUMNS if name not in columns.columns]
    if lacking:
        raise TableError(
            f"No codebook: it has no column {', '.join(lacking[:5])}. Give what codebook_table "
            "returned."
        )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    further = [sheet for sheet in sheets if sheet.name not in set(columns["sheet"])]
    contents = {
        "html": html_of(columns, further),
        "md": markdown_of(columns, further),
        "csv": csv_of(columns),
    }
    written = []
    for ending, content in contents.items():
        write = partial(_write_text, content)
        written.append(write_whole(directory / f"codebook.{ending}", write))
    return written


def _write_text(content: str, path: Path) -> None:
    path.write_text(content, encoding="utf-8", newline="\n")
