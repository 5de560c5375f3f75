"""Where views lie: arrays on disk by content, which a model's step looks up by key."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tumor_response.exceptions import FeatureError
from tumor_response.features.cache.stores import LocalStore
from tumor_response.settings import canonical_json

__all__ = ["ViewStore"]

_KEY = re.compile(r"[0-9a-f]{64}")
_SUFFIX = ".npy"
_RECORD = ".json"
_DIGEST_BYTES = 32


class ViewStore:
    """Arrays in a folder, each under a key made of all that decides it.

    It has no state but its folder: processes may read and write it at once, and a pickled store
    is its path. An array is a NumPy file (``.npy``) that is mapped into memory when it is asked
    for, so that processes on one machine share its pages. A file is there whole or not at all. It
    ends in a SHA-256 over key and content, which is checked when a process first uses the array:
    what the disk damaged is never shown to a network. A record, what is to be told of an array,
    may lie beside it as JSON, checked in the same way.

    Parameters
    ----------
    directory
        Made if it does not exist.

    Attributes
    ----------
    directory : pathlib.Path
        The folder, absolute.
    writable : bool
        Whether arrays can be added; one that cannot be written to is read all the same.

    Raises
    ------
    FeatureError
        Code ``views_unusable``: the folder can neither be made nor read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import tumor_response as tr
    >>> store = tr.ViewStore(tempfile.mkdtemp())
    >>> store.put("ab" * 32, np.zeros((5, 224, 224), np.float32))
    >>> store.get("ab" * 32).shape, "cd" * 32 in store
    ((5, 224, 224), False)
    """

    def __init__(self, directory: str | Path) -> None:
        try:
            self._files = LocalStore(Path(directory))
        except OSError as error:
            raise _unusable(Path(directory), error) from None
        self.directory = self._files.directory
        self.writable = self._files.writable
        self._whole: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        # another process reads the files for itself
        return self.__dict__ | {"_whole": set()}

    def put(self, key: str, views: np.ndarray) -> None:
        """Keep an array; one that is there under the key is replaced.

        Parameters
        ----------
        key
            64 hexadecimal digits, a SHA-256 of all that decides the array
            (:meth:`tumor_response.Views.key_of`).
        views
            Numbers, of any shape.

        Raises
        ------
        FeatureError
            Code ``view_key`` for another key, ``view_values`` for what are no numbers,
            ``views_unusable`` if the folder cannot be written to.
        """
        name = _name(key)
        array = np.asarray(views, order="C")
        if array.dtype.kind not in "fiu":
            raise FeatureError(
                f"views: expected numbers, received {array.dtype}.", code="view_values"
            )
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array, allow_pickle=False)
        content = buffer.getvalue()
        try:
            self._files.write(name, content + _digest(key, content))
        except OSError as error:
            raise _unusable(self.directory, error) from None
        self._whole.discard(key)

    def get(self, key: str) -> np.ndarray:
        """Return an array, read-only, mapped from its file.

        Raises
        ------
        FeatureError
            Codes ``view_key``, ``view_missing`` and ``view_damaged``.
        """
        if key not in self:
            there = self._path(key).exists()
            what = "is damaged, or may not be read" if there else "is not there"
            raise FeatureError(
                f"{self.directory}: the array of key {key[:12]}... {what}. Extract the cohort "
                "again with the same settings and this store: what is there is kept, what is "
                "missing or damaged is made.",
                code="view_damaged" if there else "view_missing",
            )
        array: np.ndarray = np.load(self._path(key), mmap_mode="r", allow_pickle=False)
        return array

    def __contains__(self, key: object) -> bool:
        """Tell whether an array is there, whole and its own."""
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            return False
        path = self._path(key)
        if key in self._whole and path.exists():
            return True
        if _is_whole(path, key):
            self._whole.add(key)
            return True
        return False

    def put_record(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep what is to be told under a key, as JSON; it has no array of its own to need.

        Raises
        ------
        FeatureError
            Codes ``view_key`` and ``views_unusable``.
        """
        text = canonical_json(dict(record))
        whole = {"record": json.loads(text), "sha256": _digest(key, text.encode()).hex()}
        try:
            self._files.write(_name(key, _RECORD), canonical_json(whole).encode())
        except OSError as error:
            raise _unusable(self.directory, error) from None

    def record(self, key: str) -> dict[str, Any]:
        """Return what is told under a key.

        Raises
        ------
        FeatureError
            Codes ``view_key`` and ``view_missing``, which a damaged one has as well.
        """
        found = self._record(key)
        if found is None:
            raise FeatureError(
                f"{self.directory}: the record of key {key[:12]}... is not there, or damaged. "
                "Extract the cohort again with the same settings and this store: what is there is "
                "kept, what is missing or damaged is made.",
                code="view_missing",
            )
        return found

    def has_record(self, key: str) -> bool:
        """Tell whether there is a record under a key, whole and its own."""
        return self._record(key) is not None

    def _record(self, key: str) -> dict[str, Any] | None:
        content = self._files.read(_name(key, _RECORD))
        try:
            whole = json.loads(content or b"")
            record: dict[str, Any] = whole["record"]
            digest = _digest(key, canonical_json(record).encode()).hex()
        except (ValueError, KeyError, TypeError):
            return None
        return record if digest == whole.get("sha256") else None

    def keys(self) -> Iterator[str]:
        """Yield the keys of all arrays, damaged ones included, sorted."""
        for name, _, _ in self._files.entries():
            key = Path(name).stem
            if _KEY.fullmatch(key) and name == _name(key):
                yield key

    def damaged(self) -> list[str]:
        """Read every file anew, and return the keys of those that are not what was written."""
        return [key for key in self.keys() if not _is_whole(self._path(key), key)]

    def _path(self, key: str) -> Path:
        return self.directory / _name(key)

    def __repr__(self) -> str:
        return f"ViewStore({str(self.directory)!r})"


def _name(key: str, suffix: str = _SUFFIX) -> str:
    # keys come from tables that anybody can have written: they must not lead anywhere else
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise FeatureError(
            f"key={key!r}: expected 64 hexadecimal digits, as in a column views__<name>__key.",
            code="view_key",
        )
    return f"{key[:2]}/{key}{suffix}"


def _digest(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def _is_whole(path: Path, key: str) -> bool:
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return _digest(key, content[:-_DIGEST_BYTES]) == content[-_DIGEST_BYTES:]


def _unusable(directory: Path, error: OSError) -> FeatureError:
    return FeatureError(
        f"The views' folder {directory} cannot be used ({error.strerror or error}). Make room, or "
        "give another one: tr.Views(settings, store=folder). What is finished is kept.",
        code="views_unusable",
    )
