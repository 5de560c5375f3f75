"""What can be read off the features on held-out patients: the site, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from tumor_response.evaluation.ridge_readout import (
    Fold,
    bootstrap_weights,
    read_out,
    weighted_pairs,
)
from tumor_response.models.folds import patient_folds

__all__ = ["Held", "Readings", "by_site_alone", "readings"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_BOOTSTRAP = 1000


@dataclass(frozen=True)
class Held:
    """A figure of held-out predictions.

    Attributes
    ----------
    value, ci_low, ci_high : float
        AUC and its 95 % interval; NaN where a site or class has too few pairs.
    resampled : ndarray of shape (n_bootstrap,)
        The figure in the same bootstrap samples of patients for all figures of a report.
    """

    value: float
    ci_low: float
    ci_high: float
    resampled: FloatArray

    @classmethod
    def of(cls, won: FloatArray, pairs: FloatArray) -> Held:
        """Return the figure of won and all pairs, parts by samples; the first sample is real."""
        with np.errstate(invalid="ignore", divide="ignore"):
            figures = (won / pairs).mean(axis=0)
        return cls.between(float(figures[0]), figures[1:])

    @classmethod
    def between(cls, value: float, resampled: FloatArray) -> Held:
        """Return a figure with the percentile interval of its samples."""
        known = resampled[np.isfinite(resampled)]
        low, high = np.percentile(known, (2.5, 97.5)) if known.size else (np.nan, np.nan)
        return cls(value, float(low), float(high), resampled)

    def less(self, other: Held) -> Held:
        """Return the difference to another figure, sample by sample."""
        return Held.between(self.value - other.value, self.resampled - other.resampled)


@dataclass(frozen=True)
class Readings:
    """What held-out patients' features tell.

    Attributes
    ----------
    site : Held
        The site; with more than two the mean of one against the others.
    outcome : Held
        The outcome, over all pairs.
    within : Held
        The outcome, over pairs of one site: what is not the site.
    """

    site: Held
    outcome: Held
    within: Held


@dataclass(frozen=True)
class Rows:
    """Rows to read.

    Attributes
    ----------
    X : DataFrame
    sites : ndarray of int, shape (n_rows,)
        0 to n_sites - 1.
    y : ndarray of int, shape (n_rows,)
        0 or 1.
    patients : ndarray of int, shape (n_rows,)
    n_folds, n_repeats, seed : int
    """

    X: pd.DataFrame
    sites: IntArray
    y: IntArray
    patients: IntArray
    n_folds: int
    n_repeats: int
    seed: int

    @property
    def weights(self) -> FloatArray:
        """How often each row counts: once, and then as patients are drawn."""
        drawn = bootstrap_weights(self.patients, N_BOOTSTRAP, self.seed)
        return np.vstack([np.ones(len(self.y)), drawn])


def readings(rows: Rows, steps: Pipeline) -> Readings:
    """Return what ridge regressions behind ``steps``, refitted in each fold, read on the others."""
    indicators = (rows.sites[:, None] == np.arange(rows.sites.max() + 1)).astype(np.float64)
    if indicators.shape[1] == 2:
        indicators = indicators[:, 1:]
    n_sites = indicators.shape[1]
    targets = np.column_stack([indicators, rows.y])
    folds = [
        fold
        for repeat in range(rows.n_repeats)
        for fold in read_out(
            rows.X, steps, targets, rows.patients, rows.n_folds, rows.seed + repeat
        )
    ]
    nobody = np.zeros_like(rows.sites)
    sites = [_pairs(rows, folds, targets[:, part], part, nobody) for part in range(n_sites)]
    outcome = _pairs(rows, folds, rows.y, n_sites, nobody)
    within = _pairs(rows, folds, rows.y, n_sites, rows.sites)
    return Readings(
        site=Held.of(np.stack([won for won, _ in sites]), np.stack([pairs for _, pairs in sites])),
        outcome=Held.of(outcome[0][None], outcome[1][None]),
        within=Held.of(within[0][None], within[1][None]),
    )


def by_site_alone(rows: Rows) -> Held:
    """Return the AUC of predicting each patient by the response of the site's other patients."""
    won = np.zeros(N_BOOTSTRAP + 1)
    pairs = np.zeros(N_BOOTSTRAP + 1)
    weights = rows.weights
    for repeat in range(rows.n_repeats):
        fold = patient_folds(rows.patients, np.zeros(len(rows.y)), rows.n_folds, rows.seed + repeat)
        for number in range(rows.n_folds):
            train, test = fold != number, fold == number
            n_sites = rows.sites.max() + 1
            there = np.bincount(rows.sites[train], minlength=n_sites)
            responded = np.bincount(rows.sites[train], rows.y[train], minlength=n_sites)
            share = (responded + rows.y[train].mean()) / (there + 1.0)
            more = weighted_pairs(rows.y[test] == 1, share[rows.sites[test]], weights[:, test])
            won += more[0]
            pairs += more[1]
    return Held.of(won[None], pairs[None])


def _pairs(
    rows: Rows, folds: list[Fold], target: npt.NDArray[np.generic], part: int, strata: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return won and all pairs within folds and strata, for the real rows and every sample."""
    weights = rows.weights
    won, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    for fold in folds:
        for stratum in np.unique(strata[fold.test]):
            inside = strata[fold.test] == stratum
            at = fold.test[inside]
            more = weighted_pairs(target[at] == 1, fold.predicted[inside, part], weights[:, at])
            won += more[0]
            pairs += more[1]
    return won, pairs
