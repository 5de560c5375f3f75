"""Every figure of merit of an evaluation in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.metrics import auc_632
from tumor_response.evaluation.performance.arrays import FloatArray
from tumor_response.evaluation.performance.discrimination import FIGURES, at_threshold
from tumor_response.evaluation.performance.estimates632 import estimate_632plus
from tumor_response.evaluation.performance.measures import MeasureGroup, groups_of
from tumor_response.evaluation.performance.predictions import (
    apparent_predictions,
    bagged_predictions,
    check_models,
    single_fit_predictions,
)
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["performance_table"]

Outcomes = npt.NDArray[Any]
_TAILS = (2.5, 97.5)


def performance_table(
    result: EvaluationResult,
    models: Sequence[str] | None = None,
    thresholds: Sequence[float] = (0.5,),
) -> pd.DataFrame:
    """Return every figure of merit of every model: apparent, on unseen patients, .632+.

    Parameters
    ----------
    result : EvaluationResult
    models
        Names; all by default.
    thresholds
        Probabilities **fixed before looking at the data**, at which sensitivity, specificity,
        PPV, NPV and net benefit are given; default one half. Responses only.

    Returns
    -------
    pandas.DataFrame
        Index (model, measure). The columns:

        ``apparent``: fitted and scored on all rows.

        ``oob``, ``cv`` or ``test``, by the scheme: **the one to quote**. It is the mean of the
        resamples' own values, or (calibration and the terms of the Brier score, ``over`` is
        ``predictions``) the value of all resamples' predictions taken together, because a slope
        fitted to the third of the patients that one resample leaves out is mostly noise and often
        not finite. Both are about single fits, as the model is used, and not about their mean.

        ``low``, ``high``: the range of the middle 95 % of the resamples' own values. It is no
        confidence interval. For shares at a threshold on one test set: Wilson's interval, unless
        a patient has several lesions there.

        ``bagged``: of each lesion's mean score over the resamples it was left out of. It describes
        an ensemble; its calibration is not that of a single fit.

        ``no_information``, ``632``, ``632plus``: of a bootstrap, for the figures that have them;
        see :mod:`tumor_response.evaluation.performance.estimates632` and their biases in the
        guide.

        ``n_undefined``: resamples in which the figure has no value, left out of the mean and the
        range. ``reason``: why a value of this row is NaN, codes with their number of times.

        Scores that are no probabilities have NaN and ``not_probability`` for all that needs them.

    Raises
    ------
    EvaluationError
        ``unknown_model``; ``threshold`` outside of [0, 1).

    Examples
    --------
    >>> import numpy as np, pandas as pd, tumor_response as tr
    >>> rng = np.random.default_rng(0)
    >>> index = pd.Index([f"P{i}" for i in range(60)], name="patient_id")
    >>> table = pd.DataFrame(rng.normal(size=(60, 2)), index=index,
    ...                      columns=["clinical__age", "deep__n__0"])
    >>> y = (table["deep__n__0"] + rng.normal(size=60) > 0).astype(float)
    >>> result = tr.evaluate({"ridge": tr.make_model("logistic")}, table, y,
    ...                      tr.Bootstrap632Plus(n_resamples=20, seed=0))
    >>> figures = performance_table(result).loc["ridge"]
    >>> bool(figures.loc["brier", "apparent"] < figures.loc["brier", "oob"] < 0.25)
    True
    """
    names = result.models if models is None else list(models)
    check_models(result, names)
    if strange := [one for one in thresholds if not 0 <= one < 1]:
        raise EvaluationError(
            f"thresholds: {strange} are no probabilities of at least 0 and below 1.",
            code="threshold",
        )
    groups = groups_of(result.task, thresholds)
    means = [_training_mean(result, train, test) for train, test in _sides(result)]
    rows = [row for name in names for group in groups for row in _rows(result, name, group, means)]
    table = pd.DataFrame(rows).set_index(["model", "measure"])
    return table if result.scheme.kind == "bootstrap" else table.drop(columns=_FAMILY)


_FAMILY = ["no_information", "632", "632plus"]


def _sides(result: EvaluationResult) -> list[tuple[npt.NDArray[np.int64], ...]]:
    return [(resample.train, resample.test) for resample in result.resamples]


def _training_mean(
    result: EvaluationResult, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]
) -> float:
    return float(np.mean(result.rows.labels(train, test)[0]))


def _rows(
    result: EvaluationResult, name: str, group: MeasureGroup, means: list[float]
) -> list[dict[str, object]]:
    """Return the rows of one model's figures that are computed together."""
    why: Counter[str] = Counter()
    refused = group.of_probabilities and not result.is_probability[name]
    n_resamples = len(result.out_of_bag)

    def value(y: Outcomes, score: FloatArray, mean: float) -> FloatArray:
        if not refused:
            try:
                return np.array(group.compute(y, score, mean), dtype=np.float64)
            except EvaluationError as error:
                why[error.code] += 1
        return np.full(len(group.names), np.nan)

    by_resample = np.array(
        [
            value(one.y_test, one.scores[name], mean)
            for one, mean in zip(result.out_of_bag, means, strict=True)
        ]
    )
    mean_of_training = float(np.mean(means))
    apparent = apparent_predictions(result, name)
    at_apparent = value(*apparent, float(apparent[0].mean()))
    if group.over == "predictions":
        unseen = value(*single_fit_predictions(result, name), mean_of_training)
    else:
        unseen = _defined(by_resample, np.mean)
    bagged = np.full(len(group.names), np.nan)
    if result.scheme.kind != "test_set":
        bagged = value(*bagged_predictions(result, name), mean_of_training)
    low, high = (_defined(by_resample, lambda v, q=q: np.percentile(v, q)) for q in _TAILS)
    if result.scheme.kind == "test_set":
        low, high = _wilson(result, name, group)
    undefined = np.isnan(by_resample).sum(axis=0)
    column = result.headline.removeprefix(f"{result.measure}_")
    rows: list[dict[str, object]] = []
    for k, measure in enumerate(group.names):
        # a share of no lesions is NaN by itself: the PPV where nobody is called a responder
        reasons = dict(why) or ({"nobody": int(undefined[k])} if undefined[k] else {})
        rows.append(
            {
                "model": name,
                "measure": measure,
                "apparent": at_apparent[k],
                column: unseen[k],
                "low": low[k],
                "high": high[k],
                "bagged": bagged[k],
                **_family(result, group, apparent, float(unseen[k])),
                "over": group.over,
                "n_resamples": n_resamples,
                "n_undefined": int(undefined[k]),
                "reason": "not_probability" if refused else _told(reasons),
            }
        )
    return rows


def _told(reasons: dict[str, int]) -> str:
    return ", ".join(f"{code} ({n})" for code, n in sorted(reasons.items()))


def _defined(by_resample: FloatArray, summary: Any) -> FloatArray:
    """Return a summary of each column's values that are there; NaN where none is."""
    columns = [column[np.isfinite(column)] for column in by_resample.T]
    return np.array([summary(column) if column.size else np.nan for column in columns])


def _family(
    result: EvaluationResult,
    group: MeasureGroup,
    apparent: tuple[Outcomes, FloatArray],
    unseen: float,
) -> dict[str, float]:
    if group.no_information is None or result.scheme.kind != "bootstrap" or np.isnan(unseen):
        return dict.fromkeys(_FAMILY, np.nan)
    tests = [one.y_test for one in result.out_of_bag]
    no_information = group.no_information.value(*apparent, tests)
    at_apparent = float(group.compute(*apparent, float(apparent[0].mean()))[0])
    plus = estimate_632plus(at_apparent, unseen, no_information, group.no_information.better)
    return {
        "no_information": no_information,
        "632": auc_632(at_apparent, unseen),
        "632plus": plus,
    }


def _wilson(
    result: EvaluationResult, name: str, group: MeasureGroup
) -> tuple[FloatArray, FloatArray]:
    """Return the limits of shares on the one test set; NaN for whatever is no share."""
    limits = np.full((2, len(group.names)), np.nan)
    first, _, threshold = group.names[0].partition(" at ")
    if first == FIGURES[0] and result.is_probability[name]:
        one, patients = result.out_of_bag[0], result.rows.patients[result.resamples[0].test]
        table = at_threshold(one.y_test, one.scores[name], float(threshold), patients=patients)
        limits[:, : len(FIGURES)] = table[["low", "high"]].to_numpy().T
    return limits[0], limits[1]
