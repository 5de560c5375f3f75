"""Non-negative weights of what single models say: the last stage of stacking."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, nnls
from scipy.special import expit

from tumor_response.models.ridge_path import logistic_losses

__all__ = ["least_squares_weights", "logistic_weights"]

FloatArray = npt.NDArray[np.float64]


def logistic_weights(
    said: FloatArray, label: FloatArray, weight: FloatArray, strength: float
) -> tuple[float, FloatArray]:
    r"""Return the intercept and the non-negative weights of a ridge logistic regression.

    Minimises :math:`\sum_i w_i \log(1 + e^{-s_i f_i}) + \frac{\lambda}{2} \lVert v \rVert^2` over
    :math:`f = b + M v` with :math:`v \ge 0`; convex, so that there is one optimum.

    Parameters
    ----------
    said : array of shape (n_rows, n_models)
        Centred log-odds, M.
    label : array of shape (n_rows,)
        0 and 1.
    weight : array of shape (n_rows,)
    strength
        The penalty, above 0.

    Examples
    --------
    >>> label = np.array([0.0, 0.0, 1.0, 1.0])
    >>> against = np.column_stack([label - 0.5, 0.5 - label])
    >>> logistic_weights(against, label, np.ones(4), 1.0)[1].round(3).tolist()
    [0.802, 0.0]
    """
    share = np.average(label, weights=weight)
    start = np.zeros(said.shape[1] + 1)
    start[0] = np.log(share / (1 - share))

    def objective(at: FloatArray) -> tuple[float, FloatArray]:
        logits = at[0] + said @ at[1:]
        residual = weight * (expit(logits) - label)
        value = weight @ logistic_losses(logits, label) + strength / 2 * at[1:] @ at[1:]
        gradient = np.concatenate([[residual.sum()], said.T @ residual + strength * at[1:]])
        return float(value), gradient

    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), *[(0.0, None)] * said.shape[1]],
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000},
    )
    return float(found.x[0]), np.asarray(found.x[1:], dtype=np.float64)


def least_squares_weights(
    said: FloatArray, rate: FloatArray, weight: FloatArray, strength: float
) -> tuple[float, FloatArray]:
    r"""Return the intercept and the non-negative weights of a ridge regression.

    Minimises :math:`\sum_i w_i (y_i - b - (M v)_i)^2 / s^2 + \lambda \lVert v \rVert^2` with
    :math:`v \ge 0`, s² being the variance of y, so that the penalty has no unit. Without the
    penalty these are the stacked regressions of Breiman (1996, Mach. Learn. 24:49).

    Examples
    --------
    >>> rate = np.array([1.0, 2.0, 3.0])
    >>> least_squares_weights(rate[:, None] - 2, rate, np.ones(3), 1e-9)[1].round(6).tolist()
    [1.0]
    """
    middle, centre = np.average(rate, weights=weight), np.average(said, axis=0, weights=weight)
    spread = np.sqrt(np.average((rate - middle) ** 2, weights=weight)) or 1.0
    root = np.sqrt(weight)[:, None] / spread
    n_models = said.shape[1]
    design = np.vstack([root * (said - centre), np.sqrt(strength) * np.eye(n_models)])
    target = np.concatenate([root[:, 0] * (rate - middle), np.zeros(n_models)])
    weights: FloatArray = nnls(design, target)[0]
    return float(middle - centre @ weights), weights
