"""Whether a folder that was handed over is what was sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tumor_response.exceptions import BundleError
from tumor_response.export.package.contents import SUMS, sha256_of, walk

__all__ = ["Problem", "Verified", "verify"]

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_MOST_BYTES = 1 << 24
"""Of the file of sums: some hundred thousand lines."""

What = Literal["missing", "changed", "extra", "link", "sums"]


@dataclass(frozen=True)
class Problem:
    """One file that is not what was sent.

    Parameters
    ----------
    file
        Its path in the folder.
    what
        ``"missing"``, ``"changed"``, ``"extra"`` (nobody sent it), ``"link"`` (a link or device,
        not followed) or ``"sums"`` (a line of the file of sums that means nothing).
    """

    file: str
    what: What

    def __str__(self) -> str:
        return f"{self.what}: {self.file}"


@dataclass(frozen=True)
class Verified:
    """What :func:`verify` found.

    Parameters
    ----------
    n_files
        How many files the folder should have, beside the file of sums.
    problems
        Empty if all are there and none was changed.
    sha256
        Of the file of sums. Compare it with the sender's over another way than the folder came:
        who can change a file can change its sum.
    """

    n_files: int
    problems: tuple[Problem, ...]
    sha256: str

    @property
    def ok(self) -> bool:
        """Whether the folder is what was sent."""
        return not self.problems


def verify(directory: str | Path) -> Verified:
    """Hold every file of a folder against its sum in ``SHA256SUMS``.

    Nothing but that file is interpreted, and nothing outside the folder is read: a name that leads
    out of it is a problem, and links are not followed.

    Parameters
    ----------
    directory
        A folder that :func:`tumor_response.export_bundle` wrote.

    Returns
    -------
    Verified

    Raises
    ------
    BundleError
        Code ``bundle_missing`` if there is no such folder or no file of sums in it;
        ``bundle_sums`` if that is no file of sums.

    Examples
    --------
    >>> import hashlib, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_bytes(b"x")
    >>> line = f"{hashlib.sha256(b'x').hexdigest()}  a.csv"
    >>> _ = (folder / "SHA256SUMS").write_text(line + chr(10))
    >>> verify(folder).ok
    True
    >>> _ = (folder / "a.csv").write_bytes(b"y")
    >>> [str(problem) for problem in verify(folder).problems]
    ['changed: a.csv']
    """
    directory = Path(directory)
    sums, problems, sha256 = _read_sums(directory)
    there = {path.relative_to(directory).as_posix(): path for path in walk(directory)}
    there.pop(SUMS)
    for name, path in there.items():
        if path.is_symlink() or not path.is_file():
            problems.append(Problem(name, "link"))
        elif name not in sums:
            problems.append(Problem(name, "extra"))
        elif sha256_of(path) != sums[name]:
            problems.append(Problem(name, "changed"))
    problems += [Problem(name, "missing") for name in sums if name not in there]
    ordered = tuple(sorted(problems, key=lambda one: (one.file, one.what)))
    return Verified(len(sums), ordered, sha256)


def _read_sums(directory: Path) -> tuple[dict[str, str], list[Problem], str]:
    path = directory / SUMS
    if not directory.is_dir() or path.is_symlink() or not path.is_file():
        raise BundleError(
            f"{directory} is no folder with a file {SUMS}, so there is nothing to hold its files "
            "against. Name the folder that was handed over; ask the sender for that file if it is "
            "not there.",
            code="bundle_missing",
        )
    if path.stat().st_size > _MOST_BYTES:
        raise BundleError(f"{path} has more than {_MOST_BYTES} bytes.", code="bundle_sums")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BundleError(f"{path} is no text.", code="bundle_sums") from None
    sums: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        match = _LINE.fullmatch(line)
        if match is None or not _stays_inside(match[2]) or match[2] in sums:
            problems.append(Problem(f"{SUMS}, line {number}", "sums"))
        else:
            sums[match[2]] = match[1]
    if not sums:
        raise BundleError(
            f"{path} names no file; expected lines of a SHA-256, two spaces and a file's name.",
            code="bundle_sums",
        )
    return sums, problems, sha256_of(path)


def _stays_inside(name: str) -> bool:
    parts = name.split("/")
    return "\\" not in name and not any(part in ("", ".", "..") for part in parts)
