"""Gaussian processes whose kernel is chosen from a small fixed set by its evidence."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from tumor_response.models.inner import values_of
from tumor_response.models.kernel.laplace import (
    SHAPES,
    laplace,
    mean_probability,
    shaped,
)
from tumor_response.models.training_rows import (
    ClassWeight,
    Matrix,
    TrainingRows,
    class_rows,
    class_weighted,
    rate_rows,
)

__all__ = ["GaussianProcessClassifier", "GaussianProcessRegressor"]

FloatArray = npt.NDArray[np.float64]

AMPLITUDES: tuple[float, ...] = tuple(float(a) for a in np.logspace(-1.5, 2, 8))
"""Variances of the latent log-odds, half a decade apart: from probabilities that hardly leave
the prior to ones beyond 0.999."""

INTERCEPT_VARIANCE = 10.0
"""Of the constant in the latent log-odds: a prior that holds shares of 1 to 99 in a hundred."""

NOISES: tuple[float, ...] = tuple(float(a) for a in np.logspace(-2, 3, 11))
"""Noise variance of a rate as a multiple of the kernel's amplitude."""


class _OnKernels(BaseEstimator):
    """Rows, kernels between them, and how both processes read a table."""

    def _remember(self, rows: TrainingRows) -> tuple[FloatArray, FloatArray]:
        """Note the rows; return their inner products and squared distances."""
        self._centre = rows.values.mean(axis=0)
        self._rows = rows.values - self._centre
        # rows that are all alike leave no scale; any will do
        self._variance = float((self._rows**2).sum(axis=1).mean()) or 1.0
        return self._rows @ self._rows.T, cdist(self._rows, self._rows, "sqeuclidean")

    def _against(self, X: Matrix) -> tuple[FloatArray, FloatArray]:
        """Return the chosen shape's kernel with the training rows, and of each row with itself."""
        centred = values_of(self, X) - self._centre
        across = shaped(
            self.shape_,
            centred @ self._rows.T,
            cdist(centred, self._rows, "sqeuclidean"),
            self._variance,
        )
        own = shaped(self.shape_, (centred**2).sum(axis=1), np.zeros(len(centred)), self._variance)
        return across, own


class GaussianProcessClassifier(ClassifierMixin, _OnKernels):
    r"""Two-class Gaussian process: linear, smooth or both, as the evidence says.

    The log-odds are a Gaussian process with covariance :math:`10 + a\,[\,l\,x^\top z / V +
    (1 - l) \exp(-\lVert x - z\rVert^2 / (2 c V))]`; :math:`V` is the mean squared length of a
    centred training row, which makes lengths comparable whatever the number of columns. The
    posterior is Laplace's approximation (Williams and Barber 1998, IEEE TPAMI 20:1342; Rasmussen
    and Williams 2006, chapter 3), the probability its mean and not the probability at its mode.

    :math:`l \in \{1, 1/2, 0\}`, :math:`c \in \{2, 1, 1/2\}` and eight amplitudes :math:`a` are
    tried and the largest evidence (marginal likelihood) taken. A grid and no gradient: with a
    hundred patients the evidence is flat and has several tops, from which an optimiser's starting
    point, and not the data, would choose. For the same reason there is no length scale per column.

    No fold is held out, so that tuning has nothing to group. But **each row counts once in the
    evidence**, however often it was drawn: two copies in a bootstrap sample would each be
    predicted from the other, and the evidence would prefer whatever memorises. The posterior then
    counts them as often as they are there.

    Parameters
    ----------
    class_weight
        ``"balanced"`` weighs each class the same in the posterior.

    Attributes
    ----------
    shape_ : Shape
    amplitude_ : float
    evidence_ : float
        Log marginal likelihood of what was chosen, each row once.
    classes_ : ndarray of shape (2,)

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 3)); y = (X[:, 0] > 0).astype(int)
    >>> model = GaussianProcessClassifier().fit(X, y)
    >>> model.shape_.linear > 0, bool(model.score(X, y) > 0.9)
    (True, True)
    """

    def __init__(self, class_weight: ClassWeight = None) -> None:
        self.class_weight = class_weight

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose the kernel and fit; ``sample_weight`` 2 is the same as a repeated row."""
        rows = class_rows(self, X, y, sample_weight)
        weight = class_weighted(self.classes_[rows.y], rows.weight, self.class_weight)
        label = rows.y.astype(np.float64)
        products, distances = self._remember(rows)
        once = np.ones(len(label))
        best = -np.inf
        for shape in SHAPES:
            kernel = shaped(shape, products, distances, self._variance)
            dual = np.zeros(len(label))
            for amplitude in AMPLITUDES:
                found = laplace(amplitude * kernel + INTERCEPT_VARIANCE, label, once, dual)
                dual = found.pull
                if found.evidence > best + 1e-9:
                    best = found.evidence
                    self.shape_, self.amplitude_, self.evidence_ = shape, amplitude, best
        kernel = shaped(self.shape_, products, distances, self._variance)
        self.posterior_ = laplace(
            self.amplitude_ * kernel + INTERCEPT_VARIANCE, label, weight, np.zeros(len(label))
        )
        return self

    def predict_proba(self, X: Matrix) -> FloatArray:
        """Return the probabilities of both classes, shape (n_rows, 2)."""
        across, own = self._against(X)
        across = self.amplitude_ * across + INTERCEPT_VARIANCE
        variance = self.posterior_.variance(across, self.amplitude_ * own + INTERCEPT_VARIANCE)
        positive = mean_probability(across @ self.posterior_.pull, variance)
        return np.column_stack([1.0 - positive, positive])

    def predict(self, X: Matrix) -> npt.NDArray[np.generic]:
        """Return the likelier class of each row."""
        positive = self.predict_proba(X)[:, 1] > 0.5
        predicted: npt.NDArray[np.generic] = self.classes_[positive.astype(np.int64)]
        return predicted

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


class GaussianProcessRegressor(RegressorMixin, _OnKernels):
    r"""Gaussian process of a rate, kernel and noise chosen by evidence.

    The same kernels as :class:`GaussianProcessClassifier`, about the mean rate. For each shape
    eleven ratios of noise to amplitude are tried; the amplitude of the largest evidence follows
    in closed form: :math:`a = y^\top (K + r I)^{-1} y / n` (Rasmussen and Williams 2006, section
    5.4). Each row counts once in the evidence.

    Attributes
    ----------
    shape_, evidence_
        As in :class:`GaussianProcessClassifier`.
    amplitude_, noise_ : float
        Variances, in the squared unit of the rate.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 3)); y = X[:, 0] + 0.1 * rng.normal(size=60)
    >>> bool(GaussianProcessRegressor().fit(X, y).score(X, y) > 0.9)
    True
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Choose kernel and noise, and fit; a row of weight 2 has half the noise."""
        rows = rate_rows(self, X, y, sample_weight)
        products, distances = self._remember(rows)
        given = rows.y.astype(np.float64)
        self._mean = float(np.average(given, weights=rows.weight))
        rate = given - self._mean
        n, ratio, best = len(rate), NOISES[-1], -np.inf
        self.shape_, self.amplitude_ = SHAPES[0], 0.0
        for shape in SHAPES if (rate != 0).any() else ():
            kernel = shaped(shape, products, distances, self._variance)
            values, vectors = np.linalg.eigh(kernel)
            turned = (vectors.T @ rate) ** 2
            for noise in reversed(NOISES):
                spectrum = np.maximum(values, 0.0) + noise
                amplitude = float((turned / spectrum).mean())
                evidence = -0.5 * (n * (np.log(2 * np.pi * amplitude) + 1) + np.log(spectrum).sum())
                if evidence > best + 1e-9:
                    best, ratio = float(evidence), noise
                    self.shape_, self.amplitude_ = shape, amplitude
        self.evidence_, self.noise_ = best, ratio * self.amplitude_
        kernel = shaped(self.shape_, products, distances, self._variance)
        kernel[np.diag_indices(n)] += ratio / rows.weight
        self.dual_ = cho_solve(cho_factor(kernel, lower=True), rate)
        return self

    def predict(self, X: Matrix) -> FloatArray:
        """Return the expected rate of each row."""
        across, _ = self._against(X)
        predicted: FloatArray = self._mean + across @ self.dual_
        return predicted
