"""Random forests in which a weight of one is no weight."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from tumor_response.models.training_rows import Matrix

__all__ = ["ForestClassifier", "ForestRegressor"]


class ForestClassifier(RandomForestClassifier):
    """scikit-learn's forest, told weights always.

    scikit-learn draws each tree's rows in another way once it is given weights, so that weights
    of one gave other trees than none. Here they give the same. A weight of 2 is drawn as often as
    a repeated row would be, on average: a forest being random, no more can be said.

    Examples
    --------
    >>> X, y = np.arange(40.0)[:, None], np.repeat([0, 1], 20)
    >>> one, two = (ForestClassifier(5, random_state=0) for _ in range(2))
    >>> a, b = one.fit(X, y), two.fit(X, y, np.ones(40))
    >>> bool((a.predict_proba(X) == b.predict_proba(X)).all())
    True
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Grow the trees."""
        super().fit(X, y, _or_ones(sample_weight, y))
        return self


class ForestRegressor(RandomForestRegressor):
    """As :class:`ForestClassifier`, for rates.

    Examples
    --------
    >>> X = np.arange(40.0)[:, None]
    >>> bool(ForestRegressor(20, random_state=0).fit(X, X[:, 0]).score(X, X[:, 0]) > 0.9)
    True
    """

    def fit(self, X: Matrix, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Grow the trees."""
        super().fit(X, y, _or_ones(sample_weight, y))
        return self


def _or_ones(sample_weight: npt.ArrayLike | None, y: npt.ArrayLike) -> npt.ArrayLike:
    return np.ones(len(np.asarray(y))) if sample_weight is None else sample_weight
