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

_ATTRS = ("volume", "icc", "fewest", "n_lesions", "n_patients")


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
        The tables that are handed over. Of one that ``columns`` describes, the reasons for missing
        values are counted; of any other the columns are listed with their labels.

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
    lacking += [f"attrs[{name!r}]" for name in _ATTRS if name not in columns.attrs]
    if lacking:
        raise TableError(
            f"No codebook: it has no {', '.join(lacking[:5])}. Give what codebook_table returned."
        )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    further = [sheet for sheet in sheets if sheet.name not in set(columns["sheet"])]
    columns = _with_reasons(columns, sheets)
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


def _with_reasons(columns: pd.DataFrame, sheets: Sequence[Sheet]) -> pd.DataFrame:
    told = {
        (sheet.name, str(name)): "; ".join(f"{reason}: {n}" for reason, n in _counts(reasons))
        for sheet in sheets
        if sheet.reasons is not None
        for name, reasons in sheet.reasons.items()
    }
    keys = zip(columns["sheet"], columns["name"], strict=True)
    return columns.assign(missing_reasons=[told.get(key, "") for key in keys])


def _counts(reasons: pd.Series) -> list[tuple[str, int]]:
    """Return how often each reason is given, the most frequent first."""
    given = reasons[reasons.astype("str") != ""]
    counts = given.value_counts() if len(given) else pd.Series(dtype="int64")
    return sorted(((str(r), int(n)) for r, n in counts.items()), key=lambda one: (-one[1], one[0]))


def _write_text(content: str, path: Path) -> None:
    path.write_text(content, encoding="utf-8", newline="\n")
