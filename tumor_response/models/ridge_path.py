"""The numerics of ridge models: a whole path of penalties at once, in the span of the rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr
from scipy.special import expit

from tumor_response.models.newton import damped_newton

__all__ = ["held_out_scores", "least_squares_path", "logistic_losses", "newton_path", "row_span"]

FloatArray = npt.NDArray[np.float64]


def row_span(X: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Return coordinates Z of the rows in an orthonormal basis of their span: X = Z basis.T.

    A ridge penalty sees lengths only, so the problem in Z has the same solution. QR is exact to
    rounding, where a Gram matrix would square the condition number.
    """
    if X.shape[0] >= X.shape[1]:
        return X, None
    basis, triangle = qr(X.T, mode="economic", check_finite=False)
    return np.ascontiguousarray(triangle.T), basis


def held_out_scores(Z: FloatArray, solution: FloatArray, fold: npt.NDArray[np.int64]) -> FloatArray:
    """Return each row's score by the problem that was solved without the row's fold.

    Parameters
    ----------
    Z : array of shape (n_rows, n_dimensions)
    solution : array of shape (1 + n_folds, 1 + n_dimensions)
        Intercept first; row 0 is the whole sample.
    fold : array of int, shape (n_rows,)
    """
    scores: FloatArray = solution[fold + 1, 0] + np.einsum("ij,ij->i", Z, solution[fold + 1, 1:])
    return scores


def logistic_losses(logits: FloatArray, label: FloatArray) -> FloatArray:
    """Return the negative log-likelihood of each label (0 or 1) given its log-odds."""
    losses: FloatArray = np.logaddexp(0.0, logits) - label * logits
    return losses


def newton_path(
    Z: FloatArray, label: FloatArray, weights: FloatArray, Cs: FloatArray
) -> list[FloatArray]:
    """Solve all logistic problems (rows of ``weights``) for each C, from the strongest penalty.

    Returns one array (n_problems, 1 + n_dimensions) per C, intercept first.
    """
    design = np.column_stack([np.ones(len(Z)), Z])
    n_problems, n_unknown = len(weights), design.shape[1]
    diagonal = np.arange(n_unknown)
    share = np.clip((weights @ label) / weights.sum(axis=1), 1e-12, 1 - 1e-12)
    solution = np.zeros((n_problems, n_unknown))
    solution[:, 0] = np.log(share / (1 - share))
    path: list[FloatArray] = []
    paces = np.diff(np.log(Cs))
    pace = np.concatenate([[0.0, 0.0], paces[1:] / paces[:-1]])
    for C in Cs:
        penalty = np.full(n_unknown, 1.0 / C)
        penalty[0] = 0.0

        def objective(candidate: FloatArray, penalty: FloatArray = penalty) -> FloatArray:
            losses = logistic_losses(candidate @ design.T, label)
            value: FloatArray = (weights * losses).sum(axis=1) + 0.5 * candidate**2 @ penalty
            return value

        def derivatives(
            at: FloatArray, penalty: FloatArray = penalty
        ) -> tuple[FloatArray, FloatArray]:
            probability = expit(at @ design.T)
            gradient = (weights * (probability - label)) @ design + penalty * at
            curvature = weights * probability * (1.0 - probability)
            hessian = np.matmul(design.T[None] * curvature[:, None, :], design)
            # the intercept's curvature alone can underflow when every row is predicted surely
            hessian[:, diagonal, diagonal] += np.where(penalty > 0, penalty, 1e-14)
            return gradient, hessian

        start = solution
        if len(path) > 1:
            # the path is smooth in log C: go on as it went, wherever that is the better start
            ahead = path[-1] + pace[len(path)] * (path[-1] - path[-2])
            start = np.where((objective(ahead) < objective(start))[:, None], ahead, start)
        solution = damped_newton(objective, derivatives, start, f"Ridge logistic at C={C:g}")
        path.append(solution)
    return path


def least_squares_path(
    Z: FloatArray, y: FloatArray, weights: FloatArray, alphas: FloatArray
) -> FloatArray:
    """Solve all ridge regressions (rows of ``weights``) for each alpha.

    One singular value decomposition per problem serves all of its penalties.

    Returns
    -------
    ndarray of shape (n_alphas, n_problems, 1 + n_dimensions)
        Intercept first.
    """
    path = np.empty((len(alphas), len(weights), 1 + Z.shape[1]))
    for problem, weight in enumerate(weights):
        centre, height = np.average(Z, axis=0, weights=weight), np.average(y, weights=weight)
        root = np.sqrt(weight)
        left, stretch, right = np.linalg.svd(root[:, None] * (Z - centre), full_matrices=False)
        along = stretch * (left.T @ (root * (y - height)))
        slopes = (along / (stretch**2 + alphas[:, None])) @ right
        path[:, problem, 0] = height - slopes @ centre
        path[:, problem, 1:] = slopes
    return path
