"""Scores of finished resamples on disk, so that an evaluation goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from tumor_response._version import __version__
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import ResampleScores
from tumor_response.evaluation.sampling import Scheme
from tumor_response.exceptions import EvaluationError

__all__ = ["StoredScores", "evaluation_sha256"]

_WRITE_EVERY_S = 5.0


def evaluation_sha256(rows: EvaluationRows, scheme: Scheme) -> str:
    """Return a hash over all that decides an evaluation's scores: rows, models, scheme, version."""
    parts = hashlib.sha256()
    for part in (
        __version__,
        f"{scheme.sha256} {rows.task}",
        repr(rows.label),
        joblib.hash(pd.util.hash_pandas_object(rows.X, index=True).to_numpy()),
        "\n".join(map(str, rows.X.columns)),
        joblib.hash(rows.outcome.to_numpy()),
        joblib.hash(rows.weight),
        *(f"{name} {joblib.hash(model)}" for name, model in rows.models.items()),
    ):
        parts.update(f"{part}\n".encode())
    return parts.hexdigest()


class StoredScores:
    """A directory that holds one evaluation's scores, in parts of successive resamples.

    Parameters
    ----------
    directory
        Made if it is not there.
    sha256
        Of the evaluation (:func:`evaluation_sha256`).
    models
        Names, in order.

    Raises
    ------
    EvaluationError
        Code ``other_evaluation``: the directory holds the scores of another one;
        ``directory_unwritable``: it cannot be written to, or the disk is full.
    """

    def __init__(self, directory: str | Path, sha256: str, models: list[str]) -> None:
        self.directory = Path(directory)
        self._models = models
        self._scores = self.directory / "scores"
        with _written_to(self.directory):
            self._scores.mkdir(parents=True, exist_ok=True)
        note = self.directory / "evaluation.json"
        if note.exists():
            try:
                there = json.loads(note.read_text(encoding="utf-8")).get("sha256")
            except (json.JSONDecodeError, AttributeError):
                there = "unreadable"
            if there != sha256:
                raise EvaluationError(
                    f"directory={self.directory.name!r} holds another evaluation ({there[:12]}, "
                    f"this one is {sha256[:12]}): rows, models, scheme or version differ. Give "
                    "this one a directory of its own, or delete that one.",
                    code="other_evaluation",
                )
        else:
            with _written_to(self.directory):
                _write(note, json.dumps({"sha256": sha256, "models": models}, indent=1).encode())

    def read(self) -> dict[int, ResampleScores]:
        """Return what is there, by resample; a part that is torn or foreign counts as absent."""
        found: dict[int, ResampleScores] = {}
        for path in sorted(self._scores.glob("*.npz")):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as part:
                    found.update(_unpacked(part, self._models))
            except (OSError, ValueError, KeyError, zipfile.BadZipFile):
                continue
        return found

    def written(
        self, numbered: Iterable[tuple[int, ResampleScores]]
    ) -> Iterator[tuple[int, ResampleScores]]:
        """Yield from ``numbered`` and write them on the way, every few seconds and at the end."""
        waiting: list[tuple[int, ResampleScores]] = []
        last = time.monotonic()
        try:
            for one in numbered:
                waiting.append(one)
                yield one
                if time.monotonic() - last >= _WRITE_EVERY_S:
                    self._flush(waiting)
                    last = time.monotonic()
        finally:
            self._flush(waiting)

    def _flush(self, waiting: list[tuple[int, ResampleScores]]) -> None:
        if waiting:
            name = f"{waiting[0][0]:06d}-{waiting[-1][0]:06d}.npz"
            part = self._scores / f"{name}.part"
            arrays = _packed(waiting, self._models)
            with _written_to(self.directory):
                with part.open("wb") as file:
                    np.savez_compressed(file, allow_pickle=False, **arrays)
                part.replace(self._scores / name)
            waiting.clear()


@contextmanager
def _written_to(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EvaluationError(
            f"directory={directory.name!r} cannot be written to ({error.strerror}). Name another "
            "folder, or make room; what is there already is found again.",
            code="directory_unwritable",
        ) from error


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)


_BY_MODEL = ("values", "train_values", "all_values")


def _packed(
    numbered: list[tuple[int, ResampleScores]], models: list[str]
) -> dict[str, np.ndarray[Any, Any]]:
    scores = [one for _, one in numbered]
    return {
        "resample": np.array([number for number, _ in numbered]),
        "size": np.array([len(one.y_test) for one in scores]),
        "cut": np.array([np.nan if one.cut is None else one.cut for one in scores]),
        "y": np.concatenate([one.y_test for one in scores]),
        "scores": np.array([np.concatenate([one.scores[m] for one in scores]) for m in models]),
        "untuned": np.array([[m in one.untuned for one in scores] for m in models]),
        **{
            kind: np.array([[getattr(one, kind)[m] for one in scores] for m in models])
            for kind in _BY_MODEL
        },
    }


def _unpacked(part: Any, models: list[str]) -> dict[int, ResampleScores]:
    arrays = {name: part[name] for name in part.files}
    ends = np.cumsum(arrays["size"])
    found = {}
    for place, number in enumerate(arrays["resample"].tolist()):
        rows = slice(ends[place] - arrays["size"][place], ends[place])
        cut = float(arrays["cut"][place])
        by_model = {
            kind: {m: float(arrays[kind][at, place]) for at, m in enumerate(models)}
            for kind in _BY_MODEL
        }
        found[number] = ResampleScores(
            cut=None if np.isnan(cut) else cut,
            y_test=arrays["y"][rows],
            scores={m: arrays["scores"][at, rows] for at, m in enumerate(models)},
            untuned=frozenset(m for at, m in enumerate(models) if arrays["untuned"][at, place]),
            **by_model,
        )
    return found
