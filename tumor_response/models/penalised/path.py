"""The lasso and the elastic net along a path of penalties: Newton steps, screened columns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from tumor_response.exceptions import ModelError
from tumor_response.models.ridge_path import logistic_losses

__all__ = ["LOGISTIC", "SQUARED", "Loss", "largest_slope", "solve_path"]

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


class Loss:
    """The squared loss of a row, half of it: its value, slope and curvature in the score."""

    quadratic = True

    def values(self, scores: FloatArray, y: FloatArray) -> FloatArray:
        """Return each row's loss."""
        losses: FloatArray = 0.5 * (y - scores) ** 2
        return losses

    def slopes(self, scores: FloatArray, y: FloatArray) -> FloatArray:
        """Return the derivative of each row's loss."""
        return scores - y

    def curvatures(self, scores: FloatArray) -> FloatArray:
        """Return the second derivative of each row's loss."""
        return np.ones_like(scores)

    def constant(self, share: float) -> float:
        """Return the best constant score for outcomes of this mean."""
        return share


class _Logistic(Loss):
    """The negative log-likelihood of 0 or 1 given its log-odds."""

    quadratic = False

    def values(self, scores: FloatArray, y: FloatArray) -> FloatArray:
        return logistic_losses(scores, y)

    def slopes(self, scores: FloatArray, y: FloatArray) -> FloatArray:
        slopes: FloatArray = expit(scores) - y
        return slopes

    def curvatures(self, scores: FloatArray) -> FloatArray:
        probability: FloatArray = expit(scores)
        return probability * (1.0 - probability)

    def constant(self, share: float) -> float:
        held = float(np.clip(share, 1e-12, 1 - 1e-12))
        return float(np.log(held / (1 - held)))


SQUARED, LOGISTIC = Loss(), _Logistic()


class _Problem(NamedTuple):
    X: FloatArray
    y: FloatArray
    weight: FloatArray
    loss: Loss


class _State(NamedTuple):
    """Intercept, coefficients of the columns looked at, scores of the rows."""

    intercept: float
    coefficients: FloatArray
    scores: FloatArray


def largest_slope(X: FloatArray, y: FloatArray, weight: FloatArray) -> float:
    """Return the smallest L1 penalty under which every coefficient is 0."""
    residual = weight * (y - np.average(y, weights=weight))
    return float(np.abs(residual @ X).max(initial=0.0))


def solve_path(
    X: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    l1: FloatArray,
    l2: FloatArray,
    loss: Loss,
) -> tuple[FloatArray, FloatArray]:
    r"""Minimise :math:`\sum_i w_i L(y_i, f(x_i)) + \lambda_1 |\beta|_1 + \lambda_2 |\beta|^2/2`.

    Down the path each solution starts from the one before. A column whose slope there is below
    twice the new penalty less the old one is left aside (the strong rule, Tibshirani et al. 2012,
    J. R. Stat. Soc. B 74:245); afterwards the slopes of all columns are looked at, and those that
    the rule left out wrongly come in, until none is left.

    Parameters
    ----------
    X : array of shape (n_rows, n_columns)
        Standardised.
    y : array of shape (n_rows,)
        0 and 1 for ``LOGISTIC``; of a spread near 1 for ``SQUARED``.
    weight : array of shape (n_rows,)
        0 leaves a row out.
    l1, l2 : arrays of shape (n_penalties,)
        Both penalties of each place on the path, descending.
    loss
        ``LOGISTIC`` or ``SQUARED``.

    Returns
    -------
    intercepts, coefficients : arrays of shape (n_penalties,), (n_penalties, n_columns)

    Raises
    ------
    ModelError
        No convergence.
    """
    used = weight > 0
    problem = _Problem(np.ascontiguousarray(X[used]), y[used], weight[used], loss)
    intercepts, path = np.empty(len(l1)), np.zeros((len(l1), X.shape[1]))
    intercept = loss.constant(float(np.average(problem.y, weights=problem.weight)))
    coefficients = np.zeros(X.shape[1])
    slopes = _slopes(problem, np.full(len(problem.y), intercept))
    before = float(np.abs(slopes).max(initial=0.0))
    active = np.zeros(X.shape[1], dtype=bool)
    # a path that begins at a weak penalty is led up to it: from nothing at once is a long way
    lead = _halvings(before, float(l1[0]))
    ahead = l2[0] / l1[0] * lead
    for place, (absolute, square) in enumerate(
        zip(np.r_[lead, l1], np.r_[ahead, l2], strict=True), start=-len(lead)
    ):
        looked_at = active | (np.abs(slopes) >= 2 * absolute - max(before, absolute))
        while True:
            columns = np.nonzero(looked_at)[0]
            start = coefficients[columns]
            intercept, coefficients[columns], scores = _newton(
                problem, columns, intercept, start, float(absolute), float(square)
            )
            slopes = _slopes(problem, scores)
            missed = ~looked_at & (np.abs(slopes) > absolute * (1 + 1e-9))
            if not missed.any():
                break
            looked_at |= missed
        active |= coefficients != 0
        before = absolute
        if place >= 0:
            intercepts[place], path[place] = intercept, coefficients
    return intercepts, path


def _halvings(first: float, last: float) -> FloatArray:
    """Return penalties between ``first`` and ``last``, each half of the one before, if any."""
    n = int(np.log2(first / last)) if first > last else 0
    halvings: FloatArray = first * 0.5 ** np.arange(1, n + 1, dtype=np.float64)
    return halvings


def _slopes(problem: _Problem, scores: FloatArray) -> FloatArray:
    slopes: FloatArray = (problem.weight * problem.loss.slopes(scores, problem.y)) @ problem.X
    return slopes


def _newton(
    problem: _Problem,
    columns: npt.NDArray[np.int64],
    intercept: float,
    coefficients: FloatArray,
    l1: float,
    l2: float,
) -> _State:
    """Minimise over the intercept and some columns, the others' coefficients being 0."""
    X, y, weight, loss = problem.X[:, columns], problem.y, problem.weight, problem.loss

    def objective(state: _State) -> float:
        b = state.coefficients
        fit = float(weight @ loss.values(state.scores, y))
        return fit + l1 * float(np.abs(b).sum()) + 0.5 * l2 * float(b @ b)

    state = _State(intercept, coefficients, intercept + X @ coefficients)
    value = objective(state)
    for _ in range(200):
        residual = weight * loss.slopes(state.scores, y)
        curvature = weight * loss.curvatures(state.scores)
        # every row predicted surely has none left
        total = max(float(curvature.sum()), 1e-14)
        bent = curvature[:, None] * X
        sums = bent.sum(axis=0)
        # the intercept is free: what it does for any move of the others is taken into account
        hessian = bent.T @ X - np.outer(sums, sums) / total
        hessian.flat[:: len(columns) + 1] += l2
        slope = residual @ X + l2 * state.coefficients - sums * (residual.sum() / total)
        step = _quadratic(hessian, slope, state.coefficients, l1) - state.coefficients
        shift = -(float(residual.sum()) + float(sums @ step)) / total
        move = shift + X @ step
        length = 1.0
        for _ in range(60):
            candidate = _State(
                state.intercept + length * shift,
                state.coefficients + length * step,
                state.scores + length * move,
            )
            new_value = objective(candidate)
            if new_value <= value + 1e-12 * (1.0 + abs(value)):
                break
            length *= 0.5
        size = 1e-3 + max(abs(candidate.intercept), np.abs(candidate.coefficients).max(initial=0.0))
        moved = max(abs(shift), np.abs(step).max(initial=0.0))
        state, value = candidate, new_value
        if loss.quadratic or moved <= 1e-6 * size:
            return state
    raise _not_converged(l1)


def _quadratic(
    hessian: FloatArray, slope: FloatArray, coefficients: FloatArray, l1: float
) -> FloatArray:
    """Return the minimum of the quadratic model plus the L1 penalty.

    Coordinate descent proposes which coefficients are not 0 and their signs; among those signs
    the minimum is found exactly, and descent goes on from there until no other column wants in.
    """
    # here and not above: compiled loops take a second to import, which only this model pays
    from tumor_response.models.penalised.descent import descend

    b, s = coefficients.copy(), slope.copy()
    for _ in range(500):
        if descend(hessian, s, b, l1, 5, 1e-10) <= 1e-10:
            return b
        settled = _settle(hessian, b, s, l1)
        s = slope + hessian @ (b - coefficients)  # without the rounding of many small steps
        if settled and (np.abs(s[b == 0]) <= l1 * (1 + 1e-9)).all():
            return b
    raise _not_converged(l1)


def _settle(hessian: FloatArray, b: FloatArray, s: FloatArray, l1: float) -> bool:
    """Go to the minimum among the signs that ``b`` has, in place; tell whether it was reached.

    Newton's step goes there at once. Where it would turn a sign, it ends at the first coefficient
    that becomes 0, which stays so. More columns than rows, or copies of one, make the system
    singular; a trace of ridge lets the step run along what is not determined until one drops out.
    """
    for _ in range(2 * len(b)):
        there = np.nonzero(b)[0]
        if not there.size:
            return True
        signs = np.sign(b[there])
        excess = s[there] + l1 * signs
        if np.abs(excess).max() <= 1e-10 * l1:
            return True
        system = hessian[np.ix_(there, there)]
        system.flat[:: len(there) + 1] += 1e-12 * np.trace(system)
        step = -np.linalg.solve(system, excess)
        turned = (b[there] + step) * signs <= 0
        if turned.any():
            shares = np.where(turned, -b[there] / np.where(turned, step, 1.0), np.inf)
            first = int(np.argmin(shares))
            step *= shares[first]
            step[first] = -b[there[first]]
        b[there] += step
        s += hessian[:, there] @ step
    return False


def _not_converged(l1: float) -> ModelError:
    return ModelError(
        f"Coordinate descent did not converge at an L1 penalty of {l1:g}; allow stronger penalties "
        "only, or an elastic net with a smaller l1_ratio.",
        code="not_converged",
    )
