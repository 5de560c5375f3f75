"""Pixels of objects that hold many frames in one (SEG, RTDOSE), one frame at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import text, whole_number
from tumor_response.imaging.dicom.series.headers import MAX_PLANE_PIXELS
from tumor_response.imaging.dicom.series.pixels import stored_plane

__all__ = ["MAX_PIXELS", "StoredFrames"]

MAX_PIXELS = 2**31
"""No more pixels than this are decoded at once (2,000 frames of 1024 x 1024)."""

_ONE_BIT = {
    "",  # without file meta information
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
}


@dataclass(frozen=True, eq=False)
class StoredFrames:
    """The stored values, unsigned, of a data set read with its pixel data; made by :meth:`of`."""

    dataset: Dataset
    rows: int
    columns: int
    n_frames: int
    bits: int

    @classmethod
    def of(cls, dataset: Dataset, allowed_bits: Collection[int]) -> StoredFrames:
        """Check what a data set says about its pixels.

        Raises
        ------
        CaseError
            Codes ``pixel_format`` (signed, or another depth than ``allowed_bits``),
            ``pixel_data`` (an impossible size), ``transfer_syntax`` and ``dicom_attribute``.
        """
        rows, columns, bits = (
            whole_number(dataset, keyword) or 0 for keyword in ("Rows", "Columns", "BitsAllocated")
        )
        frames = whole_number(dataset, "NumberOfFrames")
        n_frames = 1 if frames is None else frames
        if min(rows, columns, n_frames) < 1 or rows * columns > MAX_PLANE_PIXELS:
            raise CaseError(
                f"{n_frames} frames of {rows} x {columns} pixels are not to be read; expected at "
                f"least one frame, and at most {MAX_PLANE_PIXELS:,} pixels in it.",
                code="pixel_data",
            )
        if bits not in allowed_bits or whole_number(dataset, "PixelRepresentation") == 1:
            expected = " or ".join(str(b) for b in sorted(allowed_bits))
            raise CaseError(
                f"pixels of {bits} bits, signed or not; expected {expected} bits, unsigned. "
                "Export the object again.",
                code="pixel_format",
            )
        meta = getattr(dataset, "file_meta", None)
        if bits == 1 and meta is not None and text(meta, "TransferSyntaxUID") not in _ONE_BIT:
            raise CaseError(
                "pixels of one bit are read uncompressed and little-endian only; export the "
                "object so.",
                code="transfer_syntax",
            )
        return cls(dataset, rows, columns, n_frames, bits)

    def frames(self, indices: Sequence[int]) -> Iterator[np.ndarray]:
        """Give these frames' values one by one, shape (rows, columns).

        Raises
        ------
        CaseError
            Codes as :func:`tumor_response.imaging.dicom.series.pixels.stored_plane`, ``pixel_data``
            where there are too many pixels, and ``transfer_syntax`` where they were compressed
            with loss.
        """
        if len(indices) * self.rows * self.columns > MAX_PIXELS:
            raise CaseError(
                f"{len(indices)} frames of {self.rows} x {self.columns} pixels are more than the "
                f"{MAX_PIXELS:,} pixels that are read.",
                code="pixel_data",
            )
        for index in indices:
            if self.bits == 1:
                yield self._unpacked(index)
                continue
            plane = stored_plane(self.dataset, index, self.rows, self.columns)
            if plane.lossy:
                raise CaseError(
                    "the pixels were compressed with loss, which is for images to be looked at; "
                    "export the object uncompressed.",
                    code="transfer_syntax",
                )
            yield plane.values

    def _unpacked(self, index: int) -> np.ndarray:
        """Return a frame of one-bit pixels; PS3.5 8.1.1: frames are not padded to whole bytes."""
        try:
            data = self.dataset.get("PixelData")
        except Exception:  # a damaged element fails where it is looked at, in any way
            data = None
        n = self.rows * self.columns
        first, last = index * n, (index + 1) * n
        available = len(data) if isinstance(data, bytes) else 0
        if not isinstance(data, bytes) or available * 8 < last:
            raise CaseError(
                f"{available:,} bytes of pixel data, where {index + 1} frames of {self.rows} x "
                f"{self.columns} one-bit pixels need {-(-last // 8):,}; export the object again.",
                code="pixel_data",
            )
        part = np.frombuffer(data[first // 8 : -(-last // 8)], np.uint8)
        bits = np.unpackbits(part, bitorder="little")[first % 8 : first % 8 + n]
        return bits.reshape(self.rows, self.columns)
