"""An entry's bytes: a header, numbers, and a checksum over both and the key they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tumor_response._version import __version__
from tumor_response.features.base import Shortfall
from tumor_response.features.rows import BlockRow
from tumor_response.settings import canonical_json

__all__ = [
    "FEATURES",
    "RECORD",
    "EntryHeader",
    "header_of",
    "packed",
    "packed_row",
    "unpacked",
    "unpacked_row",
]

FEATURES = ".features"
"""Suffix of one extractor's results on one case."""
RECORD = ".record"
"""Suffix of facts about one case."""

_MAGIC = b"tumor_response cache 2\n"
_DIGEST_BYTES = 32

EntryHeader = dict[str, Any]


def packed(key: str, header: Mapping[str, Any], numbers: np.ndarray | None = None) -> bytes:
    """Return the bytes of an entry: magic line, header line (JSON), float64, SHA-256.

    Parameters
    ----------
    key
        What it is found by; part of the checksum, so that no entry passes for another's.
    header
        JSON; ``version`` (the library's) is added.
    numbers
        float64, shape (n,); NaN where there is none.
    """
    line = canonical_json({**header, "version": __version__}).encode() + b"\n"
    body = b"" if numbers is None else np.ascontiguousarray(numbers, dtype="<f8").tobytes()
    content = _MAGIC + line + body
    return content + hashlib.sha256(key.encode() + content).digest()


def unpacked(key: str, entry: bytes) -> tuple[EntryHeader, np.ndarray] | None:
    """Return header and numbers of an entry that is whole and belongs to the key, else ``None``."""
    content, digest = entry[:-_DIGEST_BYTES], entry[-_DIGEST_BYTES:]
    if hashlib.sha256(key.encode() + content).digest() != digest:
        return None
    if not content.startswith(_MAGIC):
        return None
    end = content.index(b"\n", len(_MAGIC))
    header = json.loads(content[len(_MAGIC) : end])
    return header, np.frombuffer(content[end + 1 :], dtype="<f8")


def header_of(entry: bytes) -> EntryHeader | None:
    """Return what an entry says of itself, unchecked; ``None`` for other bytes."""
    if not entry.startswith(_MAGIC):
        return None
    line, end, _ = entry[len(_MAGIC) :].partition(b"\n")
    try:
        header = json.loads(line)
    except ValueError:
        return None
    return header if end and isinstance(header, dict) else None


def columns_sha256(columns: Sequence[str]) -> str:
    """Return the hash of column names in their order."""
    return hashlib.sha256("\n".join(columns).encode()).hexdigest()


def packed_row(key: str, block: str, columns: Sequence[str], row: BlockRow) -> bytes:
    """Return the bytes of one extractor's results."""
    header = {
        "kind": "features",
        "block": block,
        "columns_sha256": columns_sha256(columns),
        "texts": dict(row.texts),
        "shortfalls": [[s.code, s.message, s.n_columns_missing] for s in row.shortfalls],
    }
    return packed(key, header, row.numbers)


def unpacked_row(key: str, columns: Sequence[str], entry: bytes) -> BlockRow | None:
    """Return the results, or ``None`` if the entry is damaged or of other columns."""
    found = unpacked(key, entry)
    if found is None:
        return None
    header, numbers = found
    if header.get("columns_sha256") != columns_sha256(columns) or len(numbers) != len(columns):
        return None
    shortfalls = tuple(Shortfall(*shortfall) for shortfall in header["shortfalls"])
    return BlockRow(numbers.astype(np.float64), header["texts"], shortfalls)
