"""Harrell's optimism bootstrap: the apparent figure less what fitting gained on its own rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.performance.arrays import numbers
from tumor_response.evaluation.performance.predictions import check_models
from tumor_response.exceptions import EvaluationError

if TYPE_CHECKING:
    from tumor_response.evaluation.result import EvaluationResult

__all__ = ["Optimism", "optimism", "optimism_table"]


@dataclass(frozen=True)
class Optimism:
    """A figure corrected for optimism.

    Attributes
    ----------
    apparent : float
        Of the fit on all rows, on all rows.
    training, test : float
        Means over resamples, of each resample's fit: on its own training rows, copies included,
        and on all rows of the cohort.
    optimism : float
        ``training - test``.
    corrected : float
        ``apparent - optimism``.
    standard_error : float
        Monte-Carlo error of ``optimism``: it tells whether there were resamples enough, and
        nothing about other patients.
    n_resamples : int
    """

    apparent: float
    training: float
    test: float
    optimism: float
    corrected: float
    standard_error: float
    n_resamples: int


def optimism(apparent: float, training: npt.ArrayLike, all_rows: npt.ArrayLike) -> Optimism:
    """Correct an apparent figure by the bootstrap's optimism (Efron 1983; Harrell et al. 1996).

    In each resample a model gains on its own training rows what it loses on the cohort they were
    drawn from; the mean gain is taken off the apparent figure. ``rms::validate`` does this. The
    cohort holds the training rows, so with many columns the correction is too small by far: of
    labels that nobody could know, a ridge model of 96 patients keeps a corrected AUC of .76 with
    50 columns and .94 with 1,500 (``benchmarks/optimism_null.py``). Trust it for unpenalised models
    with ten or more events per column, and quote the out-of-bag mean otherwise.

    Parameters
    ----------
    apparent
        The figure of the fit on all rows, on all rows.
    training, all_rows : arrays of shape (n_resamples,)
        The figure of each resample's fit on its training rows (copies included), and on all rows.

    Raises
    ------
    EvaluationError
        ``shape``, ``not_finite``: a resample in which the figure has no value must be dealt with
        by whoever knows why.

    Examples
    --------
    >>> found = optimism(0.80, [0.82, 0.84], [0.78, 0.76])
    >>> round(found.optimism, 3), round(found.corrected, 3)
    (0.06, 0.74)
    """
    own, whole = numbers(training, "training"), numbers(all_rows, "all_rows")
    if own.size != whole.size or own.size < 2:
        raise EvaluationError(
            f"training has {own.size} and all_rows {whole.size} resamples; expected as many, and "
            "two at least.",
            code="shape",
        )
    gained = own - whole
    mean = float(gained.mean())
    return Optimism(
        apparent=apparent,
        training=float(own.mean()),
        test=float(whole.mean()),
        optimism=mean,
        corrected=apparent - mean,
        standard_error=float(gained.std(ddof=1) / np.sqrt(gained.size)),
        n_resamples=gained.size,
    )


def optimism_table(result: EvaluationResult, models: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the headline figure of each model corrected for optimism.

    Parameters
    ----------
    result : EvaluationResult
        Of a bootstrap.
    models
        Names; all by default.

    Returns
    -------
    pandas.DataFrame
        Index ``model``; ``measure`` and the attributes of :class:`Optimism`. For the AUC
        ``rms::validate`` prints Dxy = 2 (AUC - 0.5).

    Raises
    ------
    EvaluationError
        ``unknown_model``; ``scheme`` if the patients were not resampled by a bootstrap, where
        there is no optimism to average.
    """
    names = result.models if models is None else list(models)
    check_models(result, names)
    if result.scheme.kind != "bootstrap":
        raise EvaluationError(
            f"{type(result.scheme).__name__} draws no bootstrap samples; the optimism is defined "
            "for tr.Bootstrap632Plus.",
            code="scheme",
        )
    rows = [
        optimism(
            result.apparent[name],
            [one.train_values[name] for one in result.out_of_bag],
            [one.all_values[name] for one in result.out_of_bag],
        )
        for name in names
    ]
    table = pd.DataFrame([vars(row) for row in rows], index=pd.Index(names, name="model"))
    table.insert(0, "measure", result.measure)
    return table
