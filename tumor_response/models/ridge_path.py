"""The numerics of ridge logistic regression: its whole path at once, in the span of the rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.linalg import qr
from scipy.special import expit

from tumor_response.exceptions import ModelError

__all__ = ["checked_path", "logistic_losses", "merge_copies", "newton_path", "row_span"]

FloatArray = npt.NDArray[np.float64]


def checked_path(Cs: Sequence[float], n_inner_folds: int) -> FloatArray:
    """Return the penalties of a path, sorted and each once; raises :class:`ModelError`."""
    path = np.unique(np.asarray(Cs, dtype=np.float64))
    if not (path.size and np.isfinite(path).all() and (path > 0).all()):
        raise ModelError(f"Cs={Cs!r}: expected one or more positive finite numbers.")
    if n_inner_folds < 2:
        raise ModelError(f"n_inner_folds={n_inner_folds!r}: expected 2 or more.")
    return path


def merge_copies(
    X: FloatArray,
    label: npt.NDArray[np.int64],
    weight: FloatArray,
    patients: npt.NDArray[np.int64],
) -> tuple[FloatArray, npt.NDArray[np.int64], FloatArray, npt.NDArray[np.int64]]:
    """Merge equal rows of one patient and class, adding their weights; others stay apart."""
    first: dict[tuple[bytes, int, int], int] = {}
    place = np.empty(len(X), dtype=np.int64)
    for row in range(len(X)):
        key = (X[row].tobytes(), int(label[row]), int(patients[row]))
        place[row] = first.setdefault(key, len(first))
    keep = np.unique(place, return_index=True)[1]
    merged: FloatArray = np.bincount(place, weights=weight).astype(np.float64)
    return X[keep], label[keep], merged, patients[keep]


def row_span(X: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Return coordinates Z of the rows in an orthonormal basis of their span: X = Z basis.T.

    A ridge penalty sees lengths only, so the problem in Z has the same solution. QR is exact to
    rounding, where a Gram matrix would square the condition number.
    """
    if X.shape[0] >= X.shape[1]:
        return X, None
    basis, triangle = qr(X.T, mode="economic", check_finite=False)
    return np.ascontiguousarray(triangle.T), basis


def logistic_losses(logits: FloatArray, label: FloatArray) -> FloatArray:
    """Return the negative log-likelihood of each label (0 or 1) given its log-odds."""
    losses: FloatArray = np.logaddexp(0.0, logits) - label * logits
    return losses


def newton_path(
    Z: FloatArray, label: FloatArray, weights: FloatArray, Cs: FloatArray
) -> list[FloatArray]:
    """Solve all problems (rows of ``weights``) for each C in turn, from the strongest penalty.

    Returns one array (n_problems, 1 + n_dimensions) per C, intercept first. Iterates until a full
    step moves no coordinate by more than 1e-6 of the largest; convergence being quadratic, what
    is left is at rounding level.
    """
    design = np.column_stack([np.ones(len(Z)), Z])
    n_problems, n_unknown = len(weights), design.shape[1]
    share = np.clip((weights @ label) / weights.sum(axis=1), 1e-12, 1 - 1e-12)
    solution = np.zeros((n_problems, n_unknown))
    solution[:, 0] = np.log(share / (1 - share))
    path = []
    for C in Cs:
        penalty = np.full(n_unknown, 1.0 / C)
        penalty[0] = 0.0

        def objective(candidate: FloatArray, penalty: FloatArray = penalty) -> FloatArray:
            losses = logistic_losses(candidate @ design.T, label)
            value: FloatArray = (weights * losses).sum(axis=1) + 0.5 * candidate**2 @ penalty
            return value

        value = objective(solution)
        for _ in range(200):
            probability = expit(solution @ design.T)
            gradient = (weights * (probability - label)) @ design + penalty * solution
            curvature = weights * probability * (1.0 - probability)
            hessian = np.matmul(design.T[None] * curvature[:, None, :], design)
            diagonal = np.arange(n_unknown)
            # the intercept's curvature alone can underflow when every row is predicted surely
            hessian[:, diagonal, diagonal] += np.where(penalty > 0, penalty, 1e-14)
            step = -np.linalg.solve(hessian, gradient[..., None])[..., 0]
            length = np.ones(n_problems)
            for _ in range(60):
                candidate = solution + length[:, None] * step
                new_value = objective(candidate)
                worse = new_value > value + 1e-12 * (1.0 + np.abs(value))
                if not worse.any():
                    break
                length[worse] *= 0.5
            solution, value = candidate, new_value
            moved = np.abs(step).max(axis=1) / (1e-3 + np.abs(solution).max(axis=1))
            if (moved <= 1e-6).all():
                break
        else:
            raise ModelError(
                f"RidgeLogistic: Newton's method did not converge at C={C:g}; columns of very "
                "different scale? Put BlockScaler or StandardScaler before it."
            )
        path.append(solution.copy())
    return path
