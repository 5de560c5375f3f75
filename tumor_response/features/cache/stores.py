"""Where entries lie: a folder, or anything that fsspec reaches. A name is there whole or not."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tumor_response.exceptions import FeatureError
from tumor_response.features.cache.addresses import shown_address, shown_error

__all__ = ["LocalStore", "RemoteStore", "Store", "is_there", "store_at"]

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_PROBE = ".probe"
_PERMISSIONS = stat.S_ISGID | 0o777
_FLATTENED_URL = re.compile(r"[a-z][a-z0-9+.-]+:/[^/]")
"""What :class:`pathlib.Path` makes of ``s3://bucket``."""


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
    with _refused(location):
        text = _checked(location)
        return RemoteStore(text) if "://" in text else LocalStore(Path(text))


def is_there(location: str | Path) -> bool:
    """Return whether there is a folder, or anything at all under a URL; nothing is made.

    Raises
    ------
    FeatureError
        Code ``cache_unusable``: it does not answer.
    """
    with _refused(location):
        text = _checked(location)
        if "://" not in text:
            return Path(text).is_dir()
        file_system, root = _reached(text)
        with _one_kind_of_error():
            return bool(file_system.exists(root or "/"))


def _checked(location: str | Path) -> str:
    text = str(location)
    if isinstance(location, Path) and _FLATTENED_URL.match(text):
        raise ValueError("a URL is given as text; a Path takes one of its slashes away")
    return text


@contextlib.contextmanager
def _refused(location: str | Path) -> Iterator[None]:
    """Turn what keeps a cache from being used into one error with the way out."""
    shown = shown_address(location)
    try:
        yield
    except (ImportError, ValueError) as error:
        raise FeatureError(
            f"cache_dir={shown!r}: {shown_error(error, location)}. fsspec reaches "
            "s3://, gs://, sftp:// and others, each with a package of its own; or choose a folder.",
            code="cache_unusable",
        ) from None
    except OSError as error:
        raise FeatureError(
            f"cache_dir={shown!r} cannot be used ({shown_error(error, location)}). Choose a folder "
            "that can be written to, or cache_dir=None.",
            code="cache_unusable",
        ) from None


class LocalStore:
    """A folder; made if it is not there.

    Bytes go to a temporary name beside their own and are renamed, so that a run that is killed
    leaves whole entries or none. The file is flushed to the disk before (0.35 ms on the disk this
    was measured on): without it, power loss would cost the last half minute of results.

    Folders and files in it get its own permissions, so that whoever may write to it may write to
    all of it, whatever the umask of the one who came first.

    Raises
    ------
    OSError
        It can neither be made nor read.
    """

    def __init__(self, directory: Path) -> None:
        # workers may stand in another folder than their parent
        self.directory = Path(os.path.abspath(directory))  # noqa: PTH100 - links stay as named
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "it is a file") from None
        self._permissions = self.directory.stat().st_mode & _PERMISSIONS
        self.writable = self._can_write()

    def _can_write(self) -> bool:
        try:
            handle, name = tempfile.mkstemp(dir=self.directory, prefix=_PROBE)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            with contextlib.suppress(FileNotFoundError):
                (self.directory / _PROBE).stat()  # one that cannot be read either is no cache
            return False
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
        self._make(path.parent)
        part = path.parent / f".{uuid.uuid4().hex}.part"
        try:
            # not by tempfile, whose files nobody else may read: a cache is shared
            with part.open("xb") as file:
                with contextlib.suppress(OSError):  # not every file system has permissions
                    os.fchmod(file.fileno(), self._permissions & 0o666)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir()
        except FileExistsError:
            return
        with contextlib.suppress(OSError):
            folder.chmod(self._permissions)

    def delete(self, name: str) -> None:
        """Remove the file."""
        (self.directory / name).unlink(missing_ok=True)

    def entries(self) -> Iterator[tuple[str, int, float]]:
        """Yield the files of the folder and of those in it; a closed folder by its name."""
        for path in sorted(self.directory.iterdir()):
            for found in _within(path):
                try:
                    said = found.stat()
                except FileNotFoundError:  # taken away in the meantime
                    continue
                yield found.relative_to(self.directory).as_posix(), said.st_size, said.st_mtime


def _within(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    try:
        return sorted(path.iterdir())
    except PermissionError:  # lost+found, say
        return [path]
    except FileNotFoundError:  # taken away in the meantime
        return []


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
        self._fs, self._root = _reached(url)
        self.writable = self._can_write()

    def _can_write(self) -> bool:
        probe = self._path(f"{_PROBE}{uuid.uuid4().hex}")
        try:
            with _one_kind_of_error(NotImplementedError):
                self._fs.makedirs(self._root, exist_ok=True)
                self._fs.pipe_file(probe, b"")
        except (PermissionError, NotImplementedError):
            return False
        except OSError as error:
            if error.errno in _REFUSED:
                return False
            raise
        # where things may be added but not taken away, the probe stays
        stays = (FileNotFoundError, PermissionError, NotImplementedError)
        with contextlib.suppress(*stays), _one_kind_of_error(NotImplementedError):
            self._fs.rm_file(probe)
        return True

    def read(self, name: str) -> bytes | None:
        """Return the bytes under a name, ``None`` if there are none.

        Raises
        ------
        OSError
            If the file system does not answer: that is no missing entry.
        """
        try:
            with _one_kind_of_error():
                return bytes(self._fs.cat_file(self._path(name)))
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Put the whole object, by a temporary name where objects are files."""
        path = self._path(name)
        folder = path.rpartition("/")[0]
        with _one_kind_of_error():
            self._fs.makedirs(folder, exist_ok=True)
            if _is_object_store(self._fs):
                self._fs.pipe_file(path, content)
                return
            part = f"{folder}/.{uuid.uuid4().hex}.part"
            try:
                self._fs.pipe_file(part, content)
                self._fs.mv(part, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._fs.rm_file(part)
                raise

    def delete(self, name: str) -> None:
        """Remove the object."""
        with contextlib.suppress(FileNotFoundError), _one_kind_of_error():
            self._fs.rm_file(self._path(name))

    def entries(self) -> Iterator[tuple[str, int, float]]:
        """Yield all objects below the URL; those without a date were written just now."""
        with _one_kind_of_error():
            self._fs.invalidate_cache()  # what other processes wrote is in no listing of ours
            found: dict[str, dict[str, Any]] = self._fs.find(self._root, detail=True)
        for path, info in sorted(found.items()):
            yield path.removeprefix(f"{self._root}/"), int(info.get("size") or 0), _written(info)

    def _path(self, name: str) -> str:
        # not by pathlib: with some protocols, paths are whole URLs
        return f"{self._root}/{name}"


def _reached(url: str) -> tuple[Any, str]:
    """Return the file system of a URL and the path on it, without a slash at its end."""
    import fsspec

    with _one_kind_of_error(ImportError, ValueError):
        file_system, root = fsspec.core.url_to_fs(url)
    return file_system, str(root).rstrip("/")


@contextlib.contextmanager
def _one_kind_of_error(*others: type[Exception]) -> Iterator[None]:
    """Turn what client libraries raise of their own into OSError, save for ``others``.

    No credentials, no route, a bucket that does not exist: each library has classes of its own.
    """
    known: tuple[type[Exception], ...] = (OSError, *others)
    try:
        yield
    except known:
        raise
    except Exception as error:
        kind = PermissionError if getattr(error, "status", None) in _REFUSALS else OSError
        raise kind(f"{type(error).__name__}: {error}") from error


_REFUSALS = (401, 403, 405, 501)
"""Answers of HTTP servers to whoever may not write, or to all: no such thing is done here."""


_DATES = ("mtime", "LastModified", "last_modified", "created")
"""How file systems name the time at which something was written."""


def _written(info: Mapping[str, Any]) -> float:
    date = next((info[name] for name in _DATES if info.get(name) is not None), None)
    if isinstance(date, datetime):
        return date.timestamp()
    return float(date) if isinstance(date, (int, float)) else float("inf")


_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "http", "https", "memory"}
"""Where an object is there whole or not at all, and a rename would be a copy."""


def _is_object_store(file_system: Any) -> bool:
    protocol = file_system.protocol
    names = {protocol} if isinstance(protocol, str) else set(protocol)
    return bool(names & _OBJECT_STORES)
