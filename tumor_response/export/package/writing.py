"""Writing a folder's metadata and sums, after everything else in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tumor_response.exceptions import BundleError
from tumor_response.export.package.contents import SUMS, contents_of, sha256_of
from tumor_response.export.package.data_package import data_package
from tumor_response.export.package.facts import PackageFacts
from tumor_response.export.package.research_object import CRATE, research_object
from tumor_response.formats import Sheet
from tumor_response.formats.whole import write_whole

__all__ = ["write_package"]

_PACKAGE = "datapackage.json"
_OWN = frozenset({_PACKAGE, CRATE, SUMS})


def write_package(
    directory: str | Path,
    sheets: Sequence[Sheet],
    files: Sequence[Path],
    facts: PackageFacts,
    *,
    descriptions: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write ``datapackage.json``, ``ro-crate-metadata.json`` and ``SHA256SUMS``.

    To be called last: the sums are of every other file.

    Parameters
    ----------
    directory
        The folder that is handed over.
    sheets
        The tables in it; ``<name>.csv`` is described by its sheet: types, labels, units, levels.
    files
        All that was written into the folder. It has to be all that is there: a file that nobody
        meant to send is refused rather than sent.
    facts
        Title, date, terms.
    descriptions
        File name -> one sentence on it; a table's files have its sheet's label without.

    Returns
    -------
    list of Path
        The three files.

    Raises
    ------
    BundleError
        Code ``bundle_files`` if the folder holds other files than those named;
        ``bundle_unsafe`` for links.
    TableError
        Code ``table_unwritable``.

    Examples
    --------
    >>> import tempfile
    >>> from tumor_response.export.verifying import verify
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "notes.md").write_text("# Notes")
    >>> written = write_package(
    ...     folder, [], [folder / "notes.md"], PackageFacts(date="2026-11-30")
    ... )
    >>> verify(folder).ok
    True
    """
    directory = Path(directory)
    contents = contents_of(directory, _OWN)
    _check_files(directory, {content.name for content in contents}, files)
    by_file = {f"{sheet.name}.csv": sheet for sheet in sheets}
    package = write_whole(
        directory / _PACKAGE,
        partial(_write_json, data_package(directory, contents, by_file, facts)),
    )
    listed = contents_of(directory, _OWN - {_PACKAGE})
    labels = {sheet.name: sheet.label for sheet in sheets}
    words = {
        one.name: labels[Path(one.name).stem] for one in listed if Path(one.name).stem in labels
    }
    words |= descriptions or {}
    crate = write_whole(
        directory / CRATE, partial(_write_json, research_object(listed, words, facts))
    )
    sums = {content.name: content.sha256 for content in listed} | {CRATE: sha256_of(crate)}
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    written = write_whole(directory / SUMS, lambda path: path.write_bytes(lines.encode()))
    return [package, crate, written]


def _check_files(directory: Path, there: set[str], files: Sequence[Path]) -> None:
    place = directory.resolve()
    whole = [Path(path).resolve() for path in files]
    outside = [path for path in whole if not path.is_relative_to(place)]
    if outside:
        raise BundleError(
            f"{outside[0]} lies outside {directory}. Put what is to be sent into the folder.",
            code="bundle_files",
        )
    named = {path.relative_to(place).as_posix() for path in whole} - _OWN
    if named != there:
        stray, lost = sorted(there - named), sorted(named - there)
        parts = [f"not named: {', '.join(stray[:5])}"] if stray else []
        parts += [f"named, but not there: {', '.join(lost[:5])}"] if lost else []
        raise BundleError(
            f"The files of {directory} are not those that were named ({'; '.join(parts)}). Export "
            "to a new or empty folder.",
            code="bundle_files",
        )


def _write_json(value: Any, path: Path) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")
