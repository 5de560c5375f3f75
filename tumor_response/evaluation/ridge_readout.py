"""Cross-validated ridge regression of many targets at once, folds of whole patients.

The same features are read out for the target and for every permutation of it, so that one
eigendecomposition per fold serves all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.linalg import eigh
from scipy.stats import rankdata
from sklearn.pipeline import Pipeline, make_pipeline

from tumor_response.models.folds import patient_folds
from tumor_response.transformers import (
    BlockScaler,
    BlockSelector,
    CategoryEncoder,
    MedianImputer,
)

__all__ = [
    "Fold",
    "block_scaled",
    "bootstrap_weights",
    "pair_wins",
    "permuted_rows",
    "read_out",
    "weighted_pairs",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

PENALTIES: tuple[float, ...] = tuple(float(p) for p in np.logspace(4, -3, 15))
"""From the strongest, half a decade apart. Rows of a block-scaled block have a mean squared length
of 1, so the strongest leaves the training mean all but alone."""


@dataclass(frozen=True)
class Fold:
    """One fold's predictions.

    Parameters
    ----------
    test : ndarray of int, shape (n_test,)
        Rows that were held out.
    predicted : ndarray of shape (n_test, n_targets)
    mean : ndarray of shape (n_targets,)
        Of the training rows: what there is to predict without features.
    """

    test: IntArray
    predicted: FloatArray
    mean: FloatArray


def block_scaled(block: str, columns: list[str]) -> Pipeline:
    """Return the steps by which a logistic model sees a block: levels, medians, scales.

    Examples
    --------
    >>> list(block_scaled("deep", ["deep__n__0"]).named_steps)
    ['blockselector', 'categoryencoder', 'medianimputer', 'blockscaler']
    """
    return make_pipeline(
        BlockSelector({block: columns}), CategoryEncoder(), MedianImputer(), BlockScaler()
    )


def read_out(
    X: pd.DataFrame,
    steps: Pipeline,
    targets: FloatArray,
    patients: IntArray,
    n_folds: int,
    seed: int,
) -> Iterator[Fold]:
    """Predict every target from ``X`` on patients that were not trained on.

    Parameters
    ----------
    X
        Rows to read, with the columns that ``steps`` want.
    steps
        Fitted anew on the training rows of each fold.
    targets : array of shape (n_rows, n_targets)
    patients : array of shape (n_rows,)
        An integer per row; rows of a patient share folds, in the inner folds as well.
    n_folds
        Of the outer and of the inner cross-validation. The folds do not look at the targets.
    seed
        Of the folds.

    Yields
    ------
    Fold
        Each target with the penalty that its own inner folds chose by squared error.
    """
    nobody = np.zeros(len(X))
    fold = patient_folds(patients, nobody, n_folds, seed)
    for number in range(n_folds):
        train, test = np.nonzero(fold != number)[0], np.nonzero(fold == number)[0]
        fitted = steps.fit(X.iloc[train])
        Z = fitted.transform(X.iloc[train]).to_numpy()
        Z_test = fitted.transform(X.iloc[test]).to_numpy()
        K, Y = Z @ Z.T, targets[train]
        inner = patient_folds(patients[train], nobody[train], n_folds, seed)
        error = np.zeros((len(PENALTIES), targets.shape[1]))
        for held_out in range(n_folds):
            a, b = np.nonzero(inner != held_out)[0], np.nonzero(inner == held_out)[0]
            tried = _ridge_path(K[np.ix_(a, a)], K[np.ix_(b, a)], Y[a])
            for place, predicted in enumerate(tried):
                error[place] += ((predicted - Y[b]) ** 2).sum(axis=0)
        best = error.argmin(axis=0)  # of equal ones the strongest penalty
        predicted = np.empty((len(test), targets.shape[1]))
        for place, all_targets in enumerate(_ridge_path(K, Z_test @ Z.T, Y)):
            predicted[:, best == place] = all_targets[:, best == place]
        yield Fold(test, predicted, Y.mean(axis=0))


def _ridge_path(K: FloatArray, K_new: FloatArray, Y: FloatArray) -> Iterator[FloatArray]:
    """Yield the predictions for new rows at each penalty, with an unpenalised intercept."""
    mean = K.mean(axis=0)
    centred = K - mean - mean[:, None] + mean.mean()
    centred_new = K_new - K_new.mean(axis=1, keepdims=True) - mean + mean.mean()
    values, vectors = eigh(centred, check_finite=False)
    values = np.maximum(values, 0.0)
    height = Y.mean(axis=0)
    along, new = vectors.T @ (Y - height), centred_new @ vectors
    for penalty in PENALTIES:
        yield height + new @ (along / (values + penalty)[:, None])


def permuted_rows(patients: IntArray, n_permutations: int, seed: int) -> IntArray:
    """Return rows in exchanged order, patients whole, shape (n_permutations, n_rows).

    A patient's rows take the place of those of another patient with as many rows, in their order,
    so that what lesions of a patient have in common stays in common (whole-block exchange,
    Winkler et al. 2015, NeuroImage 123:253).

    Examples
    --------
    >>> permuted_rows(np.array([0, 0, 1]), 1, seed=0).tolist()  # nobody to exchange with
    [[0, 1, 2]]
    """
    rng = np.random.default_rng(seed)
    rows_of = [np.nonzero(patients == patient)[0] for patient in np.unique(patients)]
    sizes = np.array([len(rows) for rows in rows_of])
    strata = [
        np.stack([rows_of[place] for place in np.nonzero(sizes == size)[0]])
        for size in np.unique(sizes)
    ]
    orders = np.empty((n_permutations, len(patients)), dtype=np.int64)
    for order in orders:
        for rows in strata:
            order[rows.ravel()] = rows[rng.permutation(len(rows))].ravel()
    return orders


def pair_wins(positive: npt.NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return won and all pairs of a positive and another row, column by column, ties half.

    Examples
    --------
    >>> won, pairs = pair_wins(np.array([[True], [False]]), np.array([[2.0], [1.0]]))
    >>> won.tolist(), pairs.tolist()
    ([1.0], [1.0])
    """
    n_positive = positive.sum(axis=0).astype(np.float64)
    ranks = rankdata(scores, axis=0)
    won = np.where(positive, ranks, 0.0).sum(axis=0) - n_positive * (n_positive + 1) / 2
    return won, n_positive * (len(scores) - n_positive)


def weighted_pairs(
    positive: npt.NDArray[np.bool_], score: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return won and all pairs of a positive and another row, ties half, under row weights.

    Parameters
    ----------
    positive, score : arrays of shape (n_rows,)
    weights : array of shape (n_samples, n_rows)
        How often each row counts in each sample.

    Examples
    --------
    >>> won, pairs = weighted_pairs(
    ...     np.array([True, False]), np.array([2.0, 1.0]), np.array([[1.0, 1.0], [2.0, 3.0]]))
    >>> won.tolist(), pairs.tolist()
    ([1.0, 6.0], [1.0, 6.0])
    """
    a, b = score[positive][:, None], score[~positive][None, :]
    wins = (a > b) + 0.5 * (a == b)
    of_positive, of_others = weights[:, positive], weights[:, ~positive]
    won: FloatArray = ((of_positive @ wins) * of_others).sum(axis=1)
    return won, of_positive.sum(axis=1) * of_others.sum(axis=1)


def bootstrap_weights(patients: IntArray, n_samples: int, seed: int) -> FloatArray:
    """Return how often each row is drawn when patients are, shape (n_samples, n_rows).

    Examples
    --------
    >>> weights = bootstrap_weights(np.array([4, 4, 7]), 3, 0)
    >>> weights.shape, bool((weights[:, 0] == weights[:, 1]).all())
    ((3, 3), True)
    """
    rng = np.random.default_rng(seed)
    _, place = np.unique(patients, return_inverse=True)
    n = int(place.max()) + 1
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=n_samples)
    weights: FloatArray = drawn[:, place].astype(np.float64)
    return weights
