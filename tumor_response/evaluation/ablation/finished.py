"""Finished configurations of an ablation on disk, found again by what they are."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator

from tumor_response.evaluation.ablation.parts import part_of
from tumor_response.evaluation.ledger.chain import write_durably
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import ResampleScores
from tumor_response.evaluation.sampling import Scheme
from tumor_response.evaluation.storing import StoredScores, evaluation_sha256

__all__ = ["FinishedConfigurations", "Scored"]

FloatArray = npt.NDArray[np.float64]

_ANY = "configuration"
"""What a configuration is called within its folder: its name is no part of what it is."""


@dataclass(frozen=True)
class Scored:
    """One configuration, evaluated.

    Parameters
    ----------
    apparent
        Its scores of the rows it was fitted to.
    out_of_bag
        Its scores in every resample, under the configuration's name.
    """

    apparent: FloatArray
    out_of_bag: list[ResampleScores]


class FinishedConfigurations:
    """A folder with one folder per configuration, named by the hash of all that decides its scores.

    Parameters
    ----------
    directory
        Made if it is not there.
    rows
        Of the ablation.
    scheme
        Of the ablation.
    n_resamples
        How many resamples a finished configuration has.
    """

    def __init__(
        self, directory: Path, rows: EvaluationRows, scheme: Scheme, n_resamples: int
    ) -> None:
        self._directory = directory
        self._rows = rows
        self._scheme = scheme
        self._n_resamples = n_resamples

    def sha256(self, model: BaseEstimator) -> str:
        """Return the hash of rows, outcome, scheme, version and this model."""
        return evaluation_sha256(replace(self._rows, models={_ANY: model}), self._scheme)

    def running(self, models: Mapping[str, BaseEstimator]) -> Path:
        """Return the folder of an evaluation of several that is under way."""
        together = replace(self._rows, models=dict(models))
        return self._directory / "running" / evaluation_sha256(together, self._scheme)[:32]

    def read(self, name: str, model: BaseEstimator) -> Scored | None:
        """Return what is there of a configuration; None unless all of it is, and is whole."""
        place = self._place(model)
        try:
            content = (place / "apparent.npy").read_bytes()
            apparent = np.load(io.BytesIO(content), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        there = StoredScores(place, self.sha256(model), [_ANY]).read()
        if set(there) != set(range(self._n_resamples)) or apparent.shape != (len(self._rows.X),):
            return None
        return Scored(apparent, [part_of(there[b], _ANY, name) for b in sorted(there)])

    def write(self, name: str, model: BaseEstimator, scored: Scored) -> None:
        """Keep a configuration; the file that says it is finished comes last."""
        place = self._place(model)
        store = StoredScores(place, self.sha256(model), [_ANY])
        numbered = enumerate(part_of(one, name, _ANY) for one in scored.out_of_bag)
        for _ in store.written(numbered):
            pass
        buffer = io.BytesIO()
        np.save(buffer, scored.apparent, allow_pickle=False)
        write_durably(place / "apparent.npy", buffer.getvalue())

    def forget_running(self, models: Mapping[str, BaseEstimator]) -> None:
        """Remove the folder of an evaluation whose configurations are all kept."""
        shutil.rmtree(self.running(models), ignore_errors=True)

    def _place(self, model: BaseEstimator) -> Path:
        return self._directory / "configurations" / self.sha256(model)[:32]
