"""Finished results, each under the hash of everything that decides it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tumor_response._version import __version__
from tumor_response.exceptions import FeatureError
from tumor_response.features.cache.addresses import shown_address, shown_error
from tumor_response.features.cache.entries import (
    FEATURES,
    RECORD,
    packed,
    packed_row,
    unpacked,
    unpacked_row,
)
from tumor_response.features.cache.stores import store_at
from tumor_response.features.rows import BlockRow
from tumor_response.settings import sha256_of_json

__all__ = ["FeatureCache"]

_FORMAT = 2


class FeatureCache:
    """Results of extractors on cases, by content.

    Two processes may share one: both would write the same bytes. What is damaged fails its
    checksum and is computed again. One that cannot be written to is read all the same.

    Parameters
    ----------
    location
        A folder, made if it does not exist; or a URL that fsspec understands.

    Attributes
    ----------
    location
        As given.
    writable
        Whether results can be added.

    Raises
    ------
    FeatureError
        Code ``cache_unusable``: it can neither be made nor read.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tumor_response.features.rows import BlockRow
    >>> cache = FeatureCache(tempfile.mkdtemp())
    >>> cache.put("ab" * 32, ["x__y"], BlockRow(np.array([0.1])), block="x")
    >>> cache.get("ab" * 32, ["x__y"]).numbers
    array([0.1])
    """

    def __init__(self, location: str | Path) -> None:
        self.location = location
        self._store = store_at(location)
        self.writable = self._store.writable

    @staticmethod
    def key(
        identity: Mapping[str, Any],
        block: str,
        voxels: Sequence[str],
        variables: Mapping[str, float | str | None],
    ) -> str:
        """Return the key of one extractor on one case's voxel hashes and variables."""
        parts = [_FORMAT, __version__, dict(identity), block, list(voxels), dict(variables)]
        return sha256_of_json(parts)

    def get(self, key: str, columns: Sequence[str]) -> BlockRow | None:
        """Return an extractor's results, or ``None`` if there are none or they are damaged."""
        entry = self._read(key, FEATURES)
        return None if entry is None else unpacked_row(key, columns, entry)

    def put(self, key: str, columns: Sequence[str], row: BlockRow, *, block: str) -> None:
        """Keep an extractor's results.

        Raises
        ------
        FeatureError
            Code ``cache_unusable``: the disk is full, or may not be written to any more.
        """
        self._write(key, FEATURES, packed_row(key, block, columns, row))

    def get_record(self, key: str) -> dict[str, Any] | None:
        """Return facts about a case, or ``None`` if there are none or they are damaged."""
        entry = self._read(key, RECORD)
        found = None if entry is None else unpacked(key, entry)
        record = None if found is None else found[0].get("record")
        return None if record is None else dict(record)

    def put_record(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep facts about a case; JSON-able. Raises as :meth:`put`."""
        self._write(key, RECORD, packed(key, {"kind": "case", "record": dict(record)}))

    def _read(self, key: str, suffix: str) -> bytes | None:
        try:
            return self._store.read(_name(key, suffix))
        except OSError as error:
            raise FeatureError(
                f"The cache {shown_address(self.location)} does not answer "
                f"({shown_error(error, self.location)}). What is finished is kept; start again "
                "when it does, or with another cache_dir.",
                code="cache_unusable",
            ) from None

    def _write(self, key: str, suffix: str, entry: bytes) -> None:
        try:
            self._store.write(_name(key, suffix), entry)
        except OSError as error:
            raise FeatureError(
                f"The cache {shown_address(self.location)} cannot be written to "
                f"({shown_error(error, self.location)}). Make room or choose another "
                "cache_dir; what is finished is kept.",
                code="cache_unusable",
            ) from None

    def __repr__(self) -> str:
        return f"FeatureCache({shown_address(self.location)!r})"


def _name(key: str, suffix: str) -> str:
    return f"{key[:2]}/{key}{suffix}"
