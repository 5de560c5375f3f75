"""What lies in a folder: each file with its size, its sum and what kind it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tumor_response.exceptions import BundleError

__all__ = ["SUMS", "Content", "contents_of", "sha256_of", "walk"]

SUMS = "SHA256SUMS"
"""The file of sums, in the form that ``sha256sum --check`` reads."""

_MEDIA_TYPES = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".dta": "application/x-stata-dta",
    ".sav": "application/x-spss-sav",
    ".rds": "application/gzip",
    ".xpt": "application/x-sas-xport",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".json": "application/json",
    ".html": "text/html",
    ".md": "text/markdown",
    ".txt": "text/plain",
    ".r": "text/x-r",
    ".do": "text/x-stata-do",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Content:
    """One file.

    Parameters
    ----------
    name
        Its path in the folder, with ``/`` between parts.
    n_bytes, sha256
        Of what it holds.
    """

    name: str
    n_bytes: int
    sha256: str

    @property
    def media_type(self) -> str:
        """Its kind, by its ending."""
        return _MEDIA_TYPES.get(Path(self.name).suffix.lower(), "application/octet-stream")


def walk(directory: Path) -> Iterator[Path]:
    """Yield whatever is in a folder and is no folder, links included and not followed."""
    for path in sorted(directory.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        else:
            yield path


def contents_of(directory: Path, leave_out: frozenset[str]) -> list[Content]:
    """Return the files of a folder by name.

    Parameters
    ----------
    directory
        The folder.
    leave_out
        Names in it that are not meant.

    Raises
    ------
    BundleError
        Code ``bundle_unsafe`` for a link or a name with a line break: neither travels.
    """
    found = []
    for path in walk(directory):
        name = path.relative_to(directory).as_posix()
        if name in leave_out:
            continue
        if path.is_symlink() or not path.is_file() or "\n" in name or "\\" in name:
            raise BundleError(
                f"{name!r} in {directory} is no plain file with a plain name; it would not "
                "travel. Put a copy in its place.",
                code="bundle_unsafe",
            )
        found.append(Content(name, path.stat().st_size, sha256_of(path)))
    return sorted(found, key=lambda one: one.name)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()
