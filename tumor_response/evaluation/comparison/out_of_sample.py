"""Out-of-sample scores of several configurations on one cohort, and their measure under weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["MEASURES", "OutOfSample", "ScoredFit", "out_of_sample", "weighted_values"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

MEASURES = ("auc", "c_index", "r2")


@dataclass(frozen=True)
class ScoredFit:
    """What the configurations, fitted to one set of rows, say of other rows.

    Parameters
    ----------
    rows : array of shape (m,)
        Positions of the scored rows in the cohort.
    y : array of shape (m,)
        Their outcome: 0/1, tertile or rate.
    scores : array of shape (k, m)
        By configuration; NaN where one has no score.
    reference
        What R2 compares with: the mean outcome of the rows of the fit.
    """

    rows: IntArray
    y: FloatArray
    scores: FloatArray
    reference: float = float("nan")


@dataclass(frozen=True)
class OutOfSample:
    """Scores of k configurations on the same cohort, never of a row that was in the fit.

    Parameters
    ----------
    names
        The configurations.
    patients : array of shape (n,)
        An integer per row, the same for all lesions of a patient.
    measure
        ``"auc"``, ``"c_index"`` or ``"r2"``.
    fits
        One for each resample. A matrix of one score per row and configuration is a single fit.
    """

    names: tuple[str, ...]
    patients: IntArray
    measure: str
    fits: tuple[ScoredFit, ...]

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise EvaluationError(
                f"measure={self.measure!r}: expected one of {', '.join(MEASURES)}.",
                code="measure",
            )
        if len(set(self.names)) < len(self.names) or not self.names:
            raise EvaluationError(
                "There are no configurations, or two of one name.", code="configurations"
            )

    def only(self, names: Mapping[str, str]) -> OutOfSample:
        """Return some of the configurations, under other names."""
        at = [self.names.index(name) for name in names]
        return replace(
            self,
            names=tuple(names.values()),
            fits=tuple(replace(fit, scores=fit.scores[at]) for fit in self.fits),
        )


def out_of_sample(result: EvaluationResult, models: Sequence[str] | None = None) -> OutOfSample:
    """Return the out-of-sample scores of an evaluation, all models' by default."""
    names = result.models if models is None else list(models)
    for name in names:
        result.oob_values(name)  # says which names there are
    return OutOfSample(
        names=tuple(names),
        patients=result.rows.patients,
        measure=result.measure,
        fits=tuple(
            ScoredFit(
                resample.test,
                np.asarray(one.y_test, dtype=np.float64),
                np.array([one.scores[name] for name in names]),
                float(result.rows.y[resample.train].mean()),
            )
            for resample, one in zip(result.resamples, result.out_of_bag, strict=True)
        ),
    )


def weighted_values(sample: OutOfSample, weights: FloatArray) -> FloatArray:
    """Return each configuration's measure with every row counted ``weights`` times.

    Scores are compared within a fit only: those of two fits have no common scale. The AUC and the
    C-index are the share of pairs, of all fits together, in which the higher outcome has the
    higher score, ties half; a pair counts the product of its weights. R2 is one less the ratio of
    the weighted sums of squares, of all fits, about the predictions and about the mean outcome of
    the rows of the fit.

    Parameters
    ----------
    sample
        k configurations of n rows.
    weights : array of shape (b, n)
        How often each row counts; whole numbers are copies.

    Returns
    -------
    ndarray of shape (k, b)
        NaN where the weights leave nothing to compare.

    Examples
    --------
    >>> fit = ScoredFit(np.arange(4), np.array([0.0, 1, 0, 1]), np.array([[0.1, 0.4, 0.4, 0.8]]))
    >>> sample = OutOfSample(("one",), np.arange(4), "auc", (fit,))
    >>> weighted_values(sample, np.array([[1.0, 1, 1, 1], [1.0, 1, 0, 1], [1.0, 0, 1, 0]]))
    array([[0.875, 1.   ,   nan]])
    """
    of_one = _squares if sample.measure == "r2" else _pairs
    return np.array([of_one(sample, number, weights) for number in range(len(sample.names))])


def _pairs(sample: OutOfSample, number: int, weights: FloatArray) -> FloatArray:
    n = len(sample.patients)
    won, met = np.zeros((n, n)), np.zeros((n, n))
    for fit in sample.fits:
        known = ~np.isnan(fit.scores[number])
        rows, y, score = fit.rows[known], fit.y[known], fit.scores[number][known]
        above = y[:, None] > y[None, :]
        place = np.ix_(rows, rows)
        met[place] += above
        won[place] += above * (
            (score[:, None] > score[None, :]) + 0.5 * (score[:, None] == score[None, :])
        )
    return _ratio(((weights @ won) * weights).sum(axis=1), ((weights @ met) * weights).sum(axis=1))


def _squares(sample: OutOfSample, number: int, weights: FloatArray) -> FloatArray:
    left, all_there_is = np.zeros(len(sample.patients)), np.zeros(len(sample.patients))
    for fit in sample.fits:
        known = ~np.isnan(fit.scores[number])
        rows, y = fit.rows[known], fit.y[known]
        left[rows] += (y - fit.scores[number][known]) ** 2
        all_there_is[rows] += (y - fit.reference) ** 2
    return 1.0 - _ratio(weights @ left, weights @ all_there_is)


def _ratio(upper: FloatArray, lower: FloatArray) -> FloatArray:
    return np.divide(upper, lower, out=np.full_like(upper, np.nan), where=lower > 0)
