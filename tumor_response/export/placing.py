"""A bundle takes its place when it is whole, and only that of another bundle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tumor_response.exceptions import BundleError
from tumor_response.export.package import SUMS
from tumor_response.export.verifying import verify
from tumor_response.formats.whole import unwritable

__all__ = ["check_place", "whole"]


def check_place(directory: Path) -> None:
    """Refuse a folder that holds anything but an unchanged bundle.

    Raises
    ------
    BundleError
        Code ``bundle_files``.
    """
    if not directory.exists():
        return
    if directory.is_dir() and not any(directory.iterdir()):
        return
    if directory.is_dir() and (directory / SUMS).is_file() and verify(directory).ok:
        return
    raise BundleError(
        f"{directory} is neither a new or empty folder nor an unchanged bundle (see tumor-response "
        "verify). Name another, or empty it: nothing of yours is deleted.",
        code="bundle_files",
    )


@contextmanager
def whole(directory: Path) -> Iterator[Path]:
    """Give a folder beside the one named, which takes its place when it is whole."""
    directory = directory.resolve()
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise unwritable(directory, error) from None
    try:
        place.chmod(0o755)  # as a new folder is; temporary ones are the owner's alone
        yield place
        check_place(directory)  # somebody may have put something there meanwhile
        if directory.exists():
            shutil.rmtree(directory)
        place.replace(directory)
    finally:
        shutil.rmtree(place, ignore_errors=True)
