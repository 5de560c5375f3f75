"""The numerics of the proportional-odds model with a ridge penalty, in the span of the rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.models.newton import damped_newton
from tumor_response.models.ridge_path import logistic_losses

__all__ = ["class_probabilities", "cumulative_path"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def cumulative_path(
    Z: FloatArray, label: IntArray, weights: FloatArray, Cs: FloatArray
) -> list[FloatArray]:
    r"""Solve all proportional-odds problems (rows of ``weights``) for each C, strongest first.

    With :math:`F` the logistic function, cut-points :math:`\theta_1 < \theta_2 < \dots` and
    :math:`\eta = \beta^\top z`, the probability of class k is :math:`F(\theta_{k+1} - \eta) -
    F(\theta_k - \eta)`, which is :math:`F(\theta_{k+1} - \eta)\,F(\eta - \theta_k)\,(1 -
    e^{\theta_k - \theta_{k+1}})`. So its negative logarithm is that of one or two logistic
    regressions, plus a term in the distance of neighbouring cut-points: convex, and infinite
    where they meet.

    Parameters
    ----------
    Z : array of shape (n_rows, n_dimensions)
    label : array of int, shape (n_rows,)
        0 to n_classes - 1; every problem has rows of each class.
    weights : array of shape (n_problems, n_rows)
    Cs : array of shape (n_penalties,)
        Inverse penalties, ascending.

    Returns
    -------
    list of arrays of shape (n_problems, n_classes - 1 + n_dimensions)
        One for each C, cut-points first.
    """
    n_cuts = int(label.max())
    cuts = np.arange(n_cuts)
    # a row below its upper cut-point is an event there, above its lower one none
    below, above = np.nonzero(label < n_cuts)[0], np.nonzero(label > 0)[0]
    row = np.r_[below, above]
    at = np.r_[label[below], label[above] - 1]
    design = np.column_stack([(at[:, None] == cuts).astype(np.float64), -Z[row]])
    event = np.r_[np.ones(len(below)), np.zeros(len(above))]
    row_weights = weights[:, row]
    of_class = np.stack([weights[:, label == k].sum(axis=1) for k in range(n_cuts + 1)], axis=1)
    between = of_class[:, 1:-1]
    n_unknown = design.shape[1]
    solution = np.zeros((len(weights), n_unknown))
    share = np.cumsum(of_class, axis=1)[:, :-1] / of_class.sum(axis=1, keepdims=True)
    solution[:, :n_cuts] = np.log(share / (1 - share))
    diagonal, lower, upper = np.arange(n_unknown), cuts[:-1], cuts[1:]
    path = []
    for C in Cs:
        penalty = np.full(n_unknown, 1.0 / C)
        penalty[:n_cuts] = 0.0

        def objective(candidate: FloatArray, penalty: FloatArray = penalty) -> FloatArray:
            losses = logistic_losses(candidate @ design.T, event)
            value = (row_weights * losses).sum(axis=1) + 0.5 * candidate**2 @ penalty
            distance = np.diff(candidate[:, :n_cuts], axis=1)
            apart = (distance > 0).all(axis=1)
            gap = np.where(distance > 0, distance, 1.0)
            value = value - (between * np.log(-np.expm1(-gap))).sum(axis=1)
            return np.where(apart, value, np.inf)

        def derivatives(
            at: FloatArray, penalty: FloatArray = penalty
        ) -> tuple[FloatArray, FloatArray]:
            probability = expit(at @ design.T)
            gradient = (row_weights * (probability - event)) @ design + penalty * at
            curvature = row_weights * probability * (1.0 - probability)
            hessian = np.matmul(design.T[None] * curvature[:, None, :], design)
            hessian[:, diagonal, diagonal] += np.where(penalty > 0, penalty, 1e-14)
            distance = np.diff(at[:, :n_cuts], axis=1)
            push = -between / np.expm1(distance)
            bend = -push / -np.expm1(-distance)
            gradient[:, upper] += push
            gradient[:, lower] -= push
            hessian[:, upper, upper] += bend
            hessian[:, lower, lower] += bend
            hessian[:, lower, upper] -= bend
            hessian[:, upper, lower] -= bend
            return gradient, hessian

        solution = damped_newton(objective, derivatives, solution, f"OrdinalRidge at C={C:g}")
        path.append(solution)
    return path


def class_probabilities(cut_points: FloatArray, scores: FloatArray) -> FloatArray:
    """Return the probability of each class, shape (n_rows, n_classes).

    Parameters
    ----------
    cut_points : array of shape (n_classes - 1,) or (n_rows, n_classes - 1)
        Ascending.
    scores : array of shape (n_rows,)

    Examples
    --------
    >>> class_probabilities(np.array([-1.0, 1.0]), np.array([0.0])).round(3).tolist()
    [[0.269, 0.462, 0.269]]
    """
    cumulative = expit(cut_points - scores[:, None])
    ends = np.zeros((len(scores), 1))
    # as differences in the smaller tail, which rounding does not swallow
    exceeded = expit(scores[:, None] - cut_points)
    from_below = np.diff(np.hstack([ends, cumulative, ends + 1.0]), axis=1)
    from_above = -np.diff(np.hstack([ends + 1.0, exceeded, ends]), axis=1)
    low = np.hstack([cumulative, ends + 1.0]) < 0.5
    return np.where(low, from_below, from_above)
