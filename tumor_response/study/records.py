"""What each stage was made from, and why one has to be done again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tumor_response._version import __version__
from tumor_response.settings import sha256_of_json
from tumor_response.study.identity import file_sha256
from tumor_response.study.writing import write_whole

__all__ = ["Inputs", "Record", "Records", "reasons"]

_SHOWN = 3


@dataclass(frozen=True)
class Inputs:
    """All that decides what a stage gives.

    Parameters
    ----------
    settings
        The keys of the settings file that it uses, with their values.
    data
        By lesion, a hash of what it sees of it.
    files
        Other files that settings name, by key.
    before
        By stage, the hash of the result that it uses.
    version
        Of the library.
    """

    settings: dict[str, Any]
    data: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    version: str = __version__

    @property
    def sha256(self) -> str:
        """One hash of all of them."""
        return sha256_of_json(asdict(self))


@dataclass(frozen=True)
class Record:
    """A stage that is done.

    Parameters
    ----------
    inputs
        What it was made from.
    result_sha256
        Of what later stages use.
    outputs
        Its files, relative to the study's folder, with their SHA-256.
    kept
        Those of them that later stages use.
    """

    inputs: Inputs
    result_sha256: str
    outputs: dict[str, str]
    kept: list[str] = field(default_factory=list)

    def is_whole(self, name: str, folder: Path) -> bool:
        """Return whether a file is the one that was written."""
        return file_sha256(folder / name) == self.outputs[name]


class Records:
    """The records of a study, one file per stage.

    A record is deleted before its stage begins and written when all of it is there, so that
    whatever is killed in between is seen to be unfinished.

    Parameters
    ----------
    folder
        Of the study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._place = folder / "stages"

    def path(self, stage: str) -> Path:
        """Return the file of a stage's kept result."""
        return self._place / f"{stage}.npz"

    def read(self, stage: str) -> Record | None:
        """Return the record of a stage; ``None``: it is not done, or its record is unreadable."""
        try:
            content = json.loads(self._record(stage).read_text(encoding="utf-8"))
            return Record(**content | {"inputs": Inputs(**content["inputs"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def begin(self, stage: str) -> None:
        """Forget that a stage is done."""
        self._place.mkdir(parents=True, exist_ok=True)
        self._record(stage).unlink(missing_ok=True)

    def finish(self, stage: str, inputs: Inputs, kept: list[Path], others: list[Path]) -> Record:
        """Write the record of a stage whose files are all there.

        Parameters
        ----------
        stage, inputs
            Which, and what it was made from.
        kept
            What later stages use; the hash of these decides whether they are done again.
        others
            What is for people and other programs.
        """
        outputs = {
            str(path.relative_to(self.folder)): file_sha256(path)
            for path in dict.fromkeys([*kept, *others])
        }
        used = [str(path.relative_to(self.folder)) for path in kept]
        record = Record(inputs, sha256_of_json([outputs[name] for name in used]), outputs, used)
        content = json.dumps(asdict(record), indent=1, sort_keys=True) + "\n"
        write_whole(self._record(stage), content.encode())
        return record

    def _record(self, stage: str) -> Path:
        return self._place / f"{stage}.json"


def reasons(record: Record | None, inputs: Inputs, folder: Path) -> list[str]:
    """Say why a stage has to be done, in words; nothing: it is up to date.

    Examples
    --------
    >>> before = Record(Inputs({"evaluation.n_resamples": 200}), "", {})
    >>> reasons(before, Inputs({"evaluation.n_resamples": 1000}), Path())
    ['[evaluation] n_resamples changed from 200 to 1000']
    >>> reasons(None, Inputs({}), Path())
    ['not done yet']
    """
    if record is None:
        return ["not done yet"]
    return [*_changed(record.inputs, inputs), *_missing(record, folder)]


def _changed(old: Inputs, new: Inputs) -> Iterator[str]:
    if old.version != new.version:
        yield f"tumor_response changed from {old.version} to {new.version}"
    for key in dict.fromkeys([*old.settings, *new.settings]):
        if old.settings.get(key) != new.settings.get(key):
            was, now = (_shown(one.settings, key) for one in (old, new))
            yield f"[{key.replace('.', '] ')} changed from {was} to {now}"
    if old.data != new.data:
        yield f"the data changed ({_difference(old.data, new.data)})"
    for key in dict.fromkeys([*old.files, *new.files]):
        if old.files.get(key) != new.files.get(key):
            what = f"the file of [{key.replace('.', '] ')}" if "." in key else f"the {key}"
            yield f"{what} changed"
    for stage in dict.fromkeys([*old.before, *new.before]):
        if stage not in new.before:
            yield f"{stage} is no longer asked for"
        elif stage not in old.before:
            yield f"{stage} is new"
        elif old.before[stage] != new.before[stage]:
            yield f"{stage} changed"


def _shown(settings: Mapping[str, Any], key: str) -> str:
    if key not in settings:
        return "not used"
    text = json.dumps(settings[key], ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    changed = [key for key in new if key in old and old[key] != new[key]]
    told = [
        f"{len(keys)} {word}: {', '.join(keys[:_SHOWN])}{' ...' if len(keys) > _SHOWN else ''}"
        for word, keys in (
            ("other", changed),
            ("new", [key for key in new if key not in old]),
            ("gone", [key for key in old if key not in new]),
        )
        if keys
    ]
    return "; ".join(told) or "another order"


def _missing(record: Record, folder: Path) -> Iterator[str]:
    for name in record.outputs:
        if not (folder / name).is_file():
            yield f"{name} is missing"
        elif not record.is_whole(name, folder):
            yield f"{name} was changed"
