"""The index of a tree of DICOM files: read once, kept in SQLite, refreshed by what changed.

A file whose size and modification time (to the nanosecond) are as before is not opened again.
What is read is committed in batches, so that a run that was killed goes on where it stood. One
process at a time works on an index; a second one waits and then finds everything done.

Only what ``allow_list`` keeps comes in here: no name, no birth date, no free text. Dates and
identifiers do, because scans are paired by them, and so do the paths of the files as they are;
the index therefore is readable by its owner alone and lies in the user's cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging.dicom.archive.brief_header import Header, unreadable
from tumor_response.imaging.dicom.archive.scan import (
    Batch,
    Row,
    is_passing,
    member_key,
    problem_row,
    read_batches,
    row_of,
)
from tumor_response.imaging.dicom.archive.tree import (
    Found,
    archive_members,
    walk,
)
from tumor_response.imaging.dicom.files import DicomFile
from tumor_response.parallel import spread
from tumor_response.progress import track

__all__ = ["SCHEMA_VERSION", "Indexed", "IndexedFile", "default_index", "read_index"]

SCHEMA_VERSION = 1
"""Raised with every change of what is kept: an index of another version is made anew."""

_APPLICATION_ID = 0x74725F64  # in the file's header: nothing else is ever overwritten
_BATCH_FILES = 250
_WORTH_PROCESSES = 4  # batches; below, starting a process costs more than it saves
_SCHEMA = """
CREATE TABLE headers (digest BLOB PRIMARY KEY, facts TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
    path BLOB NOT NULL,     -- relative to the folder
    member BLOB NOT NULL,   -- within the archive at this path, or empty
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    sop_uid TEXT NOT NULL,
    header BLOB NOT NULL REFERENCES headers,
    PRIMARY KEY (path, member)
) WITHOUT ROWID;
"""


class IndexedFile(NamedTuple):
    """One object in the tree, as the index has it; ``facts`` are shared by equal ones."""

    file: DicomFile
    kind: str
    sop_uid: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Indexed:
    """What was found in a tree.

    Parameters
    ----------
    files
        All DICOM objects that a catalogue uses, and the unreadable ones, by path.
    n_files
        How many files and archive members were looked at.
    rebuilt
        Whether a damaged index had to be made anew.
    listed_and_absent
        For every DICOMDIR: how many files it lists, and how many of these are not there.
    """

    files: tuple[IndexedFile, ...]
    n_files: int
    rebuilt: bool
    listed_and_absent: tuple[tuple[DicomFile, int, int], ...]


def default_index(folder: Path) -> Path:
    """Return where a folder's index is kept if nothing else is said: in the user's cache."""
    from platformdirs import user_cache_path

    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return user_cache_path("tumor_response") / "dicom" / f"{digest}.sqlite"


def read_index(folder: Path, index: Path | None, n_jobs: int) -> Indexed:
    """Bring the index of a folder up to date and return what it holds.

    Parameters
    ----------
    folder
        The tree; it is only read.
    index
        The SQLite file; ``None`` for :func:`default_index`.
    n_jobs
        Processes that read headers, as in joblib.

    Raises
    ------
    CaseError
        Codes ``folder_missing``, ``folder_unreadable``, and ``index_unusable`` (no place to
        write, disk full).
    SettingsError
        If ``index`` is a file that is no index.
    """
    if not folder.exists():
        raise CaseError(f"{folder}: there is no such folder.", code="folder_missing")
    if not os.access(folder, os.R_OK):  # else all it held would be taken as gone
        raise CaseError(f"{folder}: it cannot be read.", code="folder_unreadable")
    place = default_index(folder) if index is None else index
    root = folder.resolve()
    try:
        with _alone_on(place):
            if index is not None and _is_of_somebody_else(place):  # the cache is ours
                raise SettingsError(
                    f"index={str(place)!r} is a file, but not the index of a DICOM folder; name "
                    "another."
                )
            rebuilt = False
            while True:
                try:
                    with closing(_connection(place)) as database:
                        problems = _refresh(database, root, n_jobs)
                        return _contents(database, root, problems, rebuilt)
                except (sqlite3.DatabaseError, _DamagedIndexError) as error:
                    if rebuilt or not _is_damage(error):
                        raise
                    rebuilt = True
                    _remove(place)
    except (OSError, sqlite3.Error, _DamagedIndexError) as error:
        raise CaseError(
            f"the index of the DICOM folder cannot be kept at {place} ({error}). Name a place "
            "with index=... that can be written and has room.",
            code="index_unusable",
        ) from None


class _DamagedIndexError(Exception):
    """The database can be read, but what it holds is not what was written."""


def _is_damage(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    damage = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
    return isinstance(error, _DamagedIndexError) or (code is not None and code & 0xFF in damage)


@contextmanager
def _alone_on(place: Path) -> Iterator[None]:
    """Hold the index for this process; the system lets go of it however the process ends."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with place.with_name(place.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_of_somebody_else(place: Path) -> bool:
    """Return whether there is a file that was not written here."""
    if not place.exists() or place.stat().st_size == 0:
        return False
    with place.open("rb") as stream:
        start = stream.read(100)
    if start[:15] != b"SQLite format 3":
        return True
    if start[68:72] == _APPLICATION_ID.to_bytes(4, "big"):
        return False
    try:  # killed before anything was in it?
        with closing(sqlite3.connect(place)) as database:
            return bool(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError:
        return True


def _connection(place: Path) -> sqlite3.Connection:
    os.close(os.open(place, os.O_CREAT | os.O_RDWR, 0o600))  # before anything is in it
    database = sqlite3.connect(place, isolation_level=None, timeout=60.0)
    database.execute("PRAGMA synchronous = NORMAL")
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        with _transaction(database):
            for table in ("files", "headers"):
                database.execute(f"DROP TABLE IF EXISTS {table}")
            for statement in _SCHEMA.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return database


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if database.in_transaction:  # some errors, as a full disk, have ended it already
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _remove(place: Path) -> None:
    for name in (place.name, f"{place.name}-journal"):
        place.with_name(name).unlink(missing_ok=True)


def _refresh(database: sqlite3.Connection, root: Path, n_jobs: int) -> list[Row]:
    """Read what is new or changed, forget what is gone; return what could not be opened."""
    present = {os.fsencode(f.relative): f for f in track(walk(root), "finding files")}
    problems = [problem_row(found) for found in present.values() if found.problem]
    kept = database.execute("SELECT path, size, mtime_ns FROM files WHERE member = x''").fetchall()
    unchanged = {
        path
        for path, size, mtime_ns in kept
        if path in present and (present[path].size, present[path].mtime_ns) == (size, mtime_ns)
    }
    gone = [(path,) for path, _, _ in kept if path not in unchanged]
    if gone:
        with _transaction(database):  # an archive's members have its path
            database.executemany("DELETE FROM files WHERE path = ?", gone)
    new = [f for path, f in present.items() if path not in unchanged and not f.problem]
    base = _base(root)
    batches = [Batch(base, None, tuple(part)) for part in _parts(new)]
    problems += _read_into(database, batches, n_jobs)
    problems += _read_archives(database, base, n_jobs)
    if gone:
        with _transaction(database):
            database.execute("DELETE FROM headers WHERE digest NOT IN (SELECT header FROM files)")
    return problems


def _read_archives(database: sqlite3.Connection, root: Path, n_jobs: int) -> list[Row]:
    """Read the members of archives that have not been read to their end."""
    archives = database.execute(
        "SELECT path, size, mtime_ns FROM files WHERE kind = 'archive' AND member = x''"
    ).fetchall()
    batches: list[Batch] = []
    finished: list[Row] = []
    for path, size, mtime_ns in archives:
        archive = Found(os.fsdecode(path), size, mtime_ns)
        try:
            members = archive_members(root / archive.relative)
        except CaseError as error:
            finished.append(row_of(archive, "", unreadable(error.code, str(error))))
            continue
        done = {
            member
            for (member,) in database.execute("SELECT member FROM files WHERE path = ?", (path,))
        }
        left = [member for member in members if member_key(member) not in done]
        batches += [Batch(root, archive, (), tuple(part)) for part in _parts(left)]
        finished.append(row_of(archive, "", Header("archive_read", "", {})))
    problems = _read_into(database, batches, n_jobs)
    failed = {row.path for row in problems}
    _store(database, [row for row in finished if row.path not in failed])
    return problems


def _read_into(database: sqlite3.Connection, batches: list[Batch], n_jobs: int) -> list[Row]:
    problems: list[Row] = []
    if len(batches) < _WORTH_PROCESSES:
        n_jobs = 1
    for rows in spread(read_batches, batches, n_jobs, "reading headers"):
        _store(database, rows)
        problems += [row for row in rows if is_passing(row.header)]
    return problems


def _store(database: sqlite3.Connection, rows: Iterable[Row]) -> None:
    headers, files = {}, []
    for path, member, size, mtime_ns, header in rows:
        if is_passing(header):
            continue
        facts = json.dumps(header.facts, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(facts.encode()).digest()[:16]
        headers[digest] = facts
        files.append((path, member, size, mtime_ns, header.kind, header.sop_uid, digest))
    with _transaction(database):
        database.executemany("INSERT OR IGNORE INTO headers VALUES (?, ?)", headers.items())
        database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", files)


def _contents(
    database: sqlite3.Connection, root: Path, problems: list[Row], rebuilt: bool
) -> Indexed:
    base = _base(root)
    try:
        facts = {
            digest: json.loads(text)
            for digest, text in database.execute("SELECT digest, facts FROM headers")
        }
        files = [
            IndexedFile(_file(base, path, member), kind, sop_uid, facts[header])
            for path, member, kind, sop_uid, header in database.execute(
                "SELECT path, member, kind, sop_uid, header FROM files WHERE kind NOT IN "
                "('not_dicom', 'other', 'archive', 'archive_read') ORDER BY path, member"
            )
        ]
        directories = [f for f in files if f.kind == "dicomdir"]
        listed_and_absent = _listed_and_absent(database, base, directories)
        n_files = database.execute("SELECT count(*) FROM files").fetchone()[0]
    except (ValueError, KeyError, TypeError) as error:
        raise _DamagedIndexError(type(error).__name__) from None
    files += [
        IndexedFile(_file(base, row.path, row.member), row.header.kind, "", row.header.facts)
        for row in problems
    ]
    return Indexed(tuple(files), n_files + len(problems), rebuilt, tuple(listed_and_absent))


def _listed_and_absent(
    database: sqlite3.Connection, base: Path, directories: list[IndexedFile]
) -> list[tuple[DicomFile, int, int]]:
    if not directories:
        return []
    there = {
        _disc_name(_file(base, path, member))
        for path, member in database.execute("SELECT path, member FROM files")
    }
    found = []
    for directory in directories:
        here = _disc_name(directory.file).rpartition("/")[0]
        listed = [f"{here}/{name}".casefold() for name in directory.facts["files"]]
        found.append((directory.file, len(listed), sum(name not in there for name in listed)))
    return found


def _disc_name(file: DicomFile) -> str:
    """Return a file's whole name without what discs add to it and systems change in it."""
    name = f"{file.path}/{file.member}" if file.member else str(file.path)
    return name.partition(";")[0].rstrip(".").casefold()


def _base(root: Path) -> Path:
    """Return what paths are relative to; a single archive can be given instead of a folder."""
    return root.parent if root.is_file() else root


def _file(root: Path, path: bytes, member: bytes) -> DicomFile:
    return DicomFile(root / os.fsdecode(path), member.decode("utf-8", "surrogatepass"))


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _BATCH_FILES):
        yield items[start : start + _BATCH_FILES]
