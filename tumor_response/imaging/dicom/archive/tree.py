"""The files of a tree, whatever it looks like: nested, flat, linked, in zip archives.

Nothing is opened here but archives; what a file is, its content says (``allow_list``), never its
name. Everything comes in a fixed order.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import MAX_MEMBER_BYTES, READING_ERRORS

__all__ = ["Found", "archive_members", "open_member", "walk"]

MAX_MEMBERS = 1_000_000
MAX_ARCHIVE_BYTES = 4 * 1024**4
MAX_RATIO = 1100
"""Deflate reaches 1,032 : 1 at most, on constant bytes; an archive that claims more lies."""


@dataclass(frozen=True)
class Found:
    """A file of the tree, or a place that could not be looked into.

    Parameters
    ----------
    relative
        Path relative to the tree's root.
    size, mtime_ns
        As the file system has them: who keeps both has not been changed.
    problem
        ``""``, or the code of what kept it from being looked at (then size and time are 0).
    """

    relative: str
    size: int = 0
    mtime_ns: int = 0
    problem: str = ""


def walk(root: Path) -> Iterator[Found]:
    """Yield every regular file below ``root``, links followed, in the order of their names.

    A folder that is met a second time (a link to a folder above it, or to one that was there
    already) is not entered again. Sockets, pipes and devices are passed over.

    Parameters
    ----------
    root
        A folder; or a file, which then is the whole tree.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "IM0001").write_bytes(b"")
    ...     [found.relative for found in walk(Path(folder))]
    ['IM0001']
    """
    if root.is_file():
        found = _file(root, root.name)
        if found is not None:
            yield found
        return
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        folder = root / relative
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                names = sorted((entry.name, _is_folder(entry)) for entry in entries)
        except OSError:
            yield Found(relative or ".", problem="folder_unreadable")
            continue
        prefix = f"{relative}/" if relative else ""
        for name, is_folder in names:
            if not is_folder:
                found = _file(folder / name, prefix + name)
                if found is not None:
                    yield found
        waiting.extend(prefix + name for name, is_folder in reversed(names) if is_folder)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads in a circle
        return False


def _file(path: Path, relative: str) -> Found | None:
    try:
        status = path.stat()
    except OSError:  # a dead or circular link, or gone since the folder was listed
        return Found(relative, problem="file_missing")
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(relative, status.st_size, status.st_mtime_ns)


def archive_members(path: Path) -> list[str]:
    """Return the names of a zip archive's files, from its directory alone, sorted.

    Parameters
    ----------
    path
        The archive; nothing of it is unpacked.

    Raises
    ------
    CaseError
        Code ``archive_refused``: damaged, protected by a password, or its directory claims more
        than such a file can hold (a decompression bomb).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            size = path.stat().st_size
    except (OSError, *READING_ERRORS) as error:
        raise _refused(path, f"its directory is damaged ({type(error).__name__})") from None
    if any(info.flag_bits & 1 for info in infos):
        raise _refused(path, "it is protected by a password")
    unpacked = sum(info.file_size for info in infos)
    if (
        len(infos) > MAX_MEMBERS
        or unpacked > MAX_ARCHIVE_BYTES
        or sum(info.compress_size for info in infos) > size
        or any(info.file_size > MAX_RATIO * info.compress_size for info in infos)
    ):
        raise _refused(path, f"it claims {len(infos):,} files of {unpacked / 1024**3:.0f} GiB")
    if any(info.file_size > MAX_MEMBER_BYTES for info in infos):
        raise _refused(path, f"a file in it is larger than {MAX_MEMBER_BYTES >> 30} GiB")
    return sorted({info.filename for info in infos})


def open_member(archive: zipfile.ZipFile, member: str) -> BinaryIO:
    """Open one file of an archive for reading; only what is read is unpacked.

    Raises
    ------
    CaseError
        Code ``archive_refused``.
    """
    try:
        return archive.open(member)  # type: ignore[return-value]
    except (OSError, KeyError, *READING_ERRORS) as error:
        raise _refused(Path(archive.filename or ""), type(error).__name__) from None


def _refused(path: Path, why: str) -> CaseError:
    return CaseError(
        f"{path.name}: the archive is not read, because {why}; unpack it and give the folder.",
        code="archive_refused",
    )
