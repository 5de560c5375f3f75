"""Running a study: what is up to date stays, what is not is done again, and why is said."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tumor_response.exceptions import ManifestError, SettingsError
from tumor_response.features.checks import checked_specs
from tumor_response.features.run_progress import duration_text
from tumor_response.study.extracting import Tell
from tumor_response.study.handing_over import write_report
from tumor_response.study.lock import alone_in
from tumor_response.study.reading import FILE_NAME, read_settings
from tumor_response.study.records import Inputs, Record, reasons
from tumor_response.study.settings import StudySettings
from tumor_response.study.stages import STAGES, Stage, asked_stages, inputs_of
from tumor_response.study.working import Work

if TYPE_CHECKING:
    import pandas as pd

    from tumor_response.evaluation import EvaluationResult
    from tumor_response.outcomes import Coupling
    from tumor_response.table import FeatureTable

__all__ = ["Done", "StudyRun", "rebuild_report", "run", "status"]

_OF_IMAGES = frozenset({"features", "controls", "robustness", "attention", "predictor"})
"""Stages that need the extractors."""


@dataclass(frozen=True)
class Done:
    """One stage of a run.

    Parameters
    ----------
    stage
        Its name.
    why
        Why it had to be done; empty: it was up to date.
    seconds
        What it took; ``None``: nothing was done.
    """

    stage: str
    why: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True)
class StudyRun:
    """A study that was run: what was done, and its results.

    Parameters
    ----------
    folder
        Of the study.
    stages
        What was done and why, in order.
    """

    folder: Path
    stages: tuple[Done, ...]
    _work: Work = field(repr=False)

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    @property
    def table(self) -> FeatureTable:
        """The features."""
        return self._work.table

    @property
    def outcomes(self) -> pd.DataFrame:
        """The outcome table."""
        return self._work.outcomes

    @property
    def evaluation(self) -> EvaluationResult:
        """The evaluation."""
        found: EvaluationResult = self._work.result("evaluation")
        return found

    @property
    def coupling(self) -> Coupling:
        """What contour error alone would make of volume."""
        found: Coupling = self._work.result("coupling")["coupling"]
        return found


def run(
    folder: str | Path,
    *,
    only: str | None = None,
    since: str | None = None,
    n_jobs: int = 1,
    tell: Tell = print,
) -> StudyRun:
    r"""Do what is not up to date in a study's folder.

    Each stage is held against what it was made from: its keys of the settings file, the data by
    content, the results before it and the version of the library. Stopped at any point, even
    killed, the next run goes on from there and gives the same bytes.

    Parameters
    ----------
    folder
        With a ``study.toml``, such as ``tumor-response init`` writes.
    only
        A stage: do this one and what it needs, nothing after it.
    since
        A stage: do this one and all after it again, up to date or not.
    n_jobs
        Processes; -1 takes all cores. They decide no number.
    tell
        Takes what is said, one line at a time; default: ``print``.

    Returns
    -------
    StudyRun

    Raises
    ------
    SettingsError
        For faults of the settings file; for a stage that is none or was not asked for; if another
        run is writing to the folder.
    TumorResponseError
        What a stage raises. What was finished before is kept.

    Examples
    --------
    >>> import tempfile, tumor_response as tr
    >>> from tumor_response.study import run
    >>> folder = Path(tempfile.mkdtemp())
    >>> cohort = tr.simulate_cohort(n_patients=8, seed=0, directory=folder / "data")
    >>> _ = (folder / "study.toml").write_text(
    ...     "[cohort]\nmanifest = 'data/manifest.csv'\n[features]\nradiomics = 'minimal'\n"
    ...     "backbone = 'none'\n")
    >>> found = run(folder, only="features", tell=lambda text: None)
    >>> found.table
    <FeatureTable: 8 lesions; radiomics (107), clinical (1); 0 failures>
    """
    folder = _study_folder(folder)
    with alone_in(folder):
        settings = read_settings(folder)
        stages = _chosen(settings, only, since)
        work = Work(folder, settings, n_jobs, tell)
        _refuse_early(work, stages, since)
        done = tuple(_run_stages(work, stages, since))
    return StudyRun(folder, done, work)


def status(folder: str | Path, *, n_jobs: int = 1, tell: Tell = print) -> list[Done]:
    """Say what a run would do, and why, without doing it.

    Parameters
    ----------
    folder, n_jobs, tell
        As for :func:`run`.

    Returns
    -------
    list of Done
        In order; ``why`` is empty for what is up to date. What follows a stage that is done again
        is done again only if that one's result changes.
    """
    folder = _study_folder(folder)
    settings = read_settings(folder)
    work = Work(folder, settings, n_jobs, tell)
    found: list[Done] = []
    results: dict[str, str] = {}
    undone: set[str] = set()
    for stage in asked_stages(settings):
        record = work.records.read(stage.name)
        why = reasons(record, inputs_of(stage, work, results), folder)
        waits = [name for name in stage.after if name in undone]
        if record is not None and waits:
            # what will have changed is not known yet
            why = [one for one in why if not any(one.startswith(f"{w} ") for w in waits)]
            why += [] if why else [f"{waits[0]} is done again; if that changes anything"]
        if why:
            undone.add(stage.name)
        if record is not None:
            results[stage.name] = record.result_sha256
        found.append(Done(stage.name, tuple(why)))
    return found


def rebuild_report(
    folder: str | Path,
    path: str | Path | None = None,
    *,
    identified: bool | None = None,
    n_jobs: int = 1,
    tell: Tell = print,
) -> Path:
    """Write the report again from what the last run left, without computing anything.

    Parameters
    ----------
    folder
        Of the study.
    path
        Where it goes; default: the study's own ``report.html``.
    identified
        Whether patients bear their own identifiers; ``None``: as the settings say.
    n_jobs, tell
        As for :func:`run`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    SettingsError
        If a stage before the report is not up to date: such a report would show results of other
        settings or data than those it names. Images that are no longer there do not count.
    """
    folder = _study_folder(folder)
    with alone_in(folder):
        settings = read_settings(folder)
        work = Work(folder, settings, n_jobs, tell)
        try:
            cohort = work.cohort
        except ManifestError as error:
            tell(f"The data cannot be read; the report is made of what the run left. {error}")
            cohort = None
        results: dict[str, str] = {}
        for stage in asked_stages(settings):
            if stage.name == "report":
                break
            record = work.records.read(stage.name)
            seen = stage if cohort is not None else replace(stage, data="none")
            inputs = inputs_of(seen, work, results)
            if cohort is None and record is not None:
                inputs = replace(inputs, data=record.inputs.data)
            if why := reasons(record, inputs, folder):
                raise SettingsError(
                    f"{stage.name} is not up to date: {'; '.join(why)}. A report would show "
                    f"something else than it says. tumor-response run {folder} does it again."
                )
            if record is not None:
                results[stage.name] = record.result_sha256
        place = folder / "report.html" if path is None else Path(path)
        return write_report(work, place, cohort, identified=identified)


def _study_folder(folder: str | Path) -> Path:
    folder = Path(folder)
    if folder.name == FILE_NAME and folder.is_file():
        folder = folder.parent
    if not (folder / FILE_NAME).is_file():
        read_settings(folder / FILE_NAME)  # says what is missing
    return folder


def _chosen(settings: StudySettings, only: str | None, since: str | None) -> list[Stage]:
    """Return the stages of this run: all that are asked for, or one with what it needs."""
    stages = asked_stages(settings)
    names = [stage.name for stage in stages]
    for asked in (only, since):
        if asked is not None and asked not in names:
            known = [stage.name for stage in STAGES]
            why = "is not asked for in study.toml" if asked in known else "is no stage"
            raise SettingsError(f"{asked!r} {why}; this study's are {', '.join(names)}.")
    if only is None:
        return stages
    needed = {only}
    for stage in reversed(stages):
        if stage.name in needed:
            needed.update(stage.after)
    return [stage for stage in stages if stage.name in needed]


def _refuse_early(work: Work, stages: Sequence[Stage], since: str | None) -> None:
    """Refuse what would fail after hours, before anything is begun."""
    if work.settings.explanation.attention:
        from tumor_response.explanation.attention.methods import method_of

        method_of(work.settings.explanation.attention_method, None)
    records = [work.records.read(stage.name) for stage in stages if stage.name in _OF_IMAGES]
    if since is not None or any(record is None for record in records):
        checked_specs(work.cohort, work.extractors)


def _run_stages(work: Work, stages: Sequence[Stage], since: str | None) -> Iterator[Done]:
    results: dict[str, str] = {}
    again = False
    for stage in stages:
        inputs = inputs_of(stage, work, results)
        record = work.records.read(stage.name)
        why = reasons(record, inputs, work.folder)
        again = again or stage.name == since
        if again and not why:
            why = ["you asked for it"]
        if record is not None and not why:
            work.tell(f"{stage.name}: up to date")
            yield Done(stage.name)
        else:
            record, done = _do(work, stage, inputs, record, why)
            yield done
        results[stage.name] = record.result_sha256


def _do(
    work: Work, stage: Stage, inputs: Inputs, old: Record | None, why: list[str]
) -> tuple[Record, Done]:
    begun = time.monotonic()
    part_way = work.part_way(stage.name, inputs.sha256)
    kept = _kept_files(work, old, inputs)
    if kept:
        work.tell(f"{stage.name}: written again from the kept result, because {'; '.join(why)}")
    elif old is not None:
        work.tell(f"{stage.name}: again, because {'; '.join(why)}")
    else:
        work.tell(f"{stage.name}: {'goes on' if part_way.exists() else 'for the first time'}")
    work.records.begin(stage.name)
    work.clear_part_way(stage.name, but=part_way)
    if not kept:
        kept = stage.make(work, inputs.sha256)
    if stage.ledger:  # the ledger may have been mended meanwhile
        inputs = inputs_of(stage, work, inputs.before)
    record = work.records.finish(stage.name, inputs, kept, stage.write(work))
    work.clear_part_way(stage.name)
    seconds = time.monotonic() - begun
    _log(work, {"stage": stage.name, "why": why, "seconds": round(seconds, 2)})
    work.tell(f"{stage.name}: done in {duration_text(seconds)}")
    return record, Done(stage.name, tuple(why), seconds)


def _kept_files(work: Work, old: Record | None, inputs: Inputs) -> list[Path]:
    """Return the kept files, if the inputs are the same and these files are whole."""
    if old is None or old.inputs != inputs or not old.kept:
        return []
    whole = all(old.is_whole(name, work.folder) for name in old.kept)
    return [work.folder / name for name in old.kept] if whole else []


def _log(work: Work, event: dict[str, object]) -> None:
    """Append what was done to the study's log; it decides nothing."""
    path = work.folder / "stages" / "log.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **event}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")
