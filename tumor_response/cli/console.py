"""What the commands say: progress of a study, tables, and errors without tracebacks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from tumor_response.exceptions import TumorResponseError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "FAILED",
    "FOUND",
    "INTERRUPTED",
    "messages_for_people",
    "say",
    "show_records",
    "show_table",
    "warn",
]

FOUND = 1

FAILED = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def _console(stderr: bool = False) -> Console:
    # made anew each time, so that a redirected stream is seen; what comes from files is no markup
    return Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def say(text: str) -> None:
    """Print one line on standard output, exactly as it is."""
    _console().print(text, soft_wrap=True)


def warn(text: str) -> None:
    """Print a message on standard error, exactly as it is."""
    _console(stderr=True).print(text, soft_wrap=True)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column is text, the others are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=i > 0)
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def show_records(title: str, frame: pd.DataFrame, most: int) -> None:
    """Print the first rows of a frame, long cells folded; say how many there are in all.

    Columns without any value are left out.
    """
    frame = frame.loc[:, [column.astype(str).ne("").any() for _, column in frame.items()]]
    rest = f" (the first {most} of {len(frame)})" if len(frame) > most else ""
    table = Table(title=f"{title}{rest}", title_justify="left", title_style="bold")
    for name, column in frame.items():
        numeric = column.dtype.kind in "fiu"
        table.add_column(str(name), justify="right" if numeric else "left", overflow="fold")
    for row in frame.head(most).itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    _console().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)


@contextmanager
def messages_for_people(debug: bool, resume: str) -> Iterator[None]:
    """Turn what a person can mend into a message and an exit code; leave our own bugs alone.

    Parameters
    ----------
    debug
        Show the traceback instead.
    resume
        What to say after Ctrl-C.

    Raises
    ------
    typer.Exit
        Code 2 after an error raised on purpose or a file that cannot be read or written, 130
        after Ctrl-C. Any other exception is a bug of ours and passes with its traceback.
    """
    try:
        yield
    except TumorResponseError as error:
        if debug:
            raise
        warn(f"Error: {error}")
        raise typer.Exit(FAILED) from None
    except OSError as error:
        if debug:
            raise
        where = f" ({error.filename})" if error.filename else ""
        warn(f"Error: {error.strerror or error}{where}.")
        raise typer.Exit(FAILED) from None
    except KeyboardInterrupt:
        if debug:
            raise
        warn(f"\nStopped. {resume}")
        raise typer.Exit(INTERRUPTED) from None
