"""Newton's method for many small convex problems at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import dposv

from tumor_response.exceptions import ModelError

__all__ = ["damped_newton"]

FloatArray = npt.NDArray[np.float64]

_SMALL_STEP = 1e-5


def damped_newton(
    objective: Callable[[FloatArray], FloatArray],
    derivatives: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    start: FloatArray,
    what: str,
) -> FloatArray:
    """Minimise all problems side by side and return their solutions.

    Iterates until a full step has moved no unknown by more than 1e-5 of the largest; convergence
    being quadratic, what is left is of the order of its square. A step that raises the objective
    is halved.

    Parameters
    ----------
    objective
        From solutions (n_problems, n_unknown) to values (n_problems,); infinite outside the
        domain.
    derivatives
        From solutions to gradients and Hessians, (n_problems, n_unknown) and
        (n_problems, n_unknown, n_unknown), the latter positive definite.
    start : array of shape (n_problems, n_unknown)
    what
        Whose problem it is, for the error.

    Raises
    ------
    ModelError
        No convergence within 200 steps.
    """
    solution = start
    value = objective(solution)
    for _ in range(200):
        gradient, hessian = derivatives(solution)
        step = _steps(hessian, gradient)
        length = np.ones(len(solution))
        for _ in range(60):
            candidate = solution + length[:, None] * step
            new_value = objective(candidate)
            worse = new_value > value + 1e-12 * (1.0 + np.abs(value))
            if not worse.any():
                break
            length[worse] *= 0.5
        solution, value = candidate, new_value
        moved = np.abs(step).max(axis=1) / (1e-3 + np.abs(solution).max(axis=1))
        if (moved <= _SMALL_STEP).all():
            return solution
    raise ModelError(
        f"{what}: Newton's method did not converge; columns of very different scale? Put "
        "BlockScaler or StandardScaler before it."
    )


def _steps(hessian: FloatArray, gradient: FloatArray) -> FloatArray:
    """Return each problem's Newton step, by Cholesky's factors where rounding leaves them."""
    step = np.empty_like(gradient)
    for problem, (matrix, slope) in enumerate(zip(hessian, gradient, strict=True)):
        _, solved, failed = dposv(matrix.T, slope)
        step[problem] = np.linalg.solve(matrix, slope) if failed else solved
    return -step
