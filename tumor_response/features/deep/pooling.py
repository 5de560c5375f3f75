"""From one row of features for every view to one row for the tumour."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import FeatureError

__all__ = ["POOLINGS", "Pooling", "pooled"]

Pooling = Literal["mean", "max", "std", "area_weighted"]
POOLINGS: tuple[str, ...] = get_args(Pooling)


def pooled(
    features: npt.NDArray[np.floating], areas_mm2: npt.NDArray[np.floating], how: str
) -> npt.NDArray[np.float64]:
    """Return one value for each feature from those of all views.

    Parameters
    ----------
    features
        Shape (n_views, n_features).
    areas_mm2
        The tumour's area in each view, shape (n_views,); for ``"area_weighted"``.
    how
        ``"mean"``; ``"max"``; ``"std"``, the standard deviation over the views (divisor n_views:
        0 for a tumour with one view); ``"area_weighted"``, the mean weighted by area, so that
        each part of the tumour counts by its size and not each slice alike.

    Returns
    -------
    numpy.ndarray
        float64, shape (n_features,).

    Raises
    ------
    FeatureError
        Code ``settings``: no such pooling; ``view_values``: no view, or no area to weight by.

    Examples
    --------
    >>> features, areas = np.array([[1.0, 0.0], [4.0, 2.0]]), np.array([2.0, 1.0])
    >>> [pooled(features, areas, how).tolist() for how in ("mean", "max", "std", "area_weighted")]
    [[2.5, 1.0], [4.0, 2.0], [1.5, 1.0], [2.0, 0.6666666666666666]]
    """
    values = np.asarray(features, dtype=np.float64)
    if len(values) == 0:
        raise FeatureError("pooled: there is no view.", code="view_values")
    if how == "mean":
        return np.asarray(values.mean(axis=0))
    if how == "max":
        return np.asarray(values.max(axis=0))
    if how == "std":
        return np.asarray(values.std(axis=0))
    if how == "area_weighted":
        weights = np.asarray(areas_mm2, dtype=np.float64)
        if not weights.sum() > 0:
            raise FeatureError(
                f"pooled: the views show {weights.sum():g} mm2 of tumour; expected more than 0 to "
                "weight by.",
                code="view_values",
            )
        return np.asarray(weights @ values / weights.sum())
    raise FeatureError(
        f"pooling={how!r}: expected one of {', '.join(POOLINGS)}, or several of them.",
        code="settings",
    )
