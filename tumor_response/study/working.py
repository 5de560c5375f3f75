"""One run of a study: its settings, data and results, as the stages see them."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from tumor_response.cohort import Cohort
from tumor_response.evaluation.ledger import StudyLedger
from tumor_response.evaluation.sampling import (
    LeaveOneSiteOut,
    NestedCV,
    RepeatedKFold,
    Scheme,
)
from tumor_response.study.blocks import Blocks
from tumor_response.study.extracting import Tell
from tumor_response.study.identity import DataIdentity, FileHashes, paths_of
from tumor_response.study.keeping import kept_bytes, read_kept
from tumor_response.study.plan import Plan
from tumor_response.study.records import Records
from tumor_response.study.settings import StudySettings
from tumor_response.study.writing import write_whole
from tumor_response.table import FeatureTable

if TYPE_CHECKING:
    from tumor_response.features.base import FeatureExtractor

__all__ = ["Work"]


class Work:
    """What the stages of a study work with.

    Parameters
    ----------
    folder
        Of the study.
    settings
        From its settings file.
    n_jobs
        Processes; they decide no number.
    tell
        Takes what is said, one line at a time.
    """

    def __init__(self, folder: Path, settings: StudySettings, n_jobs: int, tell: Tell) -> None:
        self.folder = folder
        self.settings = settings
        self.n_jobs = n_jobs
        self.tell = tell
        self.records = Records(folder)
        self.ledger = StudyLedger(folder)
        self._results: dict[str, Any] = {}

    @cached_property
    def cohort(self) -> Cohort:
        """The lesions, as manifest or DICOM folder have them now."""
        asked = self.settings.cohort
        roles = dict(asked.roles) or None
        if asked.manifest is not None:
            return Cohort.from_csv(
                self.place(asked.manifest),
                roles=roles,
                several=asked.several,
                fill_gaps=asked.fill_gaps,
            )
        table = asked.clinical_table
        return Cohort.from_dicom(
            self.place(str(asked.folder)),
            str(asked.roi),
            modality=asked.modality,
            several=asked.several,
            follow_up=asked.follow_up,
            structure_set=asked.structure_set,
            clinical=None if table is None else self.place(table),
            roles=roles,
            fill_gaps=asked.fill_gaps,
            n_jobs=self.n_jobs,
        )

    @cached_property
    def identity(self) -> DataIdentity:
        """The data by content; files that changed since the last run are read."""
        hashes = FileHashes(self.folder / "stages" / "files.json")
        hashes.read(paths_of(self.cohort))
        hashes.save()
        return DataIdentity(self.cohort, hashes)

    @cached_property
    def blocks(self) -> Blocks:
        """The blocks of features."""
        asked = self.settings.features
        return Blocks(
            self._named(asked.radiomics),
            asked.backbone,
            self._named(asked.weights),
            asked.clinical,
            asked.categories,
        )

    @cached_property
    def extractors(self) -> list[FeatureExtractor]:
        """Their extractors."""
        self.tell("Preparing the extractors ...")  # loading PyTorch takes seconds
        return self.blocks.extractors()

    @property
    def cache_dir(self) -> str | Path:
        """Where finished cases are kept."""
        asked = self.settings.features.cache_dir
        return asked if "://" in asked else self.place(asked)

    def plan(self) -> Plan:
        """Return how the study is evaluated."""
        outcome, evaluation = self.settings.outcome, self.settings.evaluation
        return Plan(
            by=outcome.by,
            per=outcome.per,
            cut=outcome.cut,
            models=self.settings.models.names,
            n_resamples=evaluation.n_resamples,
            seed=evaluation.seed,
            failed=evaluation.failed,
            observer_error_mm=outcome.observer_error_mm,
            other_scheme=self._other_scheme(),
        )

    def _other_scheme(self) -> Scheme | None:
        asked = self.settings.evaluation
        if asked.scheme == "bootstrap":
            return None
        if asked.scheme == "sites":
            return LeaveOneSiteOut()
        kind = NestedCV if asked.scheme == "nested" else RepeatedKFold
        return kind(n_folds=asked.n_folds, n_repeats=asked.n_repeats, seed=asked.seed)

    @property
    def table(self) -> FeatureTable:
        """The features that were extracted."""
        if "features" not in self._results:
            self._results["features"] = FeatureTable.load(self.folder / "features")
        found: FeatureTable = self._results["features"]
        return found

    @property
    def outcomes(self) -> pd.DataFrame:
        """The outcome table."""
        found: pd.DataFrame = self.result("outcomes")
        return found

    def result(self, stage: str) -> Any:
        """Return what a stage gave, from its file: the same, whenever it was made."""
        if stage not in self._results:
            self._results[stage] = read_kept(self.records.path(stage))
        return self._results[stage]

    def keep(self, stage: str, value: Any) -> list[Path]:
        """Keep what a stage gave; return the file."""
        path = self.records.path(stage)
        write_whole(path, kept_bytes(value))
        self.forget(stage)
        return [path]

    def forget(self, stage: str) -> None:
        """Read a stage's result again when it is asked for."""
        self._results.pop(stage, None)

    def place(self, path: str) -> Path:
        """Return a path of the settings file, which starts at its folder."""
        return self.folder / path

    def part_way(self, stage: str, inputs_sha256: str) -> Path:
        """Return the folder of what a stage has done so far, with these inputs."""
        return self._working / f"{stage}-{inputs_sha256[:16]}"

    def clear_part_way(self, stage: str, but: Path | None = None) -> None:
        """Delete what stages left that were stopped, of these or other inputs."""
        for path in self._working.glob(f"{stage}-*"):
            if path != but:
                shutil.rmtree(path)

    @property
    def _working(self) -> Path:
        return self.folder / "stages" / "part_way"

    def _named(self, text: str) -> str:
        """Return a file's path if the settings name one that is there; else the text."""
        path = self.place(text)
        return str(path) if path.exists() else text
