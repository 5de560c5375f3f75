"""An ensemble of trees as flat arrays of conditions, one group of them per leaf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.trees.conjunctions import Leaves, add_values
from tumor_response.explanation.trees.paths import leaves_of
from tumor_response.explanation.trees.reading import Output, trees_of

__all__ = ["TreeEnsemble", "tree_ensemble"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """The leaves of all trees, each a conjunction of conditions on single columns.

    A row's output is ``base`` plus the values of the leaves all of whose conditions it meets.

    Attributes
    ----------
    output : {"log_odds", "probability", "rate"}
        What the leaves sum up to; the former two are those of class 1.
    base : float
    n_columns : int
        Columns of the tables that the estimator is given.
    columns : ndarray of shape (n_used,)
        Those among them that a tree asks.
    leaves : Leaves
        Their columns are counted in ``columns``.
    missing_number : float
        A number that stands for a missing value as NaN does, or NaN.
    """

    output: Output
    base: float
    n_columns: int
    columns: IntArray
    leaves: Leaves
    missing_number: float

    def seen(self, X: pd.DataFrame | npt.ArrayLike) -> FloatArray:
        """Return the columns that are asked, rounded as the trees round them.

        Parameters
        ----------
        X : of shape (n_rows, n_columns)
            A table as the estimator is given it.

        Raises
        ------
        ExplanationError
            ``other_columns``: another number of columns.
        """
        table = np.asarray(X)
        if table.ndim != 2 or table.shape[1] != self.n_columns:
            raise ExplanationError(
                f"The trees were fitted to {self.n_columns} columns; received a table of shape "
                f"{table.shape}. Pass what the estimator itself is given, in that order.",
                code="other_columns",
            )
        # both XGBoost and scikit-learn compare numbers in single precision
        shown = table[:, self.columns].astype(np.float32).astype(np.float64)
        if not np.isnan(self.missing_number):
            shown[shown == np.float32(self.missing_number)] = np.nan
        return np.ascontiguousarray(shown)

    def outputs(self, X: pd.DataFrame | npt.ArrayLike) -> FloatArray:
        """Return the output of each row: log-odds or probability of class 1, or the rate.

        Parameters
        ----------
        X : of shape (n_rows, n_columns)

        Returns
        -------
        ndarray of shape (n_rows,)
            In double precision: of XGBoost's own, which adds up in single precision, it differs
            by as much as that.
        """
        outputs = np.full(len(np.asarray(X)), self.base)
        add_values(self.seen(X), self.leaves, outputs)
        return outputs


def tree_ensemble(final: Any) -> TreeEnsemble:
    """Read a fitted estimator: its trees, its base score, which class it counts as the second.

    Parameters
    ----------
    final
        ``BoostedTreesClassifier``, ``XGBClassifier`` or an XGBoost ``Booster`` (log-odds; a
        booster's of its second class), ``RandomForestClassifier`` or ``ExtraTreesClassifier``
        (probability: the mean of the trees'); ``BoostedTreesRegressor``, ``XGBRegressor`` of
        squared error, ``RandomForestRegressor`` or ``ExtraTreesRegressor`` (rate). The columns
        are those that the estimator is given; what a filter inside it leaves out is asked by no
        leaf.

    Returns
    -------
    TreeEnsemble

    Raises
    ------
    ExplanationError
        ``unsupported_model``: another estimator, more than two classes, a booster that is no sum
        of trees, splits by sets of categories.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> X = np.arange(40.0).reshape(20, 2); y = (X[:, 0] > 12).astype(int)
    >>> forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    >>> ensemble = tree_ensemble(forest)
    >>> bool(np.allclose(ensemble.outputs(X), forest.predict_proba(X)[:, 1]))
    True
    """
    read = trees_of(final)
    leaves = leaves_of(read.nodes)
    columns, place = np.unique(leaves.asked, return_inverse=True)
    return TreeEnsemble(
        output=read.output,
        base=read.base,
        n_columns=read.n_columns,
        columns=columns,
        leaves=leaves._replace(asked=place),
        missing_number=read.missing,
    )
