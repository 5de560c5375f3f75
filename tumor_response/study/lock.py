"""One run at a time in one folder."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tumor_response.exceptions import SettingsError
from tumor_response.settings import sha256_of_json

__all__ = ["alone_in"]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the system lets go of it however the process ends.

    Raises
    ------
    SettingsError
        If another run of this user holds it, or it cannot be a folder.
    """
    place = folder.resolve()
    if any(one.is_file() for one in (place, *place.parents)):
        raise SettingsError(
            f"{folder} is a file, or lies below one; the results go to a folder. Name another."
        )
    # beside the folder's files it would be found there, and be copied with them
    name = f"tumor-response-{os.getuid()}-{sha256_of_json(str(place))[:16]}.lock"
    lock = (Path(tempfile.gettempdir()) / name).open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"Another run is writing to {folder}. Wait for it, or name another folder."
            ) from None
        yield
