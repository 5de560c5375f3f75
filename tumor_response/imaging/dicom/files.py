"""One DICOM object on disk, and reading it without trusting a byte of it.

Parsing a damaged or hostile object can fail in any way a parser can fail, at once or when a value
is first looked at. Both places are here: :meth:`DicomFile.read` and the typed getters below, so
that every reader gets values of the kind it asked for or an error of ours.
"""

from __future__ import annotations

import datetime as dt
import io
import logging
import lzma
import math
import re
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from tumor_response.exceptions import CaseError
from tumor_response.imaging.dicom.elements import DamagedError, DicomBytes

__all__ = [
    "MAX_INFLATED_BYTES",
    "MAX_MEMBER_BYTES",
    "READING_ERRORS",
    "DicomFile",
    "date_of",
    "items",
    "number",
    "numbers",
    "text",
    "whole_number",
]

MAX_MEMBER_BYTES = 4 * 1024**3
"""No single object in a zip archive may unpack to more than this (4 GiB)."""

MAX_INFLATED_BYTES = 1024**3
"""No object of a deflated transfer syntax may unpack to more than this (1 GiB)."""


READING_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What reading a damaged archive raises, besides :class:`OSError`."""


@dataclass(frozen=True, order=True)
class DicomFile:
    """A DICOM object: a file, or a member of a zip archive (read in memory, never unpacked).

    Parameters
    ----------
    path
        The file or the archive.
    member
        The name within the archive, ``""`` for a plain file.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tumor_response.imaging.dicom.files import DicomFile
    >>> DicomFile(Path("export.zip"), "CT/0001").name
    'export.zip/CT/0001'
    """

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """How messages name the file: without the folders it lies in."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name

    def read(self, *, tags: Sequence[str | int] | None = None, pixels: bool = False) -> Dataset:
        """Parse the object.

        Parameters
        ----------
        tags
            Keywords or tags to keep; all if ``None``. Reading few is several times as fast.
        pixels
            Whether to read on through the pixel data.

        Raises
        ------
        CaseError
            Codes ``file_missing`` and ``not_dicom``.
        """
        import pydicom

        # it logs values of damaged elements, identifiers among them
        logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
        try:
            source = self._stream()
            self._check_inflation(source)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of values that are checked when they are used
                dataset = pydicom.dcmread(
                    source,
                    stop_before_pixels=not pixels,
                    specific_tags=None if tags is None else list(tags),
                    force=True,  # objects written without the 128-byte preamble are common
                )
        except CaseError:
            raise
        except FileNotFoundError:
            raise CaseError(f"{self.name}: no such file.", code="file_missing") from None
        except Exception as error:  # a parser fed with foreign bytes may fail in any way
            raise self._not_dicom(type(error).__name__) from None
        if not text(dataset, "SOPClassUID") and (tags is None or "SOPClassUID" in tags):
            raise self._not_dicom("no SOP Class UID")
        return dataset

    def _stream(self) -> Path | io.BytesIO:
        if not self.member:
            return self.path
        try:
            with zipfile.ZipFile(self.path) as archive:
                info = archive.getinfo(self.member)
                if info.file_size > MAX_MEMBER_BYTES:
                    raise CaseError(
                        f"{self.name}: unpacks to {info.file_size / 1024**3:.1f} GiB; at most "
                        f"{MAX_MEMBER_BYTES / 1024**3:.0f} GiB are read from an archive.",
                        code="archive_refused",
                    )
                return io.BytesIO(archive.read(info))
        except (KeyError, *READING_ERRORS) as bad:
            raise CaseError(
                f"{self.name}: the archive is damaged or protected by a password "
                f"({type(bad).__name__}); unpack it and give the folder.",
                code="archive_refused",
            ) from None

    def _check_inflation(self, source: Path | io.BytesIO) -> None:
        """Refuse a deflated object that would fill the memory: pydicom inflates it whole."""
        with source.open("rb") if isinstance(source, Path) else nullcontext(source) as stream:
            try:
                too_large = DicomBytes(stream).inflates_to_more_than(MAX_INFLATED_BYTES)
            except DamagedError:
                too_large = False  # the parser says so
            stream.seek(0)
        if too_large:
            raise self._not_dicom(
                f"deflated, and it unpacks to more than {MAX_INFLATED_BYTES >> 20} MiB"
            )

    def _not_dicom(self, why: str) -> CaseError:
        return CaseError(f"{self.name}: no readable DICOM object ({why}).", code="not_dicom")


def text(dataset: Dataset, keyword: str) -> str:
    """Return an attribute as stripped text, ``""`` where it is absent or empty.

    Several values are joined by a backslash, as in the file.

    Examples
    --------
    >>> from pydicom.dataset import Dataset
    >>> header = Dataset(); header.Modality = "CT "
    >>> text(header, "Modality"), text(header, "SeriesInstanceUID")
    ('CT', '')
    """
    value = _raw(dataset, keyword)
    if value is None or isinstance(value, bytes | Dataset):
        return ""
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if any(isinstance(one, Dataset) for one in several):
        return ""  # a sequence where a value belongs: written out it would say all it holds
    return "\\".join(str(one) for one in several).replace("\x00", "").strip()


def numbers(dataset: Dataset, keyword: str, n: int | None = None) -> tuple[float, ...] | None:
    """Return an attribute as finite numbers, or ``None`` where it is absent or empty.

    Parameters
    ----------
    dataset
        Header or sequence item.
    keyword
        The attribute's keyword in the standard.
    n
        How many numbers there have to be; any if ``None``.

    Raises
    ------
    CaseError
        Code ``dicom_attribute``: present, but not that many finite numbers.
    """
    value = _raw(dataset, keyword)
    if value is None or (isinstance(value, str | Sequence) and len(value) == 0):
        return None
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    try:
        found = tuple(float(v) for v in (value if several else [value]))
    except (TypeError, ValueError, OverflowError):
        found = (math.nan,)
    if not all(math.isfinite(v) for v in found) or (n is not None and len(found) != n):
        expected = "finite numbers" if n is None else f"{n} finite number{'s' if n > 1 else ''}"
        raise CaseError(
            f"the DICOM attribute {keyword} does not hold {expected}.", code="dicom_attribute"
        )
    return found


def number(dataset: Dataset, keyword: str) -> float | None:
    """Return an attribute as one finite number; as :func:`numbers`."""
    found = numbers(dataset, keyword, 1)
    return None if found is None else found[0]


def whole_number(dataset: Dataset, keyword: str) -> int | None:
    """Return an attribute as one whole number; as :func:`numbers`."""
    found = number(dataset, keyword)
    if found is not None and not found.is_integer():
        raise CaseError(
            f"the DICOM attribute {keyword} does not hold a whole number.", code="dicom_attribute"
        )
    return None if found is None else int(found)


def date_of(dataset: Dataset, *keywords: str) -> dt.date | None:
    """Return the first of these attributes (DA or DT) that holds a date; ``None`` if none does."""
    for keyword in keywords:
        match = re.match(r"(\d{4})\.?(\d{2})\.?(\d{2})", text(dataset, keyword))
        if match:
            try:
                return dt.date(*(int(part) for part in match.groups()))
            except ValueError:
                continue
    return None


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Return the items of a sequence; an empty list where it is absent or is none."""
    value = _raw(dataset, keyword)
    if value is None or isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return []
    return [item for item in value if isinstance(item, Dataset)]


def _raw(dataset: Dataset, keyword: str) -> Any:
    """Return the value as pydicom converts it, ``None`` where that fails or there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return dataset.get(keyword)
    except Exception as error:  # conversion is lazy: a damaged value fails here, in any way
        raise CaseError(
            f"the DICOM attribute {keyword} is damaged ({type(error).__name__}).",
            code="dicom_attribute",
        ) from None
