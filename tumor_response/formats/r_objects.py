"""R's serialisation of vectors: what ``saveRDS(..., version = 2)`` writes, which every R reads.

The layout is that of the R Internals manual, section Serialization Formats (R Core Team). rdata
writes factors with missing values as malformed ones, and with labels and reasons at every column it
took 8 s for 200 rows of 5,000 columns, where this takes 2.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["NA_WHOLE", "Vector", "serialised"]

NA_WHOLE = -(2**31)
"""Missing among whole numbers."""

_HEAD = b"X\n" + struct.pack(">3i", 2, 0x020300, 0x020300)  # version 2, for R 2.3.0 and later
_SYMBOL, _PAIR, _LETTERS, _WHOLE, _NUMBERS, _TEXTS, _LIST = 1, 2, 9, 13, 14, 16, 19
_REFERENCE, _END = 255, 254
_IS_OBJECT, _HAS_ATTRIBUTES, _HAS_NAME = 1 << 8, 1 << 9, 1 << 10
_ASCII, _UTF8 = 64 << 12, 8 << 12
_MISSING_TEXT = struct.pack(">2i", _LETTERS, -1)

Values = npt.NDArray[np.float64] | npt.NDArray[np.int32] | Sequence[str | None] | Sequence["Vector"]


@dataclass(frozen=True)
class Vector:
    """A vector of R.

    Parameters
    ----------
    values
        Numbers, whole numbers (int32), text (None is NA) or vectors.
    attributes
        By name: ``names``, ``class``, ``levels``, ``label`` ...
    """

    values: npt.NDArray[np.float64] | npt.NDArray[np.int32] | Sequence[str | Vector | None]
    attributes: Mapping[str, Vector] = field(default_factory=dict)


def serialised(vector: Vector) -> bytes:
    r"""Return the bytes of an ``.rds`` file, before they are packed.

    Examples
    --------
    >>> serialised(Vector(["a"]))[-9:]
    b'\x00\x04\x00\t\x00\x00\x00\x01a'
    """
    pieces = [_HEAD]
    _put(vector, pieces, {})
    return b"".join(pieces)


def _put(vector: Vector, pieces: list[bytes], known: dict[str, int]) -> None:
    flags = (_HAS_ATTRIBUTES if vector.attributes else 0) | (
        _IS_OBJECT if "class" in vector.attributes else 0
    )
    values = vector.values
    if isinstance(values, np.ndarray):
        kind, stored = (_NUMBERS, ">f8") if values.dtype.kind == "f" else (_WHOLE, ">i4")
        pieces += [struct.pack(">2i", kind | flags, len(values)), values.astype(stored).tobytes()]
    else:
        of_vectors = any(isinstance(value, Vector) for value in values)
        pieces.append(struct.pack(">2i", (_LIST if of_vectors else _TEXTS) | flags, len(values)))
        for value in values:
            if isinstance(value, Vector):
                _put(value, pieces, known)
            else:
                pieces.append(_text(value))
    for name, attribute in vector.attributes.items():
        pieces += [struct.pack(">i", _PAIR | _HAS_NAME), _symbol(name, known)]
        _put(attribute, pieces, known)
    if vector.attributes:
        pieces.append(struct.pack(">i", _END))


def _symbol(name: str, known: dict[str, int]) -> bytes:
    """Return a name, or at the second time a reference to it."""
    if name in known:
        return struct.pack(">i", known[name] << 8 | _REFERENCE)
    known[name] = len(known) + 1
    return struct.pack(">i", _SYMBOL) + _text(name)


def _text(text: str | None) -> bytes:
    if text is None:
        return _MISSING_TEXT
    letters = text.encode()
    coding = _ASCII if text.isascii() else _UTF8
    return struct.pack(">2i", _LETTERS | coding, len(letters)) + letters
