"""What is left of the best of many after the choice is paid for: BBC-CV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.comparison.out_of_sample import (
    OutOfSample,
    ScoredFit,
    out_of_sample,
    weighted_values,
)
from tumor_response.evaluation.nested import SELECTED
from tumor_response.exceptions import EvaluationError
from tumor_response.frames import tidy

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["BestOfK", "best_of_k", "best_of_k_from_scores", "corrected_best"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_MOST_DRAWS = 100
"""Draws per bootstrap sample of patients before giving up on one that both sides can use."""

_TIE = 1e-12


@dataclass(frozen=True)
class BestOfK:
    """The best of several configurations, and what is left of it after the choice is paid for.

    Parameters
    ----------
    name
        The configuration with the highest value on all rows; of equals the first.
    value
        Its value on all rows: what "we tried K and report the best" reports.
    corrected
        Mean over bootstrap samples of patients of the winner's value on the patients that did not
        take part in choosing it.
    ci_low, ci_high
        Percentiles of those values.
    level
        Of the interval.
    n_configurations, n_resamples, n_redrawn
        K; bootstrap samples; those drawn again because a side had nothing to compare.
    measure
        ``"auc"``, ``"c_index"`` or ``"r2"``.
    values
        Every configuration's value on all rows.
    chosen
        Every configuration's share of the samples in which it won; equals share a win.
    """

    name: str
    value: float
    corrected: float
    ci_low: float
    ci_high: float
    level: float
    n_configurations: int
    n_resamples: int
    n_redrawn: int
    measure: str
    values: Mapping[str, float]
    chosen: Mapping[str, float]

    @property
    def text(self) -> str:
        """The line that belongs beside every winner."""
        return (
            f"best of {self.n_configurations}: {self.value:.2f} ({self.name}); corrected for the "
            f"choice: {self.corrected:.2f} ({self.ci_low:.2f} to {self.ci_high:.2f})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per configuration, the best first, to compute with.

        ``model``, ``measure``, ``value`` and ``share_chosen``; of the best, ``corrected`` with
        its interval in ``ci_low`` and ``ci_high``, which are not of ``value``.
        """
        table = self.table().reset_index().assign(measure=self.measure, corrected=np.nan)
        rows = tidy(table, ["model"])
        best = rows["model"] == self.name
        limits = [self.corrected, self.ci_low, self.ci_high]
        rows.loc[best, ["corrected", "ci_low", "ci_high"]] = limits
        return rows

    def table(self) -> pd.DataFrame:
        """Return one row per configuration, the best first: value and share of wins."""
        frame = pd.DataFrame({"value": self.values, "share_chosen": self.chosen})
        frame.index.name = "model"
        return frame.sort_values("value", ascending=False, kind="stable")

    def __str__(self) -> str:
        return self.text


def best_of_k(
    result: EvaluationResult,
    models: Sequence[str] | None = None,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> BestOfK:
    """Correct the best of an evaluation's models for having been chosen as the best.

    As :func:`best_of_k_from_scores`, with every resample's own out-of-sample scores instead of one
    score per lesion: scores of two fits have no common scale, so that lesions are compared within
    a fit, as the headline does. ``value`` is the share of all such pairs in the right order; it
    differs from ``auc_oob``, the mean over resamples, only in that a resample counts by its
    number of pairs.

    Parameters
    ----------
    result
        From :func:`tumor_response.evaluate`.
    models
        The configurations that were chosen among; default all but the ``selected`` of a
        :class:`~tumor_response.NestedCV`, which chooses itself. Leave none out: what was tried and
        not shown was chosen against as well.
    n_resamples, seed
        Bootstrap samples of patients and their seed.
    level
        Of the interval.

    Returns
    -------
    BestOfK

    Raises
    ------
    EvaluationError
        An unknown model; code ``too_few_patients`` as :func:`best_of_k_from_scores`.
    """
    tried = [name for name in result.models if name != SELECTED] if models is None else models
    return corrected_best(
        out_of_sample(result, tried), n_resamples=n_resamples, seed=seed, level=level
    )


def best_of_k_from_scores(
    scores: pd.DataFrame | npt.ArrayLike,
    y: npt.ArrayLike,
    patients: npt.ArrayLike | None = None,
    *,
    measure: str = "auc",
    n_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> BestOfK:
    """Bootstrap bias corrected cross-validation (Tsamardinos and others 2018).

    Tsamardinos, Greasidou, Borboudakis: Bootstrapping the out-of-sample predictions for efficient
    and accurate cross-validation. Machine Learning 107:1895. Patients are drawn with replacement,
    all their lesions with them; the configuration that is best on the drawn ones is scored on the
    others. No model is fitted again. That pays for the choice among scores, not for all of it: the
    patients that a configuration is chosen on have also trained the models that score the others,
    so that one which fits the whole cohort by accident looks good on both. What that leaves was
    measured, ``benchmarks/best_of_k.py``, and is on the page on comparisons.

    Parameters
    ----------
    scores : frame or array of shape (n, k)
        One column per configuration: a score for each row by a model that was not fitted to it.
        NaN: that configuration has none for that row, and is judged on the others.
    y : array of shape (n,)
        0 and 1 for ``measure="auc"``; numbers for ``"c_index"`` and ``"r2"``.
    patients : array of shape (n,)
        Who a row belongs to; default: every row another patient.
    measure
        What is best: ``"auc"``, ``"c_index"`` or ``"r2"`` (about the mean of ``y``); higher is
        better for each.
    n_resamples, seed
        Bootstrap samples of patients and their seed.
    level
        Of the interval.

    Returns
    -------
    BestOfK

    Raises
    ------
    EvaluationError
        Shapes that do not belong together, infinite scores, an unknown measure; code
        ``too_few_patients`` where hardly any bootstrap sample leaves something to compare on both
        sides for every configuration.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([0, 1], 50)
    >>> noise = pd.DataFrame(rng.normal(size=(100, 15))).add_prefix("network ")
    >>> best = best_of_k_from_scores(noise, y, n_resamples=200)
    >>> bool(best.value > 0.56), bool(best.corrected < 0.53)
    (True, True)
    >>> print(best_of_k_from_scores(noise.assign(truth=y), y, n_resamples=200))
    best of 16: 1.00 (truth); corrected for the choice: 1.00 (1.00 to 1.00)
    """
    names = [str(name) for name in scores] if isinstance(scores, pd.DataFrame) else None
    matrix = np.asarray(scores, dtype=np.float64)
    outcome = np.asarray(y, dtype=np.float64)
    who = (
        np.arange(len(outcome)) if patients is None else np.unique(patients, return_inverse=True)[1]
    )
    if matrix.ndim != 2 or outcome.ndim != 1 or not len(matrix) == len(outcome) == len(who):
        raise EvaluationError(
            f"Expected scores (n, k), y (n,) and patients (n,); received {matrix.shape}, "
            f"{outcome.shape} and {len(who)} patients.",
            code="configurations",
        )
    if np.isinf(matrix).any() or not np.isfinite(outcome).all():
        raise EvaluationError(
            "scores hold infinite values, or y holds values that are no numbers.",
            code="configurations",
        )
    sample = OutOfSample(
        names=tuple(names or (f"configuration {k + 1}" for k in range(matrix.shape[1]))),
        patients=np.asarray(who, dtype=np.int64),
        measure=measure,
        fits=(ScoredFit(np.arange(len(outcome)), outcome, matrix.T, float(outcome.mean())),),
    )
    return corrected_best(sample, n_resamples=n_resamples, seed=seed, level=level)


def corrected_best(
    *samples: OutOfSample, n_resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> BestOfK:
    """Return the best configuration of samples of one cohort, corrected.

    Parameters
    ----------
    *samples
        One for each evaluation, with the same rows and patients; the configurations of all of
        them were chosen among. See :func:`best_of_k_from_scores` for the rest.
    """
    _check_alike(samples)
    names = [name for sample in samples for name in sample.names]
    if n_resamples < 2 or seed < 0 or not 0 < level < 1:
        raise EvaluationError(
            f"n_resamples={n_resamples}, seed={seed}, level={level}: expected at least 2 "
            "resamples, a seed of 0 or more, and a level between 0 and 1."
        )
    everybody = _values(samples, np.ones((1, len(samples[0].patients))))[:, 0]
    if np.isnan(everybody).any():
        nothing = names[int(np.argmax(np.isnan(everybody)))]
        raise EvaluationError(
            f"Configuration {nothing!r} has no two scored rows to compare.", code="one_class"
        )
    inside, outside, n_redrawn = _choices(samples, n_resamples, seed)
    wins = inside >= inside.max(axis=0) - _TIE
    of_winner = (outside * wins).sum(axis=0) / wins.sum(axis=0)
    low, high = np.percentile(of_winner, (50 * (1 - level), 50 * (1 + level)))
    shares = (wins / wins.sum(axis=0)).mean(axis=1)
    best = int(np.argmax(everybody))
    return BestOfK(
        name=names[best],
        value=float(everybody[best]),
        corrected=float(of_winner.mean()),
        ci_low=float(low),
        ci_high=float(high),
        level=level,
        n_configurations=len(names),
        n_resamples=n_resamples,
        n_redrawn=n_redrawn,
        measure=samples[0].measure,
        values=dict(zip(names, everybody.tolist(), strict=True)),
        chosen=dict(zip(names, shares.tolist(), strict=True)),
    )


def _check_alike(samples: Sequence[OutOfSample]) -> None:
    first = samples[0]
    for other in samples[1:]:
        if other.measure != first.measure:
            raise EvaluationError(
                f"One evaluation is judged by {first.measure}, another by {other.measure}; there "
                "is no best among both.",
                code="measure",
            )
        if not np.array_equal(other.patients, first.patients):
            raise EvaluationError(
                "The evaluations are of other patients, so that nobody can be drawn from both.",
                code="configurations",
            )


def _values(samples: Sequence[OutOfSample], weights: FloatArray) -> FloatArray:
    return np.concatenate([weighted_values(sample, weights) for sample in samples])


def _choices(
    samples: Sequence[OutOfSample], n_resamples: int, seed: int
) -> tuple[FloatArray, FloatArray, int]:
    """Return values on drawn and on other patients (k, n_resamples), and how many were redrawn."""
    patients, who = np.unique(samples[0].patients, return_inverse=True)
    n_configurations = sum(len(sample.names) for sample in samples)
    rng = np.random.default_rng(seed)
    inside, outside = (np.empty((n_configurations, 0)) for _ in range(2))
    n_drawn = 0
    while inside.shape[1] < n_resamples and n_drawn < _MOST_DRAWS * n_resamples:
        missing = n_resamples - inside.shape[1]
        drawn = rng.integers(0, len(patients), size=(missing, len(patients)))
        times = np.array([np.bincount(one, minlength=len(patients)) for one in drawn])[:, who]
        sides = np.concatenate([times, times == 0]).astype(np.float64)
        values, others = np.split(_values(samples, sides), 2, axis=1)
        usable = ~(np.isnan(values) | np.isnan(others)).any(axis=0)
        inside = np.column_stack([inside, values[:, usable]])
        outside = np.column_stack([outside, others[:, usable]])
        n_drawn += missing
    if inside.shape[1] < n_resamples:
        raise EvaluationError(
            f"Of {n_drawn} bootstrap samples of {len(patients)} patients {inside.shape[1]} left "
            "something to compare on both sides for every configuration. There are too few "
            "patients, or too few with a score, for the best of several to be corrected.",
            code="too_few_patients",
        )
    return inside, outside, n_drawn - n_resamples
