"""Stored pixel values of one frame, as the header describes them and not as they happen to lie.

What a header or a compressed stream claims is checked against what is there before memory is
asked for. Bits above Bits Stored are no part of the values (PS3.5 8.1.1).
"""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.files import items, number, text, whole_number
from tumor_response.imaging.dicom.series.decoder import decode_frame

__all__ = ["StoredPlane", "stored_plane"]

_IMPLICIT_LITTLE = "1.2.840.10008.1.2"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_EXPLICIT_BIG = "1.2.840.10008.1.2.2"
_NATIVE = {
    _IMPLICIT_LITTLE,
    _EXPLICIT_LITTLE,
    _EXPLICIT_BIG,
    "1.2.840.10008.1.2.1.99",  # deflated: the file, not the pixels
}
_RLE = "1.2.840.10008.1.2.5"
_LOSSY = {
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
}


@dataclass(frozen=True, eq=False)
class StoredPlane:
    """Stored values of one frame, integers of shape (rows, columns), and what was noticed."""

    values: np.ndarray
    padded: np.ndarray
    """True where the value is declared to be padding."""
    padding_value: int | None
    masked_bits: bool
    """Whether overlay bits above Bits Stored were taken away."""
    lossy: bool


def stored_plane(dataset: Dataset, frame: int, rows: int, columns: int) -> StoredPlane:
    """Decode one frame of a data set read with its pixel data.

    Parameters
    ----------
    dataset
        With ``PixelData``.
    frame
        Index of the frame; 0 in a single-frame object.
    rows, columns
        What the frame has to have.

    Raises
    ------
    CaseError
        Codes ``pixel_format`` (colour, floating point, an odd depth), ``transfer_syntax`` (an
        encoding that is not read), ``pixel_data`` (missing, cut off, damaged, or of another
        size than the header says), ``pixel_bits`` (bits set above Bits Stored that no overlay
        accounts for), ``dicom_attribute``.
    """
    allocated, stored, high, signed = _format(dataset)
    raw = _decoded(dataset, frame, (rows, columns), (allocated, stored, high, signed))
    # as a pattern of bits, whatever sign the decoder gave it
    roomy: Any = np.int64 if allocated == 32 else np.int32
    words = raw.astype(roomy) & ((1 << allocated) - 1)
    values = _interpreted(words, stored, high, signed)
    padded, padding_value = _padding(dataset, words, values, allocated, signed)
    foreign = stored < allocated and bool(
        (_unused_bits_set(words, values, allocated, stored, high, signed) & ~padded).any()
    )
    if foreign and not _has_embedded_overlay(dataset):
        raise CaseError(
            f"pixels have bits set beyond the {stored} bits that the header calls stored, and no "
            "overlay is declared there: either the values or the header are wrong. Export the "
            "series again.",
            code="pixel_bits",
        )
    lossy = text(dataset, "LossyImageCompression") == "01" or _syntax(dataset) in _LOSSY
    return StoredPlane(values, padded, padding_value, foreign, lossy)


def _format(dataset: Dataset) -> tuple[int, int, int, bool]:
    """Return bits allocated, bits stored, high bit and whether values are signed."""
    samples = whole_number(dataset, "SamplesPerPixel")
    colours = text(dataset, "PhotometricInterpretation")
    if samples not in (None, 1) or colours not in ("MONOCHROME1", "MONOCHROME2", ""):
        raise _unfit("a colour image; expected one grey value per pixel")
    if items(dataset, "ModalityLUTSequence"):
        raise _unfit("values given by a lookup table (ModalityLUTSequence), which is not read")
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise _unfit("floating-point pixels; expected whole numbers")
        raise CaseError("there are no pixel data.", code="pixel_data")
    allocated = whole_number(dataset, "BitsAllocated")
    if allocated not in (8, 16, 32):
        raise _unfit(f"{allocated} bits are allocated per pixel; expected 8, 16 or 32")
    stored = whole_number(dataset, "BitsStored")
    stored = allocated if stored is None else stored
    high = whole_number(dataset, "HighBit")
    high = stored - 1 if high is None else high
    if not 1 <= stored <= allocated or not stored - 1 <= high < allocated:
        raise _unfit(f"{stored} bits stored up to bit {high} of {allocated} allocated")
    representation = whole_number(dataset, "PixelRepresentation")
    if representation not in (0, 1):
        raise _unfit("whether pixel values are signed is not said (PixelRepresentation)")
    return allocated, stored, high, representation == 1


def _interpreted(words: np.ndarray, stored: int, high: int, signed: bool) -> np.ndarray:
    """Return the values of the stored bits alone, sign extended where signed."""
    values = (words >> (high + 1 - stored)) & ((1 << stored) - 1)
    if signed:
        values = values - ((values >> (stored - 1)) << stored)
    return np.asarray(values)


def _unused_bits_set(
    words: np.ndarray, values: np.ndarray, allocated: int, stored: int, high: int, signed: bool
) -> np.ndarray:
    """Return where bits beside the stored ones are set; a repeated sign bit is no such thing."""
    above = words >> (high + 1)
    below = words & ((1 << (high + 1 - stored)) - 1)
    all_set = (1 << (allocated - high - 1)) - 1
    repeated_sign = (above == all_set) & (values < 0) if signed else np.False_
    return np.asarray((below != 0) | ((above != 0) & ~repeated_sign))


def _padding(
    dataset: Dataset, words: np.ndarray, values: np.ndarray, allocated: int, signed: bool
) -> tuple[np.ndarray, int | None]:
    """Return which pixels are padding, and the padding value in the sign of the pixels.

    The attribute's own sign is often not that of the pixels (63536 for -2000), and some scanners
    pad with a word that does not fit the bits stored: both are compared as patterns of bits.
    """
    first = number(dataset, "PixelPaddingValue")
    if first is None:
        return np.zeros(words.shape, bool), None
    last = number(dataset, "PixelPaddingRangeLimit")
    ends = []
    for end in (first, first if last is None else last):
        if not end.is_integer() or not -(1 << 31) <= end < (1 << 32):
            raise CaseError(
                "the DICOM attribute PixelPaddingValue or PixelPaddingRangeLimit does not hold a "
                "pixel value.",
                code="dicom_attribute",
            )
        pattern = int(end) & ((1 << allocated) - 1)
        ends.append(pattern - (pattern >> (allocated - 1) << allocated) if signed else pattern)
    whole_words = _interpreted(words, allocated, allocated - 1, signed)
    low, high = min(ends), max(ends)
    padded = (whole_words >= low) & (whole_words <= high)
    if ends[0] == ends[1]:
        padded |= values == ends[0]
    return padded, ends[0]


def _has_embedded_overlay(dataset: Dataset) -> bool:
    """Whether a (retired) overlay lies in unused bits of the pixels: a position and no data."""
    return any(
        (group, 0x0102) in dataset and (group, 0x3000) not in dataset
        for group in range(0x6000, 0x6020, 2)
    )


def _decoded(
    dataset: Dataset, frame: int, shape: tuple[int, int], depth: tuple[int, int, int, bool]
) -> np.ndarray:
    syntax = _syntax(dataset)
    decoder = _decoder(syntax)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is checked on the result
            data = dataset["PixelData"].value
            if syntax in _NATIVE:
                _check_length(data, frame, shape, depth[0])
            if syntax in _NATIVE or syntax == _RLE:  # pydicom does this itself
                values, _ = decoder.as_array(
                    dataset, index=frame, raw=True, correct_unused_bits=False
                )
            else:
                values = _by_codec(dataset, data, frame, shape, depth)
    except CaseError:
        raise
    except Exception as error:  # foreign bytes may make a parser fail in any way
        raise _damaged(f"the pixel data cannot be decoded ({type(error).__name__})") from None
    if values.shape != shape or values.dtype.kind not in "iu":
        raise _damaged(f"the pixel data do not decode to {shape[0]} x {shape[1]} grey values")
    return np.asarray(values)


def _check_length(data: bytes, frame: int, shape: tuple[int, int], allocated: int) -> None:
    needed = (frame + 1) * shape[0] * shape[1] * allocated // 8
    if len(data) < needed:
        raise _damaged(
            f"{len(data):,} bytes of pixel data, where {frame + 1} frame(s) of {shape[0]} x "
            f"{shape[1]} pixels of {allocated} bits need {needed:,}"
        )


def _by_codec(
    dataset: Dataset,
    data: bytes,
    frame: int,
    shape: tuple[int, int],
    depth: tuple[int, int, int, bool],
) -> np.ndarray:
    from pydicom.encaps import get_frame

    n_frames = whole_number(dataset, "NumberOfFrames") or 1
    stream = get_frame(data, frame, number_of_frames=n_frames)
    if _stream_size(stream) not in (None, shape):
        raise _damaged("the compressed image is of another size than the header says")
    return decode_frame(
        stream,
        _syntax(dataset),
        Rows=shape[0],
        Columns=shape[1],
        BitsAllocated=depth[0],
        BitsStored=depth[1],
        HighBit=depth[2],
        PixelRepresentation=int(depth[3]),
        PhotometricInterpretation=text(dataset, "PhotometricInterpretation") or "MONOCHROME2",
    )


def _decoder(syntax: str) -> Any:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of identifiers that are none
        uid = UID(syntax)
        try:
            decoder = get_decoder(uid)
        except NotImplementedError:
            decoder = None
        if decoder is not None and decoder.is_available:
            return decoder
        name = uid.name if uid.is_transfer_syntax else "an unknown one"
    raise CaseError(
        f"the transfer syntax is not read ({name}). Export the series uncompressed (Explicit VR "
        "Little Endian) or with a lossless JPEG compression.",
        code="transfer_syntax",
    )


def _syntax(dataset: Dataset) -> str:
    """Return the transfer syntax; by what the parser found where a file has no meta header."""
    meta = getattr(dataset, "file_meta", None)
    named = "" if meta is None else text(meta, "TransferSyntaxUID")
    if named:
        return named
    implicit, little = dataset.original_encoding
    if implicit:
        return _IMPLICIT_LITTLE
    return _EXPLICIT_LITTLE if little else _EXPLICIT_BIG


def _stream_size(stream: bytes) -> tuple[int, int] | None:
    """Return rows and columns that a JPEG, JPEG-LS or JPEG 2000 stream claims, if it is one.

    A codec asks for the memory of what its stream claims; the header's claim is checked before.
    """
    if stream[:4] == b"\xff\x4f\xff\x51" and len(stream) >= 24:  # JPEG 2000: SOC, SIZ
        right, bottom, left, top = struct.unpack(">4I", stream[8:24])
        return bottom - top, right - left
    if stream[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(stream):
        if stream[at] != 0xFF:
            return None
        marker = stream[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        # start of frame: JPEG (C0-CF but for the tables C4, C8, CC) and JPEG-LS (F7)
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return struct.unpack(">2H", stream[at + 5 : at + 9])
        at += 2 + struct.unpack(">H", stream[at + 2 : at + 4])[0]
    return None


def _unfit(what: str) -> CaseError:
    return CaseError(f"{what}. Export the original series.", code="pixel_format")


def _damaged(what: str) -> CaseError:
    return CaseError(f"{what}; fetch the slice again.", code="pixel_data")
