"""The figures of merit of each task, and what each needs: one list that the table is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.metrics import auc, c_index, r2
from tumor_response.evaluation.performance.arrays import FloatArray, checked_classes
from tumor_response.evaluation.performance.brier import (
    brier_decomposition,
    brier_score,
    log_loss,
    scaled_brier,
)
from tumor_response.evaluation.performance.calibration import (
    calibration_errors,
    calibration_in_the_large,
    recalibration,
)
from tumor_response.evaluation.performance.decision_curves import net_benefit
from tumor_response.evaluation.performance.discrimination import (
    FIGURES,
    average_precision,
    threshold_figures,
)
from tumor_response.evaluation.performance.estimates632 import (
    Better,
    no_information_average_precision,
    no_information_brier,
    no_information_log_loss,
    no_information_r2,
)
from tumor_response.evaluation.performance.rates import (
    accuracy,
    mean_absolute_error,
    nearest_class,
    quadratic_weighted_kappa,
    root_mean_squared_error,
    spearman,
)

__all__ = ["MeasureGroup", "NoInformation", "groups_of"]

Outcomes = npt.NDArray[Any]
Compute = Callable[[Outcomes, FloatArray, float], Sequence[float]]


@dataclass(frozen=True)
class NoInformation:
    """What the .632+ estimate of a figure needs.

    Attributes
    ----------
    better
        ``"low"`` for losses, ``"high"`` for gains.
    value
        Takes (y, apparent scores, the resamples' test outcomes), returns the no-information value.
    """

    better: Better
    value: Callable[[Outcomes, FloatArray, Sequence[Outcomes]], float]


@dataclass(frozen=True)
class MeasureGroup:
    """Figures that are computed together.

    Attributes
    ----------
    names : tuple of str
    compute
        Takes (y, score, mean outcome of the training rows), returns a value for each name.
    of_probabilities : bool
        Whether decision values are refused.
    over : {"resamples", "predictions"}
        The mean of the resamples' values, or the value of all their predictions together.
    no_information : NoInformation or None
        None where the .632 family is not defined.
    """

    names: tuple[str, ...]
    compute: Compute
    of_probabilities: bool = False
    over: Literal["resamples", "predictions"] = "resamples"
    no_information: NoInformation | None = None


def groups_of(task: str, thresholds: Sequence[float]) -> list[MeasureGroup]:
    """Return the figures of a task in the order of the table.

    Parameters
    ----------
    task : {"response", "rate", "tertiles"}
    thresholds
        Probabilities, fixed beforehand, for sensitivity, specificity, PPV, NPV and net benefit.
    """
    if task == "response":
        return [*_RESPONSE, *(_at(float(threshold)) for threshold in thresholds)]
    return _RATE if task == "rate" else _TERTILES


def _half(_y: Outcomes, _score: FloatArray, _tests: Sequence[Outcomes]) -> float:
    return 0.5


def _brier_terms(y: Outcomes, p: FloatArray, _mean: float) -> Sequence[float]:
    parts = brier_decomposition(y, p)
    within = parts.within_variance - parts.within_covariance
    return parts.reliability, parts.resolution, parts.uncertainty, within


def _errors(y: Outcomes, p: FloatArray, _mean: float) -> Sequence[float]:
    checked_classes(y, p)  # a smooth of one class is no calibration curve
    errors = calibration_errors(y, p)
    return errors.ici, errors.e50, errors.e90, errors.emax


def _recalibration(y: Outcomes, p: FloatArray, _mean: float) -> Sequence[float]:
    fit = recalibration(y, p)
    return fit.intercept, fit.slope


def _at(threshold: float) -> MeasureGroup:
    def compute(y: Outcomes, p: FloatArray, _mean: float) -> Sequence[float]:
        figures = threshold_figures(y, p, threshold)
        return *figures.values(), float(net_benefit(y, p, [threshold])[0])

    names = tuple(f"{figure} at {threshold:g}" for figure in (*FIGURES, "net_benefit"))
    return MeasureGroup(names, compute, of_probabilities=True)


_C = NoInformation("high", _half)

_RESPONSE = [
    MeasureGroup(("auc",), lambda y, s, _: (auc(y, s),), no_information=_C),
    MeasureGroup(
        ("average_precision",),
        lambda y, s, _: (average_precision(y, s),),
        no_information=NoInformation(
            "high", lambda _y, _s, tests: no_information_average_precision(tests)
        ),
    ),
    MeasureGroup(("prevalence",), lambda y, _s, _m: (float(np.mean(y)),)),
    MeasureGroup(
        ("brier",),
        lambda y, p, _: (brier_score(y, p),),
        of_probabilities=True,
        no_information=NoInformation("low", lambda y, p, _: no_information_brier(y, p)),
    ),
    MeasureGroup(
        ("scaled_brier",), lambda y, p, mean: (scaled_brier(y, p, mean),), of_probabilities=True
    ),
    MeasureGroup(
        ("brier_reliability", "brier_resolution", "brier_uncertainty", "brier_within_bins"),
        _brier_terms,
        of_probabilities=True,
        over="predictions",
    ),
    MeasureGroup(
        ("log_loss",),
        lambda y, p, _: (log_loss(y, p),),
        of_probabilities=True,
        no_information=NoInformation("low", lambda y, p, _: no_information_log_loss(y, p)),
    ),
    MeasureGroup(
        ("calibration_in_the_large",),
        lambda y, p, _: (calibration_in_the_large(y, p),),
        of_probabilities=True,
        over="predictions",
    ),
    MeasureGroup(
        ("calibration_intercept", "calibration_slope"),
        _recalibration,
        of_probabilities=True,
        over="predictions",
    ),
    MeasureGroup(("ici", "e50", "e90", "emax"), _errors, of_probabilities=True, over="predictions"),
]

_RATE = [
    MeasureGroup(
        ("r2",),
        lambda y, s, mean: (r2(y, s, mean),),
        no_information=NoInformation("high", lambda y, s, _: no_information_r2(y, s)),
    ),
    MeasureGroup(("c_index",), lambda y, s, _: (c_index(y, s),), no_information=_C),
    MeasureGroup(("mean_absolute_error",), lambda y, s, _: (mean_absolute_error(y, s),)),
    MeasureGroup(("root_mean_squared_error",), lambda y, s, _: (root_mean_squared_error(y, s),)),
    MeasureGroup(("spearman",), lambda y, s, _: (spearman(y, s),)),
]

_TERTILES = [
    MeasureGroup(("c_index",), lambda y, s, _: (c_index(y, s),), no_information=_C),
    MeasureGroup(
        ("quadratic_weighted_kappa",),
        lambda y, s, _: (quadratic_weighted_kappa(y, nearest_class(s)),),
    ),
    MeasureGroup(("accuracy",), lambda y, s, _: (accuracy(y, nearest_class(s)),)),
    MeasureGroup(("spearman",), lambda y, s, _: (spearman(y, s),)),
]
