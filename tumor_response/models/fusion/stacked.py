"""Late fusion: one model per block, and weights for what they say of patients they did not see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import patient_folds, patients_of, tuning_folds
from tumor_response.models.fusion.stack import Stack
from tumor_response.models.fusion.weights import least_squares_weights, logistic_weights
from tumor_response.models.training_rows import ClassWeight, class_weighted
from tumor_response.transformers.select import two_classes

__all__ = ["LEAST_PROBABILITY", "StackedBlocks", "StackedBlocksRegression", "log_odds"]

FloatArray = npt.NDArray[np.float64]

LEAST_PROBABILITY = 0.01
"""Forests say 0 and 1 of small leaves; as log-odds that would outweigh every other model."""


class StackedBlocks(ClassifierMixin, Stack):
    r"""One classifier per block, stacked: late fusion for responses.

    Each block has a model of its own. Its log-odds for patients that it has not seen, from folds
    that hold whole patients, are the columns of a ridge logistic regression with weights that are
    not negative (stacking: Wolpert 1992, Neural Netw. 5:241; non-negative: Breiman 1996, Mach.
    Learn. 24:49; for blocks of columns van Loon et al. 2020, Inf. Fusion 61:113, who found the
    constraint to matter most for keeping idle blocks out). The models of the final stack are
    fitted to all training rows. The log-odds of a row are

    .. math:: b + \sum_k v_k \, (g_k(x_k) - m_k), \qquad v_k \ge 0,

    :math:`m_k` being the mean of block k's out-of-fold log-odds. **A row without block k** (all of
    its columns missing) has the term 0, the block's mean, in the fit of the weights as in
    prediction, and takes no part in the fit of the block's model: nothing of the block is imputed
    column by column (van Loon et al. 2024, arXiv:2210.14484, impute at this place for the same
    reason).

    The penalty on the weights is on the log-odds as they are, not standardised: a block whose
    model hardly leaves the prior gets little weight, and not a large factor that would blow its
    noise up. With n = 100 and the default strength of 1 a block of log-odds of standard
    deviation 1 is shrunk by some 5 %.

    Parameters
    ----------
    base
        What is fitted to each block: a classifier that takes a DataFrame of the block's columns
        as they are in the table, such as a named model without its first step.
    by_block
        From a block to another classifier for it.
    n_folds
        Folds of the out-of-fold predictions, default 5; fewer for fewer patients.
    strength
        Ridge penalty on the blocks' weights, default 1.
    class_weight
        None, ``"balanced"``, or a mapping from class to weight; for all stages.
    random_state
        Seed of the folds, default 0.

    Attributes
    ----------
    models_ : dict of str to estimator
        Of each block, fitted to all training rows that have it.
    block_weights_ : Series
        Weight of each block, 0 for those left out.
    block_means_ : dict of str to float
    intercept_ : float
    left_out_ : list of str
        Blocks that no two classes of training rows have.
    tuned_ : bool
        False if fewer than two patients had a row of some class; then no model could be heard of
        patients it had not seen, and all weigh the same.
    classes_ : ndarray of shape (2,)

    Raises
    ------
    ModelError
        At fit: no DataFrame, not two classes, a parameter out of range; code ``missing_block``:
        ``by_block`` names a block that is not there.

    Examples
    --------
    >>> from tumor_response.models import RidgeLogistic
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 30)))
    >>> X.columns = [f"{'deep' if i < 25 else 'clinical'}__{i}" for i in range(30)]
    >>> y = (X["clinical__27"] + rng.normal(size=80) > 0).astype(int)
    >>> model = StackedBlocks(RidgeLogistic()).fit(X, y)
    >>> bool(model.block_weights_["clinical"] > 0.5), bool(model.block_weights_["deep"] < 0.1)
    (True, True)
    """

    def __init__(
        self,
        base: BaseEstimator,
        by_block: Mapping[str, BaseEstimator] | None = None,
        n_folds: int = 5,
        strength: float = 1.0,
        class_weight: ClassWeight = None,
        random_state: int = 0,
    ) -> None:
        self.base = base
        self.by_block = by_block
        self.n_folds = n_folds
        self.strength = strength
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Fit the blocks' models, in folds and on all rows, and weigh them.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            Columns ``<block>__...``; the index level ``patient_id`` names the patients.
        y : array of shape (n_rows,)
            Two classes; the larger label is the positive one.
        sample_weight : array of shape (n_rows,), optional
            Passed to the last step of each model and to the weights' regression; a weight of 0 is
            the same as no row.
        """
        weight = self._check(X, sample_weight)
        given = np.asarray(y)
        frame = X
        if weight is not None:
            frame, given, weight = X[weight > 0], given[weight > 0], weight[weight > 0]
        target = two_classes(self, given, len(frame))
        self.classes_ = np.unique(given)
        if self.class_weight is not None:
            rows = np.ones(len(frame)) if weight is None else weight
            weight = class_weighted(given, rows, self.class_weight)
        fold = tuning_folds(patients_of(frame), target, self.n_folds, self.random_state)
        self._fit(frame, given, target, weight, fold)
        return self

    def decision_function(self, X: pd.DataFrame) -> FloatArray:
        """Return the log-odds of the positive class, shape (n_rows,)."""
        return self._score(X)

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        positive = expit(self._score(X))
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.generic]:
        """Return the likelier class of each row."""
        predicted: npt.NDArray[np.generic] = self.classes_[(self._score(X) > 0).astype(np.int64)]
        return predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _scored(self, model: BaseEstimator, block: pd.DataFrame) -> FloatArray:
        return log_odds(model, block)

    def _meta(
        self, matrix: FloatArray, target: FloatArray, weight: FloatArray
    ) -> tuple[float, FloatArray]:
        return logistic_weights(matrix, target, weight, self.strength)


class StackedBlocksRegression(RegressorMixin, Stack):
    r"""One regressor per block, stacked: late fusion for rates.

    As :class:`StackedBlocks`, with predicted rates for log-odds and least squares for the
    logistic regression: Breiman's stacked regressions (1996, Mach. Learn. 24:49) with a ridge
    penalty on the weights, in units of the rate's variance.

    Parameters
    ----------
    base, by_block, n_folds, strength, random_state
        As in :class:`StackedBlocks`, the models being regressors.

    Attributes
    ----------
    models_, block_weights_, block_means_, intercept_, left_out_
        As in :class:`StackedBlocks`.
    tuned_ : bool
        False if there was one patient alone; then all blocks weigh the same.

    Raises
    ------
    ModelError
        As :class:`StackedBlocks`.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 4)), columns=["a__1", "a__2", "b__1", "b__2"])
    >>> model = StackedBlocksRegression(Ridge()).fit(X, X["a__1"] + rng.normal(size=80))
    >>> model.block_weights_.round(1).to_dict()
    {'a': 1.0, 'b': 0.1}
    """

    def __init__(
        self,
        base: BaseEstimator,
        by_block: Mapping[str, BaseEstimator] | None = None,
        n_folds: int = 5,
        strength: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.base = base
        self.by_block = by_block
        self.n_folds = n_folds
        self.strength = strength
        self.random_state = random_state

    def fit(
        self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
    ) -> Self:
        """Fit the blocks' models, in folds and on all rows, and weigh them.

        Parameters are those of :meth:`StackedBlocks.fit`, ``y`` being rates.
        """
        weight = self._check(X, sample_weight)
        rate = np.asarray(y, dtype=np.float64)
        if rate.shape != (len(X),) or not np.isfinite(rate).all():
            raise ModelError(
                f"{type(self).__name__}: expected {len(X)} finite rates, received y of shape "
                f"{rate.shape}."
            )
        frame = X
        if weight is not None:
            frame, rate, weight = X[weight > 0], rate[weight > 0], weight[weight > 0]
        patients = patients_of(frame)
        n_folds = min(self.n_folds, len(np.unique(patients)))
        fold = patient_folds(patients, rate, n_folds, self.random_state) if n_folds > 1 else None
        self._fit(frame, rate, rate, weight, fold)
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Return the expected rate of each row, shape (n_rows,)."""
        return self._score(X)

    def _scored(self, model: BaseEstimator, block: pd.DataFrame) -> FloatArray:
        return np.asarray(model.predict(block), dtype=np.float64)

    def _meta(
        self, matrix: FloatArray, target: FloatArray, weight: FloatArray
    ) -> tuple[float, FloatArray]:
        return least_squares_weights(matrix, target, weight, self.strength)


def log_odds(model: BaseEstimator, X: pd.DataFrame) -> FloatArray:
    """Return a fitted classifier's log-odds of the larger class.

    Its decision function where that is the log-odds; else its probabilities, held between 0.01
    and 0.99; else its decision function as it is.
    """
    scores = None
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(X), dtype=np.float64)
    if not hasattr(model, "predict_proba"):
        return scores if scores is not None else np.asarray(model.predict(X), dtype=np.float64)
    positive = np.asarray(model.predict_proba(X), dtype=np.float64)[:, 1]
    if scores is not None and np.allclose(expit(scores), positive, atol=1e-9):
        return scores
    held: FloatArray = logit(np.clip(positive, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
    return held
