"""Where entries lie: a folder, or anything that fsspec reaches. A name is there whole or not."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from tumor_response.exceptions import FeatureError

__all__ = ["LocalStore", "RemoteStore", "Store", "store_at"]

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_PROBE = ".probe"


class Store(Protocol):
    """A set of names with bytes. Names are ``ab/abcd….suffix``."""

    writable: bool

    def read(self, name: str) -> bytes | None:
        """Return the bytes under a name, ``None`` if it is not there."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Put bytes under a name, at once or not at all.

        Raises
        ------
        OSError
            Whatever the file system says.
        """
        ...

    def delete(self, name: str) -> None:
        """Take a name away; one that is not there is no fault."""
        ...

    def entries(self) -> Iterator[tuple[str, int, float]]:
        """Yield every file: its name, its bytes, and when it was written (seconds, Unix)."""
        ...


def store_at(location: str | Path) -> Store:
    """Return the store of a folder, or of a URL such as ``s3://bucket/folder``.

    Raises
    ------
    FeatureError
        Code ``cache_unusable``: it can neither be written to nor read.
    """
    text = str(location)
    try:
        return RemoteStore(text) if "://" in text else LocalStore(Path(location))
    except (ImportError, ValueError) as error:
        raise FeatureError(
            f"cache_dir={text!r}: {error}. fsspec reaches s3://, gs://, sftp:// and others, "
            "each with a package of its own; or choose a folder.",
            code="cache_unusable",
        ) from None
    except OSError as error:
        raise FeatureError(
            f"cache_dir={text!r} cannot be used ({error.strerror or error}). Choose a folder that "
            "can be written to, or cache_dir=None.",
            code="cache_unusable",
        ) from None


class LocalStore:
    """A folder; made if it is not there.

    Bytes go to a temporary name beside their own and are renamed, so that a run that is killed
    leaves whole entries or none. The file is flushed to the disk before (0.35 ms on the disk this
    was measured on): without it, power loss would cost the last half minute of results.

    Raises
    ------
    OSError
        It can neither be made nor read.
    """

    def __init__(self, directory: Path) -> None:
        # workers may stand in another folder than their parent
        self.directory = Path(os.path.abspath(directory))  # noqa: PTH100 - links stay as named
        self.directory.mkdir(parents=True, exist_ok=True)
        self.writable = self._can_write()

    def _can_write(self) -> bool:
        try:
            handle, name = tempfile.mkstemp(dir=self.directory, prefix=_PROBE)
        except OSError as error:
            if error.errno in _REFUSED:
                return False
            raise
        os.close(handle)
        Path(name).unlink()
        return True

    def read(self, name: str) -> bytes | None:
        """Return the bytes under a name; what cannot be read is not there."""
        try:
            return (self.directory / name).read_bytes()
        except OSError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write beside the name, flush, rename."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        part = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            # not by tempfile, whose files nobody else may read: a cache is shared
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise

    def delete(self, name: str) -> None:
        """Remove the file."""
        (self.directory / name).unlink(missing_ok=True)

    def entries(self) -> Iterator[tuple[str, int, float]]:
        """Yield the files of the folder and of those in it."""
        for folder in sorted(self.directory.iterdir()):
            for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
                try:
                    stat = path.stat()
                except FileNotFoundError:  # taken away in the meantime
                    continue
                yield path.relative_to(self.directory).as_posix(), stat.st_size, stat.st_mtime


class RemoteStore:
    """A folder behind an fsspec URL: an object store, a server, another process's memory.

    Object stores put a whole object at once. Elsewhere bytes go to a temporary name first and are
    moved, as far as the file system can.

    Raises
    ------
    ImportError, ValueError
        No such file system.
    OSError
        It does not answer.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self._fs, root = fsspec.core.url_to_fs(url)
        self._root = PurePosixPath(root)
        self.writable = self._can_write()

    def _can_write(self) -> bool:
        probe = f"{_PROBE}{uuid.uuid4().hex}"
        try:
            self._fs.makedirs(str(self._root), exist_ok=True)
            self._fs.pipe_file(self._path(probe), b"")
        except (PermissionError, NotImplementedError):
            return False
        except OSError as error:
            if error.errno in _REFUSED:
                return False
            raise
        self._fs.rm_file(self._path(probe))
        return True

    def read(self, name: str) -> bytes | None:
        """Return the bytes under a name, ``None`` if there are none.

        Raises
        ------
        OSError
            If the file system does not answer: that is no missing entry.
        """
        try:
            return bytes(self._fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Put the whole object, by a temporary name where objects are files."""
        path = self._path(name)
        self._fs.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
        if not _is_object_store(self._fs):
            part = str(PurePosixPath(path).parent / f".{uuid.uuid4().hex}.part")
            self._fs.pipe_file(part, content)
            self._fs.mv(part, path)
        else:
            self._fs.pipe_file(path, content)

    def delete(self, name: str) -> None:
        """Remove the object."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def entries(self) -> Iterator[tuple[str, int, float]]:
        """Yield all objects below the URL; those without a date were written just now."""
        found: dict[str, dict[str, Any]] = self._fs.find(str(self._root), detail=True)
        for path, info in sorted(found.items()):
            date = info.get("mtime") or info.get("LastModified") or info.get("created")
            seconds = date.timestamp() if isinstance(date, datetime) else date
            name = PurePosixPath(path).relative_to(self._root).as_posix()
            yield name, int(info["size"]), float("inf") if seconds is None else float(seconds)

    def _path(self, name: str) -> str:
        return str(self._root / name)


_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "memory"}
"""Where an object is there whole or not at all, and a rename would be a copy."""


def _is_object_store(file_system: Any) -> bool:
    protocol = file_system.protocol
    names = {protocol} if isinstance(protocol, str) else set(protocol)
    return bool(names & _OBJECT_STORES)
