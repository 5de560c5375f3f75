"""A zip reader that takes one kind of zip alone: the kind that :mod:`.writing` makes.

Zip files can be read in several ways: names twice, members that overlap, another directory at the
end than at the beginning, data before the first member, names that lead out of the folder. Here
every byte of the file has one meaning, and a byte that is not what it has to be is refused. What is
left open is how a member was deflated; what it unpacks to is not.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from typing import NamedTuple

from tumor_response.predictor.container.layout import MOST_MEMBERS, most_unpacked
from tumor_response.predictor.container.refusing import refused

__all__ = ["SEAL_LENGTH", "seal_of", "unpacked"]

SEAL_LENGTH = 64
"""Characters of a SHA-256; they are the archive's comment, and so its last bytes."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_NAME = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_.")
_STORED, _DEFLATED = 0, 8
_FIRST_DAY = 33  # 1 January 1980 in DOS' way: the time of writing is nobody's business
_FILE_MODE = 0o600 << 16


class _Member(NamedTuple):
    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def seal_of(content: bytes | memoryview) -> bytes:
    """Return what seals a file: the SHA-256 of all bytes before it, as text."""
    return hashlib.sha256(content).hexdigest().encode("ascii")


def unpacked(content: bytes) -> dict[str, bytes]:
    """Return the members of a sealed zip, in their order.

    Parameters
    ----------
    content
        The whole file.

    Raises
    ------
    BundleError
        Codes ``pickle``, ``not_a_predictor``, ``file_changed``, ``zip_layout``,
        ``path_traversal``, ``zip_bomb``, ``changed_member``.
    """
    _check_kind(content)
    body = memoryview(content)[:-SEAL_LENGTH]
    if seal_of(body) != content[-SEAL_LENGTH:]:
        raise refused(
            "it was changed or cut short after it was written: the SHA-256 at its end is not that "
            "of the bytes before.",
            code="file_changed",
        )
    members = _members(content)
    return {member.name: _content(content, member) for member in members}


def _check_kind(content: bytes) -> None:
    if content[:1] == b"\x80" and content[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise refused(
            "it is a pickle, which could run any program while it is read.",
            "Save the predictor with ShrinkagePredictor.save.",
            code="pickle",
        )
    if len(content) < _END.size + SEAL_LENGTH or content[:4] != b"PK\x03\x04":
        raise refused("it is no zip file as this library writes them.", code="not_a_predictor")
    if content[-SEAL_LENGTH - _END.size :][:4] != b"PK\x05\x06":
        raise refused(
            "it does not end with the SHA-256 that a predictor file ends with: it was cut short, "
            "or written by another program.",
            code="not_a_predictor",
        )


def _members(content: bytes) -> list[_Member]:
    at = len(content) - SEAL_LENGTH - _END.size
    _, disk, first_disk, n_here, n_members, size, start, comment = _END.unpack_from(content, at)
    if (disk, first_disk, comment) != (0, 0, SEAL_LENGTH) or n_here != n_members:
        raise _layout("the record at its end")
    if n_members > MOST_MEMBERS:
        raise refused(f"it has {n_members:,} members; expected {MOST_MEMBERS:,}.", code="zip_bomb")
    if start + size != at:
        raise _layout("the place of its directory")
    members: list[_Member] = []
    place, expected, left = start, 0, most_unpacked(len(content))
    for _ in range(n_members):
        member, place = _central(content, place, at)
        if member.offset != expected:
            raise _layout(f"the place of {member.name}")
        expected = _after_local(content, member, start)
        left -= member.size
        if left < 0:
            raise refused(
                f"its members unpack to more than {most_unpacked(len(content)):,} bytes, from "
                f"{len(content):,}.",
                code="zip_bomb",
            )
        members.append(member)
    if place != at or expected != start:
        raise _layout("bytes that belong to no member")
    if len({member.name for member in members}) < len(members):
        raise _layout("a member that is there twice")
    return members


def _central(content: bytes, place: int, end: int) -> tuple[_Member, int]:
    if place + _CENTRAL.size > end:
        raise _layout("its directory")
    found = _CENTRAL.unpack_from(content, place)
    (signature, made, needed, flags, method, time, date, crc, packed, size, length) = found[:11]
    extra, comment, disk, internal, external, offset = found[11:]
    place += _CENTRAL.size
    name = _name(content[place : place + length])
    fixed = (signature, made, needed, flags, time, date, extra, comment, disk, internal, external)
    if fixed != (b"PK\x01\x02", 0x0314, 20, 0, 0, _FIRST_DAY, 0, 0, 0, 0, _FILE_MODE):
        raise _layout(f"the directory's entry of {name}")
    if method not in (_STORED, _DEFLATED) or (method == _STORED and packed != size):
        raise _layout(f"how {name} is packed")
    return _Member(name, method, crc, packed, size, offset), place + length


def _after_local(content: bytes, member: _Member, end: int) -> int:
    """Check that a member's own header says what the directory says; return where it ends."""
    name = member.name.encode("ascii")
    header = _LOCAL.pack(
        b"PK\x03\x04",
        20,
        0,
        member.method,
        0,
        _FIRST_DAY,
        member.crc,
        member.packed,
        member.size,
        len(name),
        0,
    )
    begin = member.offset
    after = begin + len(header) + len(name) + member.packed
    if after > end or content[begin : begin + len(header) + len(name)] != header + name:
        raise _layout(f"the header of {member.name}")
    return after


def _name(raw: bytes) -> str:
    shown = raw[:80].decode("ascii", "backslashreplace")
    if b"/" in raw or b"\\" in raw or b"\0" in raw or b".." in raw or b":" in raw:
        raise refused(f"the member {shown!r} would lie outside of it.", code="path_traversal")
    if not raw or len(raw) > 40 or not _NAME.issuperset(raw):
        raise _layout(f"the name {shown!r}")
    if raw.endswith((b".pkl", b".pickle", b".joblib", b".pt", b".npy")):
        raise refused(
            f"the member {shown!r} is of a kind that can hold a pickle, which could run any "
            "program while it is read.",
            code="pickle",
        )
    return raw.decode("ascii")


def _content(content: bytes, member: _Member) -> bytes:
    begin = member.offset + _LOCAL.size + len(member.name)
    packed = content[begin : begin + member.packed]
    if member.method == _STORED:
        found = packed
    else:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            found = unpacking.decompress(packed, member.size + 1)
        except zlib.error as error:
            raise refused(
                f"{member.name} does not unpack ({error}).", code="changed_member"
            ) from None
        if len(found) > member.size:
            raise refused(f"{member.name} unpacks to more than it says.", code="zip_bomb")
        if not unpacking.eof or unpacking.unused_data:
            raise refused(f"{member.name} does not end where it says.", code="changed_member")
    if len(found) != member.size or zlib.crc32(found) != member.crc:
        raise refused(f"{member.name} is not what the directory says.", code="changed_member")
    return found


def _layout(what: str) -> Exception:
    return refused(f"{what} is not as this library writes it.", code="zip_layout")
