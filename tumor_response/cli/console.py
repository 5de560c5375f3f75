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

__all__ = ["count", "messages_for_people", "say", "show_records", "show_table", "size_text", "warn"]


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    text: Sequence[int] = (0,),
) -> None:
    """Print a table; the columns whose places are ``text`` are text, the others are numbers."""
    _show(title, columns, rows, [i not in text for i in range(len(columns))])


def show_records(title: str, frame: pd.DataFrame, most: int) -> None:
    """Print the first rows of a frame, and say how many there are in all.

    Columns without any value are left out.
    """
    frame = frame.loc[:, [column.astype(str).ne("").any() for _, column in frame.items()]]
    rest = f" (the first {most} of {len(frame)})" if len(frame) > most else ""
    rows = [[_cell(value) for value in row] for row in frame.head(most).itertuples(index=False)]
    numeric = [column.dtype.kind in "fiu" for _, column in frame.items()]
    _show(f"{title}{rest}", [str(name) for name in frame], rows, numeric)


def _show(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]
) -> None:
    """Print a table; where it is wider than the terminal, one record below the other.

    What goes to a file or a pipe is as wide as it needs to be.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    now = current()
    if now.quiet:
        return
    # made anew each time, so that a redirected stream is seen; what comes from files is no markup
    console = Console(stderr=now.as_json, markup=False, highlight=False, emoji=False)
    table = Table(title=title, title_justify="left", title_style="bold")
    for name, is_number in zip(columns, numeric, strict=True):
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    wide = Measurement.get(console, console.options.update(width=100_000), table).maximum
    if not console.is_terminal:
        console.width = max(wide, len(title) + 1)
    if wide <= console.width:
        console.print(table)
        return
    console.print(title, style="bold", soft_wrap=True)
    for row in rows:
        for i, (name, cell) in enumerate(zip(columns, row, strict=True)):
            if cell:
                console.print(f"{'  ' if i else '- '}{name}: {cell}")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def count(n: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "file"), count(2, "file")
    ('1 file', '2 files')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


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
