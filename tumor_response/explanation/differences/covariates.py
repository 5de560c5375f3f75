"""What columns are adjusted for, as a basis that a straight line of ranks is too stiff for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

__all__ = ["adjusting_basis", "natural_spline"]

FloatArray = npt.NDArray[np.float64]

KNOTS = (0.1, 0.5, 0.9)
"""Harrell 2015 (Regression modeling strategies, section 2.4.6): three knots for small samples."""

_FEW = 2
"""A covariate of two values has one slope and no curve."""


def adjusting_basis(frame: pd.DataFrame) -> FloatArray:
    """Return an orthonormal basis of the intercept and of smooth functions of the covariates.

    A number enters as its rank, with a natural cubic spline of three knots, so that outliers do
    not pull and curves are followed; a number of two values enters as it is; categories enter as
    indicators. What is constant or repeated adds nothing.

    Parameters
    ----------
    frame
        Covariates, one row per lesion, complete.

    Returns
    -------
    ndarray of shape (n_rows, n_functions)
        Orthonormal columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": np.arange(50.0, 70.0), "site": ["A", "B"] * 10})
    >>> frame["site"] = frame["site"].astype("category")
    >>> adjusting_basis(frame).shape  # intercept, two functions of age, one of site
    (20, 4)
    """
    parts = [np.ones((len(frame), 1))]
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.CategoricalDtype):
            parts.append(pd.get_dummies(column, dtype=np.float64).to_numpy())
            continue
        values = column.to_numpy(dtype=np.float64)
        if len(np.unique(values)) <= _FEW:
            parts.append(values[:, None])
        else:
            parts.append(natural_spline((rankdata(values) - 0.5) / len(values), KNOTS))
    left, sizes, _ = np.linalg.svd(_scaled(np.hstack(parts)), full_matrices=False)
    basis: FloatArray = left[:, sizes > sizes[0] * 1e-9]
    return basis


def natural_spline(values: FloatArray, knots: Sequence[float]) -> FloatArray:
    """Return a natural cubic spline's basis: straight beyond the outer of three knots.

    Truncated powers over the square of the knots' range, as Harrell (2015, section 2.4.5) and R's
    ``Hmisc::rcspline.eval`` have them.

    Parameters
    ----------
    values : array of shape (n,)
    knots
        Three, increasing, in the unit of ``values``.

    Returns
    -------
    ndarray of shape (n, 2)

    Examples
    --------
    >>> natural_spline(np.array([0.0, 0.5, 1.0]), (0.0, 0.5, 1.0))[:, 1].tolist()
    [0.0, 0.125, 0.75]
    """
    first, middle, last = knots
    cubes = [np.maximum(values - knot, 0.0) ** 3 for knot in knots]
    curve = (
        cubes[0]
        - cubes[1] * (last - first) / (last - middle)
        + cubes[2] * (middle - first) / (last - middle)
    ) / (last - first) ** 2
    return np.column_stack([values, curve])


def _scaled(columns: FloatArray) -> FloatArray:
    lengths = np.sqrt((columns**2).sum(axis=0))
    kept = columns[:, lengths > 0]
    scaled: FloatArray = kept / lengths[lengths > 0]
    return scaled
