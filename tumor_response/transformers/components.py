"""Few components for many columns, block by block: PCA, PLS and supervised PCA.

All three are linear: what comes out is ``(X - mean_) @ rotation_``. A linear model behind them is
therefore a linear model of the columns before them, which is how its explanation gets back there
(:func:`tumor_response.transformers.linear.pulled_back`).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from scipy.linalg import svd
from sklearn.base import BaseEstimator, TransformerMixin

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import (
    FloatArray,
    finite_floats,
    frame_like,
    remember_columns,
    same_columns,
)
from tumor_response.transformers.blocks import block_members
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.select import two_classes

__all__ = [
    "BlockComponents",
    "BlockPCA",
    "BlockPLS",
    "BlockSupervisedPCA",
    "class_correlations",
    "pls_directions",
]


class BlockComponents(TransformerMixin, BaseEstimator):
    """What the three reductions share; not made by itself.

    A block of fewer than ``min_columns`` columns, or of no more than ``n_components``, passes
    unchanged, so that clinical columns stay what they are. Any other becomes exactly
    ``n_components`` columns ``<block>__<kind>_<number>``, whatever the rows hold: where the
    training rows span fewer dimensions, the rest are 0 in every row.

    Each component is scaled to a variance of ``1 / n_components`` over the training rows, so that
    a reduced block has the total variance that :class:`~tumor_response.transformers.BlockScaler`
    gave to every block, and one penalty treats blocks and components alike.
    """

    kind: ClassVar[str]
    n_components: int
    min_columns: int

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Find the components of each block on the training rows.

        Raises
        ------
        ModelError
            ``n_components`` or ``min_columns`` below 1; code ``not_finite``: a missing or
            infinite value.
        """
        if self.n_components < 1:
            raise ModelError(f"n_components={self.n_components!r}: expected 1 or more.")
        if self.min_columns < 1:
            raise ModelError(f"min_columns={self.min_columns!r}: expected 1 or more.")
        frame = remember_columns(self, X)
        values = finite_floats(self, frame)
        label = self._label(y, len(values))
        names: list[str] = []
        parts: list[tuple[np.ndarray, FloatArray]] = []
        self.mean_ = np.zeros(values.shape[1])
        for block, members in block_members(tuple(self.feature_names_in_)).items():
            if len(members) <= self.n_components or len(members) < self.min_columns:
                parts.append((members, np.eye(len(members))))
                names += [str(name) for name in self.feature_names_in_[members]]
                continue
            mean = values[:, members].mean(axis=0)
            centred = values[:, members] - mean
            # rounding leaves a constant column a deviation of some eps times its value
            centred[:, np.abs(centred).max(axis=0) <= 1e-12 * np.abs(mean)] = 0.0
            self.mean_[members] = mean
            parts.append((members, self._scaled(centred, self._directions(centred, label))))
            names += [f"{block}__{self.kind}_{n + 1:02d}" for n in range(self.n_components)]
        self.rotation_ = np.zeros((values.shape[1], len(names)))
        place = 0
        for members, rotation in parts:
            self.rotation_[members, place : place + rotation.shape[1]] = rotation
            place += rotation.shape[1]
        self._names = pd.Index(names, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the components; their order is that of the blocks."""
        frame = same_columns(self, X)
        scores = (finite_floats(self, frame) - self.mean_) @ self.rotation_
        return frame_like(scores, frame.index, self._names)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:  # noqa: ARG002
        """Return the names of the components and of the columns that pass unchanged."""
        return np.asarray(self._names, dtype=object)

    @abstractmethod
    def _directions(self, centred: FloatArray, label: FloatArray) -> FloatArray:
        """Return at most ``n_components`` directions as columns."""

    def _label(self, y: object, n_rows: int) -> FloatArray:
        return two_classes(self, y, n_rows)

    def _scaled(self, centred: FloatArray, directions: FloatArray) -> FloatArray:
        """Give each component its variance, and add columns of zeros for what is not there."""
        rotation = np.zeros((centred.shape[1], self.n_components))
        if directions.shape[1]:
            deviation = (centred @ directions).std(axis=0)
            rotation[:, : directions.shape[1]] = directions / (
                deviation * np.sqrt(self.n_components)
            )
        return rotation


class BlockPCA(BlockComponents):
    """Replace each block by its first principal components.

    The directions of largest variance of the centred block (Pearson 1901; Jolliffe 2002, Principal
    Component Analysis), by singular value decomposition, so that a block may have any number of
    columns more than rows. It does not look at the outcome. Standardise before it
    (:class:`~tumor_response.transformers.BlockScaler`): otherwise the column of the largest unit
    is the first component.

    The sign of a component is the one that makes its largest loading positive.

    Parameters
    ----------
    n_components
        Components of each block, default 10; no larger blocks pass unchanged.
    min_columns
        Blocks of fewer columns pass unchanged; default 20.

    Attributes
    ----------
    mean_ : ndarray of shape (n_columns_in,)
    rotation_ : ndarray of shape (n_columns_in, n_columns_out)
        The result is ``(X - mean_) @ rotation_``; components have variance ``1 / n_components``.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 40)))
    >>> X.columns = ["clinical__age"] + [f"deep__n__{i}" for i in range(39)]
    >>> BlockPCA(2).fit(X).get_feature_names_out().tolist()
    ['clinical__age', 'deep__pca_01', 'deep__pca_02']
    """

    kind = "pca"

    def __init__(self, n_components: int = 10, min_columns: int = 20) -> None:
        self.n_components = n_components
        self.min_columns = min_columns

    def _label(self, y: object, n_rows: int) -> FloatArray:
        del y
        return np.zeros(n_rows)  # not looked at

    def _directions(self, centred: FloatArray, label: FloatArray) -> FloatArray:
        del label
        return principal_directions(centred, self.n_components)


class BlockPLS(BlockComponents):
    """Replace each block by the components of a partial least squares discriminant analysis.

    Each component is the direction of largest covariance with the class (coded 0 and 1) among
    those uncorrelated with the components before it (Wold, Sjöström and Eriksson 2001, Chemom.
    Intell. Lab. Syst. 58:109; for classes Barker and Rayens 2003, J. Chemometrics 17:166). A
    higher first component means class 1.

    With many more columns than rows its components separate the *training* rows all but
    perfectly, so a penalty behind it must be tuned with the components fitted anew in each inner
    fold, as :func:`tumor_response.make_model` does.

    Parameters
    ----------
    n_components
        Components of each block, default 3; no larger blocks pass unchanged.
    min_columns
        Blocks of fewer columns pass unchanged; default 20.

    Attributes
    ----------
    mean_, rotation_
        As in :class:`BlockPCA`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 40))).add_prefix("deep__")
    >>> BlockPLS(2).fit_transform(X, [0, 1, 0, 1, 0, 1, 0, 1, 0]).shape
    (9, 2)
    """

    kind = "pls"

    def __init__(self, n_components: int = 3, min_columns: int = 20) -> None:
        self.n_components = n_components
        self.min_columns = min_columns

    def _directions(self, centred: FloatArray, label: FloatArray) -> FloatArray:
        return pls_directions(centred, label - label.mean(), self.n_components)


class BlockSupervisedPCA(BlockComponents):
    """Replace each block by principal components of the columns that go with the class.

    In each block the columns with the largest absolute correlation with the class are kept, and
    the principal components of these alone are taken (Bair, Hastie, Paul and Tibshirani 2006,
    J. Am. Stat. Assoc. 101:119, who choose the number of columns by cross-validation; here it is
    a setting). What is said of tuning at :class:`BlockPLS` holds here too.

    Parameters
    ----------
    n_components
        Components of each block, default 3; no larger blocks pass unchanged.
    n_columns
        Columns of each block that are kept for them, default 50, not below ``n_components``.
    min_columns
        Blocks of fewer columns pass unchanged; default 20.

    Attributes
    ----------
    mean_, rotation_
        As in :class:`BlockPCA`; rows of columns that were not kept are 0.
    scores_ : ndarray of shape (n_columns_in,)
        Absolute correlation of each column with the class on the training rows.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that a component is made of, or that pass unchanged.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> X = pd.DataFrame(np.random.default_rng(0).normal(size=(9, 40))).add_prefix("deep__")
    >>> step = BlockSupervisedPCA(1, n_columns=5).fit(X, [0, 1, 0, 1, 0, 1, 0, 1, 0])
    >>> int(step.support_.sum()), len(step.dropped_)
    (5, 35)
    """

    kind = "spca"

    def __init__(self, n_components: int = 3, n_columns: int = 50, min_columns: int = 20) -> None:
        self.n_components = n_components
        self.n_columns = n_columns
        self.min_columns = min_columns

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Choose the columns and find their components on the training rows."""
        if self.n_columns < self.n_components:
            raise ModelError(
                f"n_columns={self.n_columns!r}: expected n_components={self.n_components!r} or "
                "more."
            )
        super().fit(X, y)
        values = finite_floats(self, X)
        self.scores_ = np.abs(class_correlations(values, two_classes(self, y, len(values))))
        self.support_ = (self.rotation_ != 0).any(axis=1)
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns that no component is made of: ``reason``, ``because_of``, ``value`` (score)."""
        return dropped_record(self.feature_names_in_, ~self.support_, "not_selected", self.scores_)

    def _directions(self, centred: FloatArray, label: FloatArray) -> FloatArray:
        score = np.abs(class_correlations(centred, label))
        best = np.sort(np.argsort(-score, kind="stable")[: self.n_columns])
        found = principal_directions(centred[:, best], self.n_components)
        directions = np.zeros((centred.shape[1], found.shape[1]))
        directions[best] = found
        return directions


def principal_directions(centred: FloatArray, n_components: int) -> FloatArray:
    """Return the first right singular vectors as columns, as many as the rows span at most.

    Examples
    --------
    >>> principal_directions(np.array([[-1.0, -2.0], [1.0, 2.0]]), 2).round(3).tolist()
    [[0.447], [0.894]]
    """
    _, singular, right = svd(centred, full_matrices=False, check_finite=False)
    if not singular.size:
        return np.zeros((centred.shape[1], 0))
    smallest = singular[0] * max(centred.shape) * np.finfo(np.float64).eps
    n_there = min(n_components, int((singular > smallest).sum()))
    directions: FloatArray = right[:n_there].T
    largest = np.abs(directions).argmax(axis=0)
    return directions * np.where(directions[largest, np.arange(n_there)] < 0, -1.0, 1.0)


def pls_directions(centred: FloatArray, target: FloatArray, n_components: int) -> FloatArray:
    """Return the directions of partial least squares as columns, as many as there are at most.

    The first k of them are those of k components. Rows and target of weight w go in times its
    root, both centred by the weighted mean.

    Examples
    --------
    >>> pls_directions(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.array([-0.5, 0.5]), 2).tolist()
    [[1.0], [0.0]]
    """
    left = centred.copy()
    target = target.copy()
    smallest = 1e-10 * np.linalg.norm(centred) * np.linalg.norm(target)
    weights: list[FloatArray] = []
    loadings: list[FloatArray] = []
    for _ in range(n_components):
        weight: FloatArray = left.T @ target
        length = float(np.linalg.norm(weight))
        if length <= smallest:
            break
        weight = weight / length
        score = left @ weight
        loading = left.T @ score / (score @ score)
        left -= np.outer(score, loading)
        target -= score * (score @ target) / (score @ score)
        weights.append(weight)
        loadings.append(loading)
    if not weights:
        return np.zeros((centred.shape[1], 0))
    W, P = np.column_stack(weights), np.column_stack(loadings)
    return np.asarray(np.linalg.solve((P.T @ W).T, W.T).T, dtype=np.float64)


def class_correlations(values: FloatArray, label: FloatArray) -> FloatArray:
    """Return each column's Pearson correlation with a 0/1 label, 0 for a constant column.

    Examples
    --------
    >>> X, y = np.array([[1.0, 2.0], [3.0, 2.0]]), np.array([0.0, 1.0])
    >>> class_correlations(X, y).round(9).tolist()
    [1.0, 0.0]
    """
    mean = values.mean(axis=0)
    centred = values - mean
    target = label - label.mean()
    length = np.sqrt((centred**2).sum(axis=0))
    varies = length > 1e-12 * np.sqrt(len(values)) * np.abs(mean)
    product = centred.T @ (target / np.linalg.norm(target))
    correlations: FloatArray = np.zeros(values.shape[1])
    correlations[varies] = np.clip(product[varies] / length[varies], -1.0, 1.0)
    return correlations
