"""What the file system says of a case's files: enough to notice that one was replaced."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from tumor_response.settings import sha256_of_json

__all__ = ["content_stamp", "version_stamp"]

_SETTLED_NS = 2_000_000_000
"""A file this young could be written once more within one tick of its file system's clock."""


def version_stamp(paths: Sequence[Path]) -> str:
    """Return a hash of the files' sizes and times of modification, the same on every machine.

    A file that is not there is a state like any other: whoever reads it will say so.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     path = Path(file.name)
    ...     before = version_stamp([path])
    ...     os.utime(path, ns=(1, 1))
    ...     before == version_stamp([path])
    False
    """
    found = [_stat(path) for path in paths]
    return sha256_of_json([None if s is None else [s.st_size, s.st_mtime_ns] for s in found])


def content_stamp(paths: Sequence[Path]) -> str | None:
    """Return a hash that changes with every write to one of the files, or ``None``: do not rely.

    Size, times of modification and of change, and inode: nobody can write to a file, or put
    another one in its place, and leave all four as they were. Only a write within the same tick
    of the file system's clock could hide, so files younger than two seconds have no stamp (git
    calls them racy), nor have files from the future, as after a clock that was set back.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     content_stamp([Path(file.name)]) is None  # written this moment
    True
    """
    now_ns = time.time_ns()
    found = []
    for path in paths:
        stat = _stat(path)
        if stat is None or max(stat.st_mtime_ns, stat.st_ctime_ns) > now_ns - _SETTLED_NS:
            return None
        found.append([stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino])
    return sha256_of_json([[str(path) for path in paths], found])


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
