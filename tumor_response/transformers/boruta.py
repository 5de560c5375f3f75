"""All columns that tell a forest more than their own shuffled copies do."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binom
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray, finite_floats, remember_columns
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter, best_or_passing
from tumor_response.transformers.lesions import each_lesion_once
from tumor_response.transformers.select import outcome_numbers

__all__ = ["BorutaFilter", "shadows"]

LEAST_SHADOWS = 5
IntArray = npt.NDArray[np.int64]


class BorutaFilter(ColumnFilter):
    """Keep columns that are more important to a random forest than the best shuffled column.

    Boruta (Kursa and Rudnicki 2010, J. Stat. Softw. 36(11)): each round, every column still in
    play gets a *shadow*, itself in shuffled order; a forest is grown on both; a column whose
    importance exceeds that of the best shadow has a hit. A column is confirmed or rejected when
    its hits are more, or fewer, than coin tosses would give (binomial test, Bonferroni over all
    columns, at ``alpha``); rejected ones leave the next forests. What is undecided after
    ``n_rounds`` is left out as well, and named ``undecided``. It looks for *all* columns that
    carry something, copies of each other included; a filter of correlated columns before it makes
    the list short and the forests fast.

    What has to hold is that a column that says nothing is exchangeable with its shadow. So each
    lesion is there once (in a bootstrap sample a column has the same value in each copy, and a
    shuffled one has not), and patients are shuffled as wholes: the lesions of one patient get
    those of one other. Importance is the mean decrease of impurity, which favours columns of many
    values, and shadows have as many as their columns; a column of two values competes with the
    best shadow of all, so a clinical factor beside 1,500 image columns is rarely confirmed.

    Two limits. The tests count rounds on one sample, not samples: a column that goes with the
    outcome by chance, and more than its shadows, is confirmed the more surely the more rounds
    there are. And it is slow: some five seconds for 1,500 columns and 60 lesions, in each
    resample and each inner fold.

    Parameters
    ----------
    n_rounds
        Forests at most, default 40. With 1,500 columns the earliest decision falls in round 18.
    alpha
        Level of the tests, in (0, 1), default 0.01.
    n_trees, max_depth
        Of each forest, defaults 100 and 5.
    at_least
        If fewer columns than this are confirmed, those of the most hits fill up; default 1.
    random_state
        Seed of shadows and forests, default 0.

    Attributes
    ----------
    hits_ : ndarray of int, shape (n_columns_in,)
    rounds_ : ndarray of int, shape (n_columns_in,)
        Rounds that each column was in play, until it was decided.
    decision_ : ndarray of str, shape (n_columns_in,)
        ``"confirmed"``, ``"rejected"`` or ``"undecided"``.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Raises
    ------
    ModelError
        At fit: a parameter out of range; an outcome of one value; code ``not_finite``: a missing
        or infinite value.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 30))).add_prefix("deep__")
    >>> y = X["deep__7"] + 0.3 * rng.normal(size=80) > 0
    >>> step = BorutaFilter(n_rounds=20, n_trees=30).fit(X, y)
    >>> step.decision_[7], len(step.get_feature_names_out()) < 5
    ('confirmed', True)
    """

    def __init__(
        self,
        n_rounds: int = 40,
        alpha: float = 0.01,
        n_trees: int = 100,
        max_depth: int = 5,
        at_least: int = 1,
        random_state: int = 0,
    ) -> None:
        self.n_rounds = n_rounds
        self.alpha = alpha
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.at_least = at_least
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> Self:
        """Grow forests on the training rows' lesions until all columns are decided."""
        self._check()
        frame = remember_columns(self, X)
        values = finite_floats(self, frame)
        target = outcome_numbers(self, y, len(values))
        rows, patients = each_lesion_once(frame.index, values, target)
        rows = rows[np.argsort(patients, kind="stable")]
        values, target, patients = values[rows], target[rows], np.sort(patients)
        if len(np.unique(target)) < 2:
            raise ModelError("BorutaFilter needs an outcome of two values or more; y holds one.")
        n_columns = values.shape[1]
        self.hits_ = np.zeros(n_columns, dtype=np.int64)
        self.rounds_ = np.zeros(n_columns, dtype=np.int64)
        state = np.zeros(n_columns, dtype=np.int64)  # 1 confirmed, -1 rejected
        rng = np.random.default_rng(self.random_state)
        for turn in range(1, self.n_rounds + 1):
            open_, there = np.nonzero(state == 0)[0], np.nonzero(state >= 0)[0]
            if not open_.size:
                break
            importance, best_shadow = self._importances(values[:, there], target, patients, rng)
            hit = np.zeros(n_columns, dtype=bool)
            hit[there] = importance > best_shadow
            self.hits_[open_] += hit[open_]
            self.rounds_[open_] = turn
            more = binom.sf(self.hits_[open_] - 1, turn, 0.5) * n_columns
            fewer = binom.cdf(self.hits_[open_], turn, 0.5) * n_columns
            state[open_[more < self.alpha]] = 1
            state[open_[fewer < self.alpha]] = -1
        self.decision_ = np.array(["undecided", "confirmed", "rejected"], dtype=object)[state]
        share = self.hits_ / np.maximum(self.rounds_, 1)
        self.support_ = best_or_passing(state == 1, share, self.at_least)
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (share of rounds with a hit)."""
        share = self.hits_ / np.maximum(self.rounds_, 1)
        record = dropped_record(self.feature_names_in_, ~self.support_, "rejected", share)
        record["reason"] = self.decision_[~self.support_]
        return record

    def _importances(
        self,
        values: FloatArray,
        target: FloatArray,
        patients: IntArray,
        rng: np.random.Generator,
    ) -> tuple[FloatArray, float]:
        """Return the importance of each column, and that of the best shadow."""
        n_columns = values.shape[1]
        copied = np.resize(np.arange(n_columns), max(n_columns, LEAST_SHADOWS))
        shuffled = shadows(values[:, copied], patients, rng)
        kind = RandomForestClassifier if len(np.unique(target)) == 2 else RandomForestRegressor
        forest = kind(
            n_estimators=self.n_trees,
            max_depth=self.max_depth,
            max_features="sqrt",
            n_jobs=1,
            random_state=int(rng.integers(2**31)),
        ).fit(np.hstack([values, shuffled]), target)
        importance: FloatArray = forest.feature_importances_
        return importance[:n_columns], float(importance[n_columns:].max())

    def _check(self) -> None:
        if not 0 < self.alpha < 1:
            raise ModelError(f"alpha={self.alpha!r}: expected 0 < alpha < 1.")
        for name in ("n_rounds", "n_trees", "max_depth"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name}={getattr(self, name)!r}: expected 1 or more.")


def shadows(values: FloatArray, patients: IntArray, rng: np.random.Generator) -> FloatArray:
    """Return each column in an order of its own, patients shuffled as wholes.

    The lesions of a patient get the values of one other patient, in turn from the start if that
    one has fewer.

    Parameters
    ----------
    values : array of shape (n_lesions, n_columns)
    patients : array of shape (n_lesions,)
        0 to n_patients - 1, in ascending order.
    rng
        Decides the orders.

    Examples
    --------
    >>> column, patients = np.array([[1.0], [1.5], [2.0], [2.5]]), np.array([0, 0, 1, 1])
    >>> shadows(column, patients, np.random.default_rng(3)).ravel().tolist()
    [2.0, 2.5, 1.0, 1.5]
    """
    size = np.bincount(patients)
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    place = np.arange(len(patients)) - start[patients]
    order = rng.permuted(np.tile(np.arange(len(size))[:, None], values.shape[1]), axis=0)
    other = order[patients]
    rows = start[other] + place[:, None] % size[other]
    shuffled: FloatArray = np.take_along_axis(values, rows, axis=0)
    return shuffled
