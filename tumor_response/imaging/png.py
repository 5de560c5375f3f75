"""PNG files of few colours, written by hand: small, and the same bytes on every machine."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

__all__ = ["indexed_png"]


def indexed_png(pixels: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> bytes:
    """Return a PNG whose pixels are numbers of a palette (ISO/IEC 15948, colour type 3).

    Parameters
    ----------
    pixels
        Shape (rows, columns), uint8, each below the length of ``palette``.
    palette
        Red, green and blue, 0 to 255; up to 256 colours.

    Examples
    --------
    >>> import io, matplotlib.image
    >>> png = indexed_png(np.array([[0, 1]], dtype=np.uint8), [(0, 0, 0), (255, 102, 0)])
    >>> matplotlib.image.imread(io.BytesIO(png)).tolist()
    [[[0.0, 0.0, 0.0, 1.0], [1.0, 0.4..., 0.0, 1.0]]]
    """
    rows, columns = pixels.shape
    # each row begins with the number of its filter; 0 is none, which suits palettes best
    lines = np.zeros((rows, columns + 1), dtype=np.uint8)
    lines[:, 1:] = pixels
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(value for colour in palette for value in colour)),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
