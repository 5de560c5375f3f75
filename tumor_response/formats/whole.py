"""Files that are whole or not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tumor_response.exceptions import TableError

__all__ = ["Writers", "unwritable", "write_all", "write_whole"]

Writers = dict[Path, Callable[[Path], object]]
"""For each file what writes it, called with the name it has until it is whole."""


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Have a file written under another name, and give it its own when it is whole.

    Raises
    ------
    TableError
        Code ``table_unwritable``; what was there before is there still.
    """
    return write_all({path: write})[0]


def write_all(writers: Writers) -> list[Path]:
    """Have files written under other names, and give them their own when all are whole.

    Parameters
    ----------
    writers
        If one fails, none of the files is there, or what was there before is there still.

    Raises
    ------
    TableError
        Code ``table_unwritable`` if the disk is full or may not be written to.
    """
    parts = {path: path.with_name(f"{path.name}.part") for path in writers}
    writing = next(iter(parts), Path())
    try:
        for writing, write in writers.items():
            writing.parent.mkdir(parents=True, exist_ok=True)
            write(parts[writing])
        for writing, part in parts.items():
            part.replace(writing)
    except OSError as error:
        raise unwritable(writing, error) from None
    finally:
        for part in parts.values():
            if part.exists():
                part.unlink()
    return list(writers)


def unwritable(path: Path, error: OSError, way_out: str = "") -> TableError:
    """Return the error for a path that cannot be written to."""
    return TableError(
        f"{path} cannot be written ({error.strerror or error}). Make room or choose another "
        f"folder{way_out}.",
        code="table_unwritable",
    )
