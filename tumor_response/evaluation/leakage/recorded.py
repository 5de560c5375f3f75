"""Findings of the recorded class: what the watched runs show of every model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.leakage.findings import (
    FAULT,
    NOT_CHECKABLE,
    PASSED,
    Checked,
    Status,
    shown,
)
from tumor_response.evaluation.leakage.inner import fits_findings, inner_findings
from tumor_response.evaluation.leakage.one_resample import ModelSeen, ResampleSeen
from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.evaluation.running import ResampleScores
from tumor_response.evaluation.sampling import Resample

__all__ = ["model_findings", "resample_findings", "same_scores", "unchanged_rows"]

IntArray = npt.NDArray[np.int64]

_SAME_SCORE = 1e-5
"""Relative; networks compute in single precision, and sums change their order with the rows."""


def resample_findings(rows: EvaluationRows, resamples: Sequence[Resample]) -> Iterator[Checked]:
    """Say whether any patient is on both sides of any resample, and how many copies there are."""
    check = "patients on both sides of a resample"
    both: dict[int, set[int]] = {}
    copies = 0
    for number, one in enumerate(resamples):
        train, test = rows.patients[one.train], rows.patients[one.test]
        copies += len(one.train) - len(np.unique(one.train))
        if found := set(train.tolist()) & set(test.tolist()):
            both[number] = found
    if both:
        number, found = next(iter(both.items()))
        names = sorted({_patient(rows, patient) for patient in found})
        said = (
            f"in {len(both)} of {len(resamples)} resamples patients are trained on and tested on; "
            f"in resample {number} {len(found)}: {shown(names)}"
        )
        yield Checked(check, FAULT, said)
    else:
        said = f"none in any of {len(resamples)} resamples; {copies} copies in the training rows"
        yield Checked(check, PASSED, said)


def unchanged_rows(rows: EvaluationRows, frame: pd.DataFrame, y: pd.Series) -> Checked:
    """Say whether the rows that models are shown are the table's, value by value."""
    check = "values on their way from the table into the evaluation"
    there = frame.loc[rows.X.index, list(rows.X.columns)]
    outcome = y.reindex(rows.X.index).to_numpy(dtype=np.float64, na_value=np.nan)
    if there.equals(rows.X) and np.array_equal(outcome, rows.outcome.to_numpy(np.float64)):
        return Checked(check, PASSED, f"{rows.X.shape[0]} rows, none changed")
    return Checked(check, FAULT, "the evaluation shows its models other values than the table's")


def same_scores(seen: Sequence[ResampleSeen], known: Sequence[ResampleScores]) -> Checked:
    """Say whether the watched runs gave the scores that the evaluation had."""
    check = "the watched runs are the evaluation's"
    other = [
        f"{name}, resample {one.number}"
        for one in seen
        if one.scores is not None
        for name, scores in one.scores.scores.items()
        if scores.tobytes() != known[one.number].scores[name].tobytes()
    ]
    if other:
        said = f"scores differ from the evaluation's: {shown(other)}; this trace is of other fits"
        return Checked(check, NOT_CHECKABLE, said)
    return Checked(check, PASSED, f"the same scores to the last bit in {len(seen)} resamples")


def model_findings(
    rows: EvaluationRows,
    resamples: Sequence[Resample],
    seen: Sequence[ResampleSeen],
) -> Iterator[Checked]:
    """Yield what the watched resamples show of each model."""
    for one in seen:
        if one.failed:
            said = f"resample {one.number} could not be run: {one.failed}"
            yield Checked("watched runs", NOT_CHECKABLE, said)
    ran = [one for one in seen if not one.failed]
    for name, model in rows.models.items():
        if not ran:
            continue
        of = [(one.number, one.models[name]) for one in ran]
        yield from fits_findings(rows, resamples, name, of)
        yield from inner_findings(rows, resamples, name, model, of)
        yield _noise(name, of)
        yield _memory(name, of)
        yield _brought(name, of)
        yield _alone(name, of)


def _noise(name: str, of: list[tuple[int, ModelSeen]]) -> Checked:
    check = "refit with out-of-bag rows replaced by noise"
    refused = [seen.refused for _, seen in of if seen.refused]
    changed = [(number, seen) for number, seen in of if seen.changed or seen.scores_changed]
    if changed:
        number, seen = changed[0]
        paths = shown(seen.changed) or "nothing that can be looked into"
        predictions = "predictions change" if seen.scores_changed else "predictions stay"
        said = f"the fit changes in {len(changed)} of {len(of)} resamples; in {number}: {paths}"
        return Checked(check, FAULT, f"{said}; {predictions}", name)
    if refused:
        return Checked(check, NOT_CHECKABLE, f"not run: {refused[0]}", name)
    if any(seen.is_restless for _, seen in of):
        said = "two fits to the same rows predict differently, so that no two can be compared"
        return Checked(check, NOT_CHECKABLE, said, name)
    opaque = sorted({path for _, seen in of for path in seen.opaque})
    n = min(seen.n_compared for _, seen in of)
    said = f"the same in {len(of)} resamples, bit by bit: {n} parts of the fitted state"
    restless = sorted({path for _, seen in of for path in seen.restless})
    if restless:
        said += f", without {shown(restless)}, which differ between any two fits"
    if opaque:
        # what cannot be looked into may still show in what it predicts
        said += f"; not looked into: {shown(opaque)}, yet all predictions are the same"
    return Checked(check, PASSED, said, name)


def _memory(name: str, of: list[tuple[int, ModelSeen]]) -> Checked:
    check = "fits depend on earlier fits"
    memories = [seen.memory for _, seen in of]
    written = sorted({path for one in memories for path in one.where})
    if any(one.changes for one in memories):
        said = "a fit to other rows before changes its predictions, by what is kept in"
        return Checked(check, FAULT, f"{said} {shown(written)}", name)
    if unknown := next((one.unknown for one in memories if one.unknown), ""):
        return Checked(check, NOT_CHECKABLE, f"{shown(written)}: {unknown}", name)
    if written:
        return Checked(check, PASSED, f"{shown(written)} is written, and changes nothing", name)
    return Checked(check, PASSED, "they write to no variable of its modules and classes", name)


def _brought(name: str, of: list[tuple[int, ModelSeen]]) -> Checked:
    check = "rows of test patients that the model brings along"
    found = {path: n for _, seen in of for path, n in seen.brought.items()}
    if not found:
        return Checked(check, PASSED, "none found in its parameters, functions and variables", name)
    where = f"{name}: {', '.join(found)}"
    n = max(found.values())
    changed = sorted({path for _, seen in of for path in seen.brought_changed})
    if changed:
        said = f"rows of {n} out-of-bag patients; noise in them changes the fit: {shown(changed)}"
        return Checked(check, FAULT, said, where)
    if any(seen.is_restless for _, seen in of):
        said = f"rows of {n} out-of-bag patients; whether the fit uses them cannot be told"
        return Checked(check, NOT_CHECKABLE, said, where)
    if looked_up := {path: own for _, seen in of for path, own in seen.looked_up.items()}:
        said = (
            f"values of {n} out-of-bag patients, other than the table's, are looked up when they "
            f"are scored: {shown(looked_up)}; whose rows made them does not show"
        )
        return Checked(check, FAULT if any(looked_up.values()) else NOT_CHECKABLE, said, where)
    said = f"rows of {n} out-of-bag patients, and noise in them changes nothing that is fitted"
    return Checked(check, PASSED, said, where)


def _alone(name: str, of: list[tuple[int, ModelSeen]]) -> Checked:
    check = "test rows scored one by one"
    errors = [str(seen.alone["error"]) for _, seen in of if "error" in seen.alone]
    n = sum(int(seen.alone.get("n", 0)) for _, seen in of)
    if errors:
        said = f"a test row cannot be scored by itself: {errors[0]}"
        return Checked(check, FAULT, said, name)
    worst = max(float(seen.alone.get("difference", 0.0)) for _, seen in of)
    status: Status = PASSED if worst <= _SAME_SCORE else FAULT
    said = f"{n} rows, largest difference to their score among the others {worst:.2g} (relative)"
    return Checked(check, status, said, name)


def _patient(rows: EvaluationRows, code: int) -> Any:
    names = rows.X.index.get_level_values("patient_id")
    return names[int(np.argmax(rows.patients == code))]
