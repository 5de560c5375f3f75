"""Cleveland's lowess without robustness rounds, step for step as R's ``lowess(x, y, iter = 0)``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.evaluation.performance.arrays import FloatArray, checked_numbers
from tumor_response.exceptions import EvaluationError

__all__ = ["lowess"]

IntArray = npt.NDArray[np.int64]

_NEAR, _FAR = 0.001, 0.999
"""Shares of the bandwidth within which a weight is 1, and beyond which it is 0."""

_CELLS = 2_000_000
"""Entries of a matrix of weights, which bounds the memory."""


def lowess(
    x: npt.ArrayLike, y: npt.ArrayLike, share: float = 2 / 3, delta: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Smooth y over x by locally weighted straight lines (Cleveland 1979, JASA 74:829).

    At x_i the ``share`` of the points nearest to it are weighted by
    ``(1 - (|x - x_i| / h)^3)^3``, h the distance of the farthest of them, and a line is fitted by
    weighted least squares. A new line is fitted only where x has moved by more than ``delta``;
    between, values are interpolated (Cleveland 1981, The American Statistician 35:54).

    Robustness rounds, which would give outliers less weight, are left out: of a 0/1 outcome in a
    region where most are 0 every 1 is an "outlier", and the smooth would be pulled to 0. R's
    default for calibration curves (``rms::val.prob``) leaves them out too.

    Parameters
    ----------
    x, y : arrays of shape (n,)
        In any order.
    share
        Share of the points in each local fit, above 0; default 2/3, as in R.
    delta
        Default: a hundredth of the range of x, as in R.

    Returns
    -------
    tuple of arrays of shape (n,)
        x sorted, and the smoothed y at each; equal x have equal values.

    Raises
    ------
    EvaluationError
        ``shape``, ``not_finite``; ``smoothing`` for a share or delta out of range.

    Examples
    --------
    >>> x, smooth = lowess([3, 1, 2, 4], [6, 2, 4, 8])
    >>> x.tolist(), smooth.round(12).tolist()
    ([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    """
    xs, ys = checked_numbers(x, y)
    order = np.argsort(xs, kind="stable")
    xs, ys = xs[order], ys[order]
    delta = 0.01 * float(xs[-1] - xs[0]) if delta is None else float(delta)
    if not share > 0 or not delta >= 0:
        raise EvaluationError(
            f"share={share}, delta={delta}: expected a share above 0 and a delta of 0 or more.",
            code="smoothing",
        )
    anchors = _anchors(xs, delta)
    lines = _local_lines(xs, ys, anchors, share)
    return xs, np.interp(xs, xs[anchors], lines)


def _anchors(xs: FloatArray, delta: float) -> IntArray:
    """Return where lines are fitted: the first of equal x, at most ``delta`` apart if they can."""
    after_ties = np.searchsorted(xs, xs, side="right")
    in_reach = np.searchsorted(xs, xs + delta, side="right")
    anchors, i = [0], 0
    while (past := int(after_ties[i])) < xs.size:
        i = max(past, int(in_reach[past - 1]) - 1)
        anchors.append(i)
    return np.array(anchors, dtype=np.int64)


def _local_lines(xs: FloatArray, ys: FloatArray, anchors: IntArray, share: float) -> FloatArray:
    """Return each local line's value at its anchor."""
    n = xs.size
    n_local = max(min(n, int(share * n + 1e-7)), min(2, n))
    lefts, left = [], 0
    for i in anchors:
        # slide the window right as long as the next point is nearer than the leftmost
        while left + n_local < n and xs[i] - xs[left] > xs[left + n_local] - xs[i]:
            left += 1
        lefts.append(left)
    lines = np.empty(anchors.size)
    step = max(1, _CELLS // n)
    for start in range(0, anchors.size, step):
        part = slice(start, start + step)
        first = np.array(lefts[part])
        at = xs[anchors[part]]
        width = np.maximum(at - xs[first], xs[first + n_local - 1] - at)[:, None]
        signed = xs[None, :] - at[:, None]
        distance = np.abs(signed)
        # points beyond the window that tie with its last have a weight as well; those left of it
        # lie no nearer than the window's farthest
        weights = np.where(distance <= _FAR * width, 1.0, 0.0)
        weights[np.arange(n)[None, :] < first[:, None]] = 0.0
        inner = (distance > _NEAR * width) & (weights > 0)
        weights[inner] = ((1.0 - (distance / np.where(width > 0, width, 1.0)) ** 3) ** 3)[inner]
        weights /= weights.sum(axis=1, keepdims=True)
        offset = (weights * signed).sum(axis=1)
        apart = signed - offset[:, None]
        spread = (weights * apart**2).sum(axis=1)
        # where the x are all but one value a slope would be noise: the mean stands
        sloped = (np.sqrt(spread) > 0.001 * (xs[-1] - xs[0])) & (width[:, 0] > 0)
        slope = np.divide(-offset, spread, out=np.zeros_like(spread), where=sloped)
        lines[part] = (weights * (slope[:, None] * apart + 1.0)) @ ys
    return lines
