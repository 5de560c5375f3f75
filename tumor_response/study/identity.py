"""What the data of a study are, by content: files are read once, and known again by their stamp."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tumor_response.cohort import Case, Cohort
from tumor_response.features.stamps import content_stamp
from tumor_response.imaging import ImageSource, MaskSource
from tumor_response.progress import track
from tumor_response.settings import sha256_of_json
from tumor_response.study.writing import write_whole

__all__ = ["DataIdentity", "FileHashes", "file_sha256", "named_files", "paths_of"]

_CHUNK = 1 << 20


class FileHashes:
    """SHA-256 of files; what was read before is known by its stamp and not read again.

    Parameters
    ----------
    path
        Where hashes are kept from run to run; it may be deleted at any time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._known: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._known = {}

    def read(self, paths: Iterable[Path]) -> None:
        """Read those files that are not known yet, showing how far it is."""
        missing = [path for path in dict.fromkeys(paths) if self._kept(path) is None]
        for path in track(missing, "Reading files to know them by content"):
            self.of(path)

    def of(self, path: Path) -> str:
        """Return the hash of a file; one that cannot be read has a word for it."""
        kept = self._kept(path)
        if kept is not None:
            return kept
        stamp = content_stamp([path])
        found = file_sha256(path)
        if stamp is not None:
            self._known[str(path)] = [stamp, found]
        return found

    def _kept(self, path: Path) -> str | None:
        stamp, found = self._known.get(str(path), ("", ""))
        return found if stamp and stamp == content_stamp([path]) else None

    def save(self) -> None:
        """Keep what is known."""
        write_whole(self._path, json.dumps(self._known, indent=0).encode())


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or ``"unreadable"``."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return "unreadable"
    return digest.hexdigest()


class DataIdentity:
    """What of each lesion a stage can see, as a hash for each.

    Parameters
    ----------
    cohort
        The lesions.
    hashes
        Of their files.
    """

    def __init__(self, cohort: Cohort, hashes: FileHashes) -> None:
        self._cohort = cohort
        self._hashes = hashes

    def baseline(self, variables: Sequence[str]) -> dict[str, str]:
        """Return what extractors see: planning image, contour, and these clinical variables."""
        return self._each(lambda case: self._baseline(case, variables))

    def everything(self) -> dict[str, str]:
        """Return all that is known of each lesion, the follow-up too; and who was left out."""
        found = self._each(
            lambda case: [self._baseline(case, list(case.variables)), self._follow_up(case)]
        )
        if len(self._cohort.left_out):
            rows = self._cohort.left_out.astype("str").to_numpy().tolist()
            found["left out"] = sha256_of_json(rows)
        return found

    def _each(self, seen: Any) -> dict[str, str]:
        return {
            f"{case.patient_id} {case.lesion_id}": sha256_of_json(seen(case))
            for case in self._cohort
        }

    def _baseline(self, case: Case, variables: Sequence[str]) -> list[Any]:
        return [
            *case.key,
            self._source(case.image),
            self._source(case.mask),
            str(case.date),
            case.day,
            case.site,
            {name: str(case.variables.get(name)) for name in variables},
        ]

    def _follow_up(self, case: Case) -> list[Any]:
        one = case.follow_up
        return [
            self._source(one.image),
            self._source(one.mask),
            *(one.interval_days, one.treatment_days, one.status, one.fractions, one.dose_gy),
            {name: str(value) for name, value in one.variables.items()},
        ]

    def _source(self, source: ImageSource | MaskSource | None) -> list[str] | None:
        """Return what a source reads and how, but not where it lies."""
        if source is None:
            return None
        how = repr(source)
        for number, path in enumerate(source.paths):
            how = how.replace(repr(path), f"file {number}").replace(str(path), f"file {number}")
        return [how, *(self._hashes.of(path) for path in source.paths)]


def paths_of(cohort: Cohort) -> list[Path]:
    """Return all files that a cohort is read from."""
    found: list[Path] = []
    for case in cohort:
        sources = (case.image, case.mask, case.follow_up.image, case.follow_up.mask)
        found += [path for source in sources if source is not None for path in source.paths]
    return list(dict.fromkeys(found))


def named_files(settings: Mapping[str, str], base: Path) -> dict[str, str]:
    """Return the hashes of those settings that name a file, such as a parameter file."""
    return {
        key: file_sha256(base / value)
        for key, value in settings.items()
        if value and (base / value).is_file()
    }
