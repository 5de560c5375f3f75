"""Who is trained on and who is tested: nested, stratified parts of a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.rows import EvaluationRows
from tumor_response.exceptions import EvaluationError, SettingsError

__all__ = ["Split", "draw_splits", "training_sizes"]

IntArray = npt.NDArray[np.int64]

MAX_TRIES = 1000
FEWEST = 16
"""Training patients below which the default sizes do not go: a penalty tuned in five folds needs a
few of each class."""


@dataclass(frozen=True)
class Split:
    """One repeat: rows held out, and the training rows of each size, each within the next."""

    test: IntArray
    train: tuple[IntArray, ...]
    n_redrawn: int


def training_sizes(n_patients: int, held_out: float, sizes: Sequence[int] | None) -> list[int]:
    """Return the numbers of training patients, increasing.

    By default six, in equal ratios, from a quarter of those not held out (16 at least) to all of
    them.

    Examples
    --------
    >>> training_sizes(96, 0.25, None)
    [18, 24, 31, 41, 55, 72]
    """
    most = n_patients - round(held_out * n_patients)
    if sizes is None:
        fewest = max(FEWEST, round(most / 4))
        if most < 2 * FEWEST:
            raise EvaluationError(
                f"{n_patients} patients of whom {held_out:g} are held out leave {most} to train "
                f"on; a learning curve needs {2 * FEWEST} or more.",
                code="too_few_patients",
            )
        return sorted({int(size) for size in np.round(np.geomspace(fewest, most, 6))})
    chosen = sorted({int(size) for size in sizes})
    if len(chosen) < 3 or chosen[0] < 4 or chosen[-1] > most:
        raise SettingsError(
            f"sizes={list(sizes)}: expected three or more different numbers of patients from 4 to "
            f"{most}, which is what {n_patients} patients leave with held_out={held_out:g}."
        )
    return chosen


def draw_splits(
    rows: EvaluationRows, sizes: list[int], held_out: float, n_repeats: int, seed: int
) -> list[Split]:
    """Draw the repeats; in each of them all sizes and the held-out rows have both classes."""
    names = np.unique(rows.patients)
    rows_of = [np.nonzero(rows.patients == name)[0] for name in names]
    responder = np.array([bool(rows.y[own].any()) for own in rows_of])
    seeds = np.random.SeedSequence(seed).spawn(n_repeats)
    return [
        _draw_one(rows, rows_of, responder, sizes, held_out, np.random.default_rng(one))
        for one in seeds
    ]


def _draw_one(
    rows: EvaluationRows,
    rows_of: list[IntArray],
    responder: npt.NDArray[np.bool_],
    sizes: list[int],
    held_out: float,
    rng: np.random.Generator,
) -> Split:
    n_test = len(rows_of) - (len(rows_of) - round(held_out * len(rows_of)))
    for n_redrawn in range(MAX_TRIES):
        order = _stratified_order(responder, rng)
        test = np.sort(np.concatenate([rows_of[patient] for patient in order[:n_test]]))
        pool = order[n_test:]
        train = tuple(
            np.sort(np.concatenate([rows_of[patient] for patient in pool[:size]])) for size in sizes
        )
        if all(_usable(rows, part, test) for part in train):
            return Split(test, train, n_redrawn)
    raise EvaluationError(
        f"In {MAX_TRIES} draws the {sizes[0]} training patients and the held-out ones never all "
        f"had both classes ({int(responder.sum())} of {len(responder)} patients have a responder "
        "lesion). Give larger sizes.",
        code="too_few_patients",
    )


def _stratified_order(responder: npt.NDArray[np.bool_], rng: np.random.Generator) -> IntArray:
    """Return all patients in random order, of which any first part has the classes' shares."""
    place = np.empty(len(responder))
    for stratum in (responder, ~responder):
        members = rng.permutation(np.nonzero(stratum)[0])
        # a random start per stratum: else the same class is always the first to come short
        place[members] = (np.arange(len(members)) + rng.random()) / max(1, len(members))
    order: IntArray = np.argsort(place, kind="stable")
    return order


def _usable(rows: EvaluationRows, train: IntArray, test: IntArray) -> bool:
    y_train, y_test, _ = rows.labels(train, test)
    return len(np.unique(y_train)) == 2 and len(np.unique(y_test)) == 2
