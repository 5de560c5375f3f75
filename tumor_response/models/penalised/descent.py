"""Coordinate descent on a quadratic with an L1 penalty, compiled."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.features.radiomics.kernels import kernel

__all__ = ["descend"]

FloatArray = npt.NDArray[np.float64]


@kernel
def descend(
    hessian: FloatArray,
    slope: FloatArray,
    coefficients: FloatArray,
    l1: float,
    n_sweeps: int,
    enough: float,
) -> float:
    """Sweep over the coordinates, in place; return how far the last sweep still moved.

    Minimises ``0.5 d' H d + s' d + l1 |b + d|_1`` over d, one coordinate after the other, each
    time exactly (Friedman, Hastie and Tibshirani 2010, J. Stat. Softw. 33:1, the covariance
    update).

    Parameters
    ----------
    hessian : array of shape (n, n)
    slope : array of shape (n,)
        The quadratic's gradient at ``coefficients``; kept so.
    coefficients : array of shape (n,)
    l1
        The penalty.
    n_sweeps
        At most so many.
    enough
        Sweeps end when no coordinate j moves by more, in units of ``1 / sqrt(hessian[j, j])``.

    Examples
    --------
    >>> b, s = np.zeros(2), np.array([-3.0, -0.5])
    >>> descend(np.eye(2), s, b, 1.0, 10, 1e-9), b.tolist()
    (0.0, [2.0, 0.0])
    """
    n = len(slope)
    furthest = 0.0
    for _ in range(n_sweeps):
        furthest = 0.0
        for j in range(n):
            bend = hessian[j, j]
            if bend <= 0.0:  # a constant column
                continue
            before = coefficients[j]
            pull = bend * before - slope[j]
            after = 0.0
            if pull > l1:
                after = (pull - l1) / bend
            elif pull < -l1:
                after = (pull + l1) / bend
            move = after - before
            if move == 0.0:
                continue
            coefficients[j] = after
            for k in range(n):
                slope[k] += move * hessian[j, k]
            far = bend * move * move
            if far > furthest:
                furthest = far
        if furthest <= enough * enough:
            break
    distance: float = np.sqrt(furthest)
    return distance
