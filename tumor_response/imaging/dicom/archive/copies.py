"""Two objects of one SOP Instance UID: the same thing twice, or two things of one name.

An archive that was copied into itself, or exported twice, holds most objects twice, and any of
the two will do. Software that changes an object without giving it a new UID makes two different
ones, and which one is read would be chance.
"""

from __future__ import annotations

import warnings
import zipfile
from contextlib import ExitStack
from typing import BinaryIO

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.archive.tree import open_member
from tumor_response.imaging.dicom.files import READING_ERRORS, DicomFile, text

__all__ = ["same_content"]

_PIECE_BYTES = 1024 * 1024
_GROUPS = frozenset(
    (0x0018, 0x0020, 0x0028, 0x0054, 0x0062, 0x3004, 0x3006, 0x300A, 0x300C, 0x5200, 0x7FE0)
)
"""Groups that say what was measured or drawn; exports differ in who sent what when (0008)."""


def same_content(one: DicomFile, other: DicomFile) -> bool:
    """Return whether two files hold the same image, contours or dose.

    They do if they are equal byte by byte; else if everything they say about acquisition,
    geometry and content is equal. The same image in another compression counts as different.

    Parameters
    ----------
    one, other
        Objects of one SOP Instance UID.

    Raises
    ------
    CaseError
        If one of them cannot be read: ``file_missing``, ``not_dicom``, ``archive_refused``.
    """
    if _same_bytes(one, other):
        return True
    first, second = _told(one), _told(other)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of values that are the same in both
            return first == second
    except Exception:  # comparing converts every value, and a damaged one may fail in any way
        return False


def _same_bytes(one: DicomFile, other: DicomFile) -> bool:
    with ExitStack() as opened:
        first, second = (_opened(file, opened) for file in (one, other))
        try:
            while True:
                piece = first.read(_PIECE_BYTES)
                if piece != second.read(_PIECE_BYTES):
                    return False
                if not piece:
                    return True
        except (OSError, *READING_ERRORS):
            return False  # reading it as DICOM says what is wrong


def _opened(file: DicomFile, opened: ExitStack) -> BinaryIO:
    try:
        if not file.member:
            return opened.enter_context(file.path.open("rb"))
        archive = opened.enter_context(zipfile.ZipFile(file.path))
        return opened.enter_context(open_member(archive, file.member))
    except (OSError, *READING_ERRORS):
        raise CaseError(f"{file.name}: it cannot be read any more.", code="file_missing") from None


def _told(file: DicomFile) -> tuple[str, Dataset]:
    """Return the transfer syntax and the elements of the groups that count."""
    dataset = file.read(pixels=True)
    syntax = text(getattr(dataset, "file_meta", Dataset()), "TransferSyntaxUID")
    kept = Dataset()
    for tag in dataset.keys():  # noqa: SIM118 - iterating a data set converts every element
        if tag.group in _GROUPS:
            kept[tag] = dataset.get_item(tag)
    return syntax, kept
