"""What the commands say: progress of a study, tables, and errors without tracebacks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from tumor_response.cli.codes import ExitCode
from tumor_response.cli.output import current, described, say, warn
from tumor_response.exceptions import TumorResponseError

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

__all__ = ["messages_for_people", "say", "show_records", "show_table", "size_text", "warn"]


def _console() -> Console:
    # made anew each time, so that a redirected stream is seen; what comes from files is no markup
    from rich.console import Console

    return Console(stderr=current().as_json, markup=False, highlight=False, emoji=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column is text, the others are numbers."""
    from rich.table import Table

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
    from rich.table import Table

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


def size_text(n_bytes: float) -> str:
    """Return a size in the decimal units in which disks are sold.

    Examples
    --------
    >>> size_text(11_400)
    '11.4 kB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"


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
        current().error = described(error, error.code)
        warn(f"Error: {error}")
        raise typer.Exit(ExitCode.MISTAKE) from None
    except OSError as error:
        if debug or isinstance(error, BrokenPipeError):
            raise
        where = f" ({error.filename})" if error.filename else ""
        current().error = described(error, "file")
        warn(f"Error: {error.strerror or error}{where}.")
        raise typer.Exit(ExitCode.MISTAKE) from None
    except KeyboardInterrupt:
        if debug:
            raise
        warn(f"\nStopped. {resume}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
