"""P values of a family of comparisons: Holm, and Benjamini and Hochberg."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import EvaluationError

__all__ = ["Adjustment", "adjusted_p_values"]

FloatArray = npt.NDArray[np.float64]
Adjustment = Literal["holm", "benjamini_hochberg"]


def adjusted_p_values(p: npt.ArrayLike, method: Adjustment = "holm") -> FloatArray:
    """Adjust the p values of all comparisons that belong to one question.

    Parameters
    ----------
    p : array of shape (n,)
        P values of the family, in any order. NaN (a comparison that could not be made) stays NaN
        and does not count as a member.
    method
        ``"holm"`` (Holm 1979, Scandinavian Journal of Statistics 6:65): the chance of one or more
        false findings in the family stays below the level, whatever the dependence.
        ``"benjamini_hochberg"`` (Benjamini and Hochberg 1995, JRSS B 57:289): the expected share
        of false findings among the findings does, for independent or positively dependent tests.

    Returns
    -------
    ndarray of shape (n,)
        In the order given; each is the smallest level at which that member would be a finding.

    Raises
    ------
    EvaluationError
        An unknown method, or a p value outside 0 to 1.

    Examples
    --------
    >>> adjusted_p_values([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    >>> adjusted_p_values([0.01, 0.04, 0.03], "benjamini_hochberg").tolist()
    [0.03, 0.04, 0.04]
    """
    if method not in get_args(Adjustment):
        raise EvaluationError(
            f"method={method!r}: expected 'holm' or 'benjamini_hochberg'.", code="p_values"
        )
    given = np.asarray(p, dtype=np.float64)
    if given.ndim != 1 or (given < 0).any() or (given > 1).any():
        raise EvaluationError(
            f"p: expected one row of numbers from 0 to 1, received shape {given.shape}"
            f"{'' if given.size == 0 else f', {np.nanmin(given):g} to {np.nanmax(given):g}'}.",
            code="p_values",
        )
    adjusted = np.full(given.shape, np.nan)
    known = np.nonzero(~np.isnan(given))[0]
    order = known[np.argsort(given[known], kind="stable")]
    rank = np.arange(1, order.size + 1)
    if method == "holm":
        stepped = np.maximum.accumulate((order.size + 1 - rank) * given[order])
    else:
        stepped = np.minimum.accumulate((order.size / rank * given[order])[::-1])[::-1]
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
