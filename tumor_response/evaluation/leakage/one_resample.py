"""One resample, watched: the run itself, the run with noise out of bag, test rows one by one."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.leakage.carried import altered, brought_rows, noise_for
from tumor_response.evaluation.leakage.known_rows import KnownRows
from tumor_response.evaluation.leakage.memory import Memory, remembered
from tumor_response.evaluation.leakage.noise import noisy_outcome, noisy_table
from tumor_response.evaluation.leakage.recorder import (
    FitSeen,
    Recorder,
    SplitSeen,
    seed_of_everybody,
)
from tumor_response.evaluation.leakage.state import State, differences, state_of
from tumor_response.evaluation.leakage.study import Question
from tumor_response.evaluation.leakage.watching import watching
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import (
    Means,
    ResampleScores,
    fit_model,
    run_resamples,
    score_rows,
)
from tumor_response.evaluation.sampling import Resample
from tumor_response.exceptions import EvaluationError, TumorResponseError

__all__ = ["ModelSeen", "ResampleSeen", "Work", "seen_resample"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_ROWS_ALONE = 12


@dataclass
class ModelSeen:
    """What one model did in one resample.

    Attributes
    ----------
    fits, splits
        The record.
    changed : list of str
        Parts of the fitted state that noise in the out-of-bag rows changed.
    scores_changed : bool
        Whether it changed predictions.
    n_compared : int
        Parts of the state that were compared.
    opaque, restless : list of str
        Parts that cannot be compared, and parts that differ between two fits to the same rows.
    is_restless : bool
        Whether two fits to the same rows predict differently.
    brought : dict of str to int
        Rows that the model brings along: path, and how many out-of-bag patients are in it.
    brought_changed : list of str
        Parts of the state that noise in these changed.
    looked_up : dict of str to bool
        Those of other values than the table's that predictions, not fits, follow; whether they are
        of the table's columns.
    alone : dict of str to Any
        Test rows scored one by one: ``n``, the largest ``difference``, or the ``error``.
    memory : Memory
        Whether its fits depend on earlier fits.
    refused : str
        Why the run with noise could not be made; empty if it could.
    """

    fits: list[FitSeen] = field(default_factory=list)
    splits: list[SplitSeen] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    scores_changed: bool = False
    n_compared: int = 0
    opaque: list[str] = field(default_factory=list)
    restless: list[str] = field(default_factory=list)
    is_restless: bool = False
    brought: dict[str, int] = field(default_factory=dict)
    brought_changed: list[str] = field(default_factory=list)
    looked_up: dict[str, bool] = field(default_factory=dict)
    alone: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    refused: str = ""


@dataclass
class ResampleSeen:
    """What was seen in one resample.

    Attributes
    ----------
    number : int
    models : dict of str to ModelSeen
    scores : ResampleScores or None
        What the watched run gave.
    failed : str
        Why it could not be run; empty if it could.
    """

    number: int
    models: dict[str, ModelSeen]
    scores: ResampleScores | None = None
    failed: str = ""


@dataclass(frozen=True, eq=False)
class Work:
    """All that one resample needs; can be sent to another process.

    Attributes
    ----------
    question : Question
    rows : EvaluationRows
    seed : int
        Of the noise.
    """

    question: Question
    rows: EvaluationRows
    seed: int

    def __call__(self, tasks: list[tuple[int, Resample]]) -> list[ResampleSeen]:
        """Trace some resamples."""
        before = np.random.get_state()  # noqa: NPY002 - see seed_of_everybody
        plain_before = random.getstate()
        try:
            with threadpool_limits(1):
                return [seen_resample(self, number, resample) for number, resample in tasks]
        finally:
            np.random.set_state(before)  # noqa: NPY002
            random.setstate(plain_before)


def seen_resample(work: Work, number: int, resample: Resample) -> ResampleSeen:
    """Run a resample as an evaluation does, and look at it from all sides."""
    rows = work.rows
    known = KnownRows(rows.X, rows.patients)
    recorder = Recorder(known)
    try:
        with watching(recorder, rows.models.values()):
            scores = next(run_resamples(rows, [(number, resample)], Means()))
    except TumorResponseError as error:
        return ResampleSeen(number, {name: ModelSeen() for name in rows.models}, None, str(error))
    fitted = dict(zip(rows.models, recorder.models, strict=True))
    by_model = _by_model(recorder, list(rows.models))
    noisy, refused = _noisy_rows(work, number, resample)
    for name, seen in by_model.items():
        one = _OneModel(rows, name, resample, number, known, seen)
        one.alone(fitted[name])
        state = state_of(fitted[name])
        seen.n_compared, seen.opaque = len(state.digests), list(state.opaque)
        seen.refused = refused
        if noisy is not None:
            one.with_noise(noisy, fitted[name], state)
        one.with_brought_noise(fitted[name], state, work.seed + number)
        one.after_others(work.seed + number)
    return ResampleSeen(number, by_model, scores)


def _by_model(recorder: Recorder, names: list[str]) -> dict[str, ModelSeen]:
    """Deal the record out to the models, which are fitted one after the other."""
    seen = {name: ModelSeen() for name in names}
    for (name, one), (fits, splits) in zip(seen.items(), recorder.by_model(), strict=True):
        del name
        one.fits, one.splits = fits, splits
    return seen


def _noisy_rows(work: Work, number: int, resample: Resample) -> tuple[EvaluationRows | None, str]:
    """Prepare the evaluation's rows from a table whose out-of-bag rows are noise."""
    question, keys = work.question, work.rows.X.index[resample.test]
    frame = question.frame
    places = np.asarray(frame.index.get_indexer(keys), dtype=np.int64)
    y = question.y.reindex(frame.index).astype(np.float64)
    y.attrs = question.y.attrs
    try:
        noisy = question.with_table(
            noisy_table(frame, places, work.seed + number),
            noisy_outcome(y, places, work.seed + number),
        ).rows()
    except TumorResponseError as error:
        return None, str(error)
    if not noisy.X.index.equals(work.rows.X.index):
        return None, "other lesions would be evaluated with noise out of bag"
    return noisy, ""


@dataclass
class _OneModel:
    rows: EvaluationRows
    name: str
    resample: Resample
    number: int
    known: KnownRows
    seen: ModelSeen

    def _fit(self, rows: EvaluationRows, model: Any = None) -> Any:
        train = self.resample.train
        y_train = rows.labels(train, self.resample.test)[0]
        weight = None if rows.weight is None else rows.weight[train]
        X = rows.shown_to(self.name).iloc[train]
        chosen = rows.models[self.name] if model is None else model
        seed_of_everybody()
        return fit_model(self.name, chosen, X, y_train, f"resample {self.number}", weight)

    def _scores(self, model: Any) -> FloatArray:
        """Return scores of all rows as they are, the same for every fit."""
        X = self.rows.shown_to(self.name)
        return score_rows(self.name, model, X, f"resample {self.number}", self.rows.task)

    def with_noise(self, noisy: EvaluationRows, fitted: Any, state: State) -> None:
        """Fit with noise out of bag, and note what came out otherwise."""
        try:
            other = self._fit(noisy)
        except EvaluationError as error:  # without noise it could be fitted
            self.seen.changed = [f"the fit fails with noise: {error}"]
            return
        self.seen.changed, self.seen.scores_changed = self._compared(fitted, state, other)

    def with_brought_noise(self, fitted: Any, state: State, seed: int) -> None:
        """Fit with noise in what the model brings along of out-of-bag patients."""
        model, test = self.rows.models[self.name], self.resample.test
        brought = brought_rows(model, self.known)
        out_of_bag = set(self.known.patients[test].tolist())
        for path, rows in brought.rows_at.items():
            there = set(self.known.patients[rows[rows >= 0]].tolist()) & out_of_bag
            if there:
                self.seen.brought[path] = len(there)
        if self.seen.brought:
            with altered(model, noise_for(brought, test, seed)) as changed:
                try:
                    other = self._fit(self.rows, changed)
                except EvaluationError as error:
                    self.seen.brought_changed = [f"the fit fails with noise: {error}"]
                    return
                given = set(differences(state_of(model), state_of(clone(changed))))
            found, moved = self._compared(fitted, state, other)
            # that the parameters themselves are others is no news
            self.seen.brought_changed = [path for path in found if path not in given]
            if moved and not self.seen.brought_changed:
                self.seen.looked_up = brought.others_values

    def after_others(self, seed: int) -> None:
        """Fit after nothing and after a fit to noise, and note whether predictions differ."""
        everybody = np.arange(len(self.rows.X), dtype=np.int64)
        other = replace(self.rows, X=noisy_table(self.rows.X, everybody, seed))
        self.seen.memory = remembered(
            self.rows.models[self.name],
            lambda: self._scores(self._fit(self.rows)),
            lambda: self._scores(self._fit(other)),
        )

    def _compared(self, fitted: Any, state: State, other: Any) -> tuple[list[str], bool]:
        """Return what differs between two fits beyond what differs without any reason."""
        changed = differences(state, state_of(other))
        scores = self._scores(fitted)
        try:
            moved = scores.tobytes() != self._scores(other).tobytes()
        except EvaluationError:  # such as other columns than a later step was fitted to
            moved = True
        if changed or moved:
            again = self._fit(self.rows)
            restless = set(differences(state, state_of(again)))
            self.seen.restless = sorted(restless)
            self.seen.is_restless = scores.tobytes() != self._scores(again).tobytes()
            if self.seen.is_restless:
                return [], False
            changed = [path for path in changed if path not in restless]
        return changed, moved

    def alone(self, fitted: Any) -> None:
        """Score test rows one by one, and note how far that is from the scores among others."""
        X = self.rows.shown_to(self.name)
        test = self.resample.test
        rng = np.random.default_rng(self.number)
        some = np.sort(rng.permutation(test)[:_MOST_ROWS_ALONE])
        where = f"resample {self.number}"
        among = score_rows(self.name, fitted, X.iloc[test], where, self.rows.task)
        place = {row: at for at, row in enumerate(test.tolist())}
        worst = 0.0
        for row in some.tolist():
            one = self._scored_alone(fitted, X.iloc[[row]])
            if isinstance(one, str):
                self.seen.alone = {"n": len(some), "error": one}
                return
            known = among[place[row]]
            worst = max(worst, abs(float(one[0]) - known) / max(1.0, abs(known)))
        self.seen.alone = {"n": len(some), "difference": worst}

    def _scored_alone(self, fitted: Any, X: pd.DataFrame) -> FloatArray | str:
        try:
            return score_rows(self.name, fitted, X, f"resample {self.number}", self.rows.task)
        except (TumorResponseError, Warning) as error:
            return str(error)
