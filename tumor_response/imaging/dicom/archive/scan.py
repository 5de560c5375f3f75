"""Reading the headers of many files and archive members: what worker processes do."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import NamedTuple

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.archive.brief_header import Header, read_header, unreadable
from tumor_response.imaging.dicom.archive.tree import Found, open_member
from tumor_response.imaging.dicom.files import READING_ERRORS, DicomFile

__all__ = ["Batch", "Row", "is_passing", "member_key", "problem_row", "read_batches", "row_of"]


class Batch(NamedTuple):
    """What is read at once: some files below ``root``, or some members of one archive."""

    root: Path
    archive: Found | None
    files: tuple[Found, ...]
    members: tuple[str, ...] = ()


class Row(NamedTuple):
    """A file or member as the index keeps it: key, state, and what its header said."""

    path: bytes
    member: bytes
    size: int
    mtime_ns: int
    header: Header


def is_passing(header: Header) -> bool:
    """Return whether it may be otherwise next time although the file has not changed."""
    return header.facts.get("reason") in ("file_missing", "file_unreadable")


def row_of(found: Found, member: str, header: Header) -> Row:
    """Return the row of a file (``member=""``) or of a member of the archive ``found``."""
    path = os.fsencode(found.relative)
    return Row(path, member_key(member), found.size, found.mtime_ns, header)


def member_key(member: str) -> bytes:
    """Return a member's name as the index keeps it: any name a zip can hold, undamaged."""
    return member.encode("utf-8", "surrogatepass")


def problem_row(found: Found) -> Row:
    """Return the row of a place that could not be looked into."""
    what = "the folder" if found.problem == "folder_unreadable" else Path(found.relative).name
    why = "is not there (a dead link?)" if found.problem == "file_missing" else "cannot be read"
    return row_of(found, "", unreadable(found.problem, f"{what} {why}."))


def read_batches(batches: list[Batch]) -> list[list[Row]]:
    """Read the headers of some batches; what cannot be read is a row that says so."""
    return [
        _read_files(batch)
        if batch.archive is None
        else _read_members(batch.root, batch.archive, batch.members)
        for batch in batches
    ]


def _read_files(batch: Batch) -> list[Row]:
    rows = []
    for found in batch.files:
        path = batch.root / found.relative
        try:
            with path.open("rb") as stream:
                header = read_header(stream, path.name)
        except FileNotFoundError:
            header = unreadable("file_missing", f"{path.name}: it vanished while it was read.")
        except OSError as error:
            header = unreadable(
                "file_unreadable", f"{path.name}: it cannot be read ({type(error).__name__})."
            )
        rows.append(row_of(found, "", header))
    return rows


def _read_members(root: Path, archive: Found, members: tuple[str, ...]) -> list[Row]:
    path = root / archive.relative
    try:
        with zipfile.ZipFile(path) as opened:
            return [row_of(archive, m, _member_header(opened, path, m)) for m in members]
    except (OSError, *READING_ERRORS):
        message = f"{path.name}: it vanished or was changed while it was read."
        return [row_of(archive, "", unreadable("file_missing", message))]


def _member_header(archive: zipfile.ZipFile, path: Path, member: str) -> Header:
    name = DicomFile(path, member).name
    try:
        with open_member(archive, member) as stream:
            header = read_header(stream, name)
    except CaseError as error:
        return unreadable(error.code, str(error))
    except READING_ERRORS as error:
        message = f"{name}: it is damaged within the archive ({type(error).__name__})."
        return unreadable("archive_refused", message)
    if header.kind == "archive":
        message = f"{name}: an archive within an archive is not read; unpack it."
        return unreadable("archive_refused", message)
    return header
