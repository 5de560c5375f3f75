"""A tabular foundation model: a pretrained network that is shown the training rows and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from tumor_response.exceptions import ModelError
from tumor_response.models.foundation.network import CHECKPOINTS, in_context
from tumor_response.models.inner import values_of
from tumor_response.models.training_rows import Matrix, TrainingRows, class_rows, rate_rows
from tumor_response.transformers.blocks import block_members

__all__ = ["InContextClassifier", "InContextRegressor", "equally_wide"]

FloatArray = npt.NDArray[np.float64]

MOST_CLASSES = 10


def equally_wide(names: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return positions of columns, those of a narrow block repeated as often as fits the widest.

    Examples
    --------
    >>> equally_wide(["clinical__age", "deep__a", "deep__b"]).tolist()
    [0, 0, 1, 2]
    """
    members = list(block_members(tuple(names)).values())
    widest = max(len(block) for block in members)
    return np.concatenate([np.tile(block, widest // len(block)) for block in members])


class _InContext(BaseEstimator):
    """The rows that are shown, and the trainings that are asked."""

    def __init__(self, n_checkpoints: int = 1) -> None:
        self.n_checkpoints = n_checkpoints

    def _remember(self, rows: TrainingRows) -> None:
        if not 1 <= self.n_checkpoints <= len(CHECKPOINTS):
            raise ModelError(
                f"n_checkpoints={self.n_checkpoints!r}: expected 1 to {len(CHECKPOINTS)}."
            )
        if not np.equal(rows.weight, np.round(rows.weight)).all():
            raise ModelError(
                f"{type(self).__name__} is shown rows, which have no weights; sample_weight must "
                "hold whole numbers, for rows that are shown several times.",
                code="sample_weight",
            )
        times = np.repeat(np.arange(len(rows.y)), rows.weight.astype(np.int64))
        names = getattr(self, "feature_names_in_", None)
        self.columns_ = (
            np.arange(rows.values.shape[1])
            if names is None
            else equally_wide(list(map(str, names)))
        )
        self.known_ = rows.values[times][:, self.columns_]
        self.outcome_ = rows.y[times].astype(np.float64)

    def _asked(self, X: Matrix, is_class: bool) -> list[FloatArray]:
        values = values_of(self, X)[:, self.columns_]
        return [
            in_context(self.known_, self.outcome_, values, name, is_class)
            for name in list(CHECKPOINTS)[: self.n_checkpoints]
        ]


class InContextClassifier(ClassifierMixin, _InContext):
    """Classes by the foundation model GeneICL, from one look at the training rows.

    GeneICL 1.0.0 (ETH Zurich 2026, MIT licence) is a transformer of 6.4 million parameters that
    was trained on synthetic tables of few rows and many columns. Nothing is trained here: the
    rows of ``fit`` are shown to it with their classes whenever it is asked. It standardises every
    column by the known rows and reduces them to the principal components of 90 % of the variance
    itself, so that a scale before it has no effect, and 3 clinical columns among 1,000 would be
    lost. The columns of a narrow block are therefore repeated until it is as wide as the widest
    (:func:`equally_wide`), which is block scaling by other means.

    A repeated row is shown repeatedly. There is nothing to tune.

    Parameters
    ----------
    n_checkpoints
        1 to 3 trainings of the network, whose probabilities are averaged; default 1.

    Attributes
    ----------
    known_, outcome_ : ndarray
        What is shown.
    columns_ : ndarray of int
        The columns of the fit that ``known_`` is made of.
    classes_ : ndarray

    Raises
    ------
    ModelError
        More than ten classes; code ``sample_weight``: weights that are no whole numbers.
    WeightsError
        When it is asked: codes ``weights_missing`` and ``weights_changed``.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 30)); y = (X[:, :5].sum(axis=1) > 0).astype(int)
    >>> InContextClassifier().fit(X, y).predict_proba(X[:3]).shape
    (3, 2)
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Keep the rows; ``sample_weight`` 2 is the same as a repeated row, 0 the same as none."""
        rows = class_rows(self, X, y, sample_weight, most_classes=None)
        if len(self.classes_) > MOST_CLASSES:
            raise ModelError(
                f"y holds {len(self.classes_)} classes; the network knows {MOST_CLASSES}."
            )
        self._remember(rows)
        return self

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probability of each class, shape (n_rows, n_classes)."""
        answers = self._asked(X, is_class=True)
        said = [softmax(logits[:, : len(self.classes_)], axis=1) for logits in answers]
        probabilities: FloatArray = np.mean(said, axis=0)
        return probabilities

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likeliest class of each row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        predicted: npt.NDArray[np.generic] = self.classes_[likeliest]
        return predicted


class InContextRegressor(RegressorMixin, _InContext):
    """Rates by the foundation model GeneICL; see :class:`InContextClassifier`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(40, 30)); y = X[:, :5].sum(axis=1)
    >>> InContextRegressor().fit(X, y).predict(X[:3]).shape
    (3,)
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Keep the rows; ``sample_weight`` 2 is the same as a repeated row, 0 the same as none."""
        self._remember(rate_rows(self, X, y, sample_weight))
        # the network knows rates of mean 0 and variance 1
        self._mean, self._spread = self.outcome_.mean(), self.outcome_.std() or 1.0
        self.outcome_ = (self.outcome_ - self._mean) / self._spread
        return self

    def predict(self, X: Matrix) -> FloatArray:
        """Return the expected rate of each row."""
        said = np.mean([rate[:, 0] for rate in self._asked(X, is_class=False)], axis=0)
        predicted: FloatArray = self._mean + self._spread * said
        return predicted
