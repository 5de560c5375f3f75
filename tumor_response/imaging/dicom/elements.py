"""Elements of a DICOM data set straight from its bytes: those asked for, nothing else.

An index of an archive wants some thirty attributes of each of 100,000 files. pydicom takes two
milliseconds of computing a file to parse and convert them; walking over the element headers and
keeping the bytes of the wanted values takes a quarter of that with the database and all
(``benchmarks/dicom_index.py``). Everything else in the library reads with pydicom, which also is
the truth this module is tested against.

The encodings are those of PS3.5, chapter 7 and annex A: implicit and explicit VR, little and big
endian, deflated, sequences and items of defined and undefined length.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

__all__ = ["DamagedError", "DicomBytes", "Elements", "Wanted"]

Wanted: TypeAlias = "Mapping[int, Wanted | None]"
"""Tags to keep; a sequence's tag with what to keep of its items, any other with ``None``."""

Elements: TypeAlias = dict[int, Any]
"""Found values: bytes, or a list of :data:`Elements` for a sequence."""

FIRST_BYTES = 16 * 1024
MAX_BYTES = 512 * 1024**2
MAX_ELEMENTS = 5_000_000
MAX_DEPTH = 24
MAX_VALUE_BYTES = 4096
_PIECE_BYTES = 1024**2

TRANSFER_SYNTAX, MEDIA_STORAGE_CLASS = 0x00020010, 0x00020002
_BIG_ENDIAN = b"1.2.840.10008.1.2.2"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_LONG_VR = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT_VR = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_VR = _LONG_VR | _SHORT_VR


class DamagedError(Exception):
    """The bytes are not those of a DICOM data set; never leaves this package."""


class _EndedError(Exception):
    """The bytes at hand end before the data set does."""


class DicomBytes:
    """The bytes of one object, read from a stream as far as the wanted elements reach.

    Parameters
    ----------
    stream
        Opened for reading in binary mode, at its beginning.

    Attributes
    ----------
    is_dicom
        Whether the bytes begin as a DICOM object does.
    has_mark
        Whether the file says so itself, by ``DICM`` behind its preamble.
    meta
        The file meta information that was asked for.
    big_endian
        Byte order of the data set's binary values.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._data = stream.read(FIRST_BYTES)
        self._complete = len(self._data) < FIRST_BYTES
        self.meta: Elements = {}
        self.has_mark = self._data[128:132] == b"DICM"
        self._start = 132 if self.has_mark else 0
        self.is_dicom = self.has_mark or _plausible_start(self._data)
        self.big_endian = False
        self._deflated = False
        if self.is_dicom:
            self._read_meta()

    def begins_with(self, *marks: bytes) -> bool:
        """Return whether the file's first bytes are one of these marks."""
        return self._data.startswith(marks)

    def inflates_to_more_than(self, limit_bytes: int) -> bool:
        """Return whether a deflated data set is larger than a limit once it is inflated.

        It is counted in pieces and never held. The stream is read to its end.
        """
        if not self._deflated:
            return False
        inflate, counted = zlib.decompressobj(-zlib.MAX_WBITS), 0
        piece = self._data[self._start :]
        try:
            while piece and counted <= limit_bytes:
                counted += len(inflate.decompress(piece, _PIECE_BYTES))
                piece = inflate.unconsumed_tail or self._stream.read(_PIECE_BYTES)
        except zlib.error:
            return False  # damaged; who parses it says so
        return counted > limit_bytes

    def elements(self, wanted: Wanted) -> Elements:
        """Return the wanted elements of the data set; what is absent is left out.

        Raises
        ------
        DamagedError
            If the bytes contradict the encoding, end too early or go on for too long.
        """
        last = max(wanted)
        while True:
            try:
                return self._walk_once(wanted, last)
            except _EndedError:
                if self._complete:
                    raise DamagedError("it ends in the middle of an element") from None
                self._read_on()

    def _walk_once(self, wanted: Wanted, last: int) -> Elements:
        data, complete, start = self._data, self._complete, self._start
        if self._deflated:
            data, complete = _inflated(data[start:], complete)
            start = 0
        walker = _Walker(data, complete, self.big_endian)
        explicit = data[start + 4 : start + 6] in _VR
        return walker.elements(start, None, explicit, wanted, last, 0)[0]

    def _read_on(self) -> None:
        n = 7 * len(self._data)
        if len(self._data) + n > MAX_BYTES:
            n = MAX_BYTES - len(self._data)
            if n <= 0:
                raise DamagedError(f"its header goes on for more than {MAX_BYTES >> 20} MiB")
        more = self._stream.read(n)
        self._complete = len(more) < n
        self._data += more

    def _read_meta(self) -> None:
        """Read group 0002, which is explicit little endian whatever comes after it."""
        if self._data[self._start : self._start + 2] == b"\x02\x00":
            wanted: Wanted = {MEDIA_STORAGE_CLASS: None, TRANSFER_SYNTAX: None}
            while True:
                walker = _Walker(self._data, self._complete, big_endian=False)
                try:
                    self.meta, self._start = walker.elements(
                        self._start, None, True, wanted, 0x0002FFFF, 0
                    )
                    break
                except _EndedError:
                    if self._complete:
                        raise DamagedError("it ends in the middle of its meta header") from None
                    self._read_on()
            syntax = self.meta.get(TRANSFER_SYNTAX, b"").strip(b"\0 ")
            self.big_endian = syntax == _BIG_ENDIAN
            self._deflated = syntax == _DEFLATED
        else:
            self.big_endian = self._data[self._start : self._start + 2] == b"\x00\x08"


def _plausible_start(data: bytes) -> bool:
    """Return whether these are the first bytes of an object without preamble.

    It begins with the meta header or with one of the first attributes of group 0008, all short.
    """
    if len(data) < 16:
        return False
    explicit = data[4:6] in _VR
    if data[:2] == b"\x02\x00":
        return data[3] == 0 and explicit
    if data[:2] == b"\x08\x00":
        length = int.from_bytes(data[4:8], "little")
        return data[3] == 0 and data[2] <= 0x18 and (explicit or (length <= 64 and length % 2 == 0))
    return data[:3] == b"\x00\x08\x00" and data[3] <= 0x18 and explicit


def _inflated(data: bytes, complete: bool) -> tuple[bytes, bool]:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflate.decompress(data, MAX_BYTES)
    except zlib.error:
        raise DamagedError("its deflated data set is damaged") from None
    if not inflate.eof and inflate.unconsumed_tail:
        raise DamagedError(f"its header goes on for more than {MAX_BYTES >> 20} MiB")
    return inflated, complete or inflate.eof


@dataclass
class _Walker:
    data: bytes
    complete: bool
    big_endian: bool
    n_elements: int = 0

    def __post_init__(self) -> None:
        order = ">" if self.big_endian else "<"
        self._tag = struct.Struct(f"{order}HH").unpack_from
        self._short = struct.Struct(f"{order}H").unpack_from
        self._long = struct.Struct(f"{order}I").unpack_from

    def elements(
        self, pos: int, end: int | None, explicit: bool, wanted: Wanted, last: int, depth: int
    ) -> tuple[Elements, int]:
        """Walk to ``end`` (``None``: to the item's delimiter or, at depth 0, past ``last``)."""
        data, size = self.data, len(self.data)
        found: Elements = {}
        if depth > MAX_DEPTH:
            raise DamagedError(f"its sequences are nested more than {MAX_DEPTH} deep")
        while end is None or pos < end:
            if pos + 8 > size:
                if depth == 0 and self.complete and pos >= size:
                    break
                raise _EndedError
            self._count()
            group, element = self._tag(data, pos)
            tag = group << 16 | element
            if tag > last and depth == 0:
                break
            if group == 0xFFFE:
                if tag == _ITEM_END and end is None and depth > 0:
                    return found, pos + 8
                raise DamagedError("a sequence's delimiter stands where none belongs")
            vr = data[pos + 4 : pos + 6] if explicit else b""
            if vr in _LONG_VR:
                if pos + 12 > size:
                    raise _EndedError
                length = self._long(data, pos + 8)[0]
                pos += 12
            elif vr in _SHORT_VR:
                length = self._short(data, pos + 6)[0]
                pos += 8
            else:  # implicit VR; some writers mix single elements of it into explicit data sets
                length = self._long(data, pos + 4)[0]
                pos += 8
                vr = b""
            inner = wanted.get(tag)
            if length == _UNDEFINED:
                raw = vr in (b"OB", b"OW") or tag == _PIXEL_DATA
                nested_explicit = vr not in (b"UN", b"")  # PS3.5, 6.2.2: unknown means implicit
                items, pos = self.items(pos, None, nested_explicit, inner, raw, depth + 1)
                if end is not None and pos > end:
                    raise DamagedError("a sequence reaches beyond the item it is in")
                if inner is not None:
                    found[tag] = items
                continue
            after = pos + length
            if end is not None and after > end:
                raise DamagedError("an element reaches beyond the item it is in")
            if after > size:
                raise _EndedError
            if tag in wanted:
                if inner is None:
                    if length <= MAX_VALUE_BYTES:
                        found[tag] = data[pos:after]
                elif vr in (b"SQ", b"UN", b""):
                    found[tag], _ = self.items(pos, after, vr == b"SQ", inner, False, depth + 1)
            pos = after
        return found, pos

    def items(
        self,
        pos: int,
        end: int | None,
        explicit: bool,
        wanted: Wanted | None,
        raw: bool,
        depth: int,
    ) -> tuple[list[Elements], int]:
        """Walk over a sequence's items to ``end`` or to its delimiter.

        ``wanted=None`` keeps nothing; ``raw`` items are fragments of pixel data, not data sets.
        """
        size = len(self.data)
        found: list[Elements] = []
        while end is None or pos < end:
            if pos + 8 > size:
                raise _EndedError
            group, element = self._tag(self.data, pos)
            tag = group << 16 | element
            length = self._long(self.data, pos + 4)[0]
            pos += 8
            if tag == _SEQUENCE_END:
                return found, pos
            self._count()
            if tag != _ITEM or (raw and length == _UNDEFINED):
                raise DamagedError("a sequence holds something else than items")
            if length == _UNDEFINED:
                item, pos = self.elements(pos, None, explicit, wanted or {}, 0, depth)
            elif end is not None and pos + length > end:
                raise DamagedError("an item reaches beyond the sequence it is in")
            elif pos + length > size:
                raise _EndedError
            elif wanted is None or raw:
                item, pos = {}, pos + length
            else:
                item, pos = self.elements(pos, pos + length, explicit, wanted, 0, depth)
            if wanted is not None:
                found.append(item)
        return found, pos

    def _count(self) -> None:
        self.n_elements += 1
        if self.n_elements > MAX_ELEMENTS:
            raise DamagedError(f"it has more than {MAX_ELEMENTS:,} elements")
