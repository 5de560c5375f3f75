"""Columns that a lasso chooses again and again, from halves of the patients."""

from __future__ import annotations

import warnings
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lars_path

from tumor_response.exceptions import ModelError
from tumor_response.transformers._frames import FloatArray, finite_floats, remember_columns
from tumor_response.transformers.blocks import block_members
from tumor_response.transformers.correlation import unit_columns
from tumor_response.transformers.dropped import dropped_record
from tumor_response.transformers.filters import ColumnFilter, best_or_passing
from tumor_response.transformers.lesions import each_lesion_once
from tumor_response.transformers.select import outcome_numbers

__all__ = ["StabilitySelection", "complementary_halves", "false_selections_bound", "first_on_path"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class StabilitySelection(ColumnFilter):
    r"""Keep columns that a lasso takes up early in many halves of the patients.

    Stability selection (Meinshausen and Bühlmann 2010, J. R. Stat. Soc. B 72:417) in the form of
    complementary pairs (Shah and Samworth 2013, J. R. Stat. Soc. B 75:55): patients are parted at
    random into two halves, ``n_pairs`` times; in each half the columns that enter the lasso path
    in its first q steps are noted; a column is kept if its share of the ``2 n_pairs`` halves is
    ``threshold`` or more. The expected number of columns kept that enter a half's path no more
    often than chance would have it (with probability q/p or less) is at most

    .. math:: \frac{q^2}{(2\pi - 1)\, p},

    :math:`\pi` being the threshold, whatever the columns' correlations (their theorem 1); q is the
    largest number for which this is ``max_false`` or less. It is a bound, and not a tight one:
    what is kept is far less often false than it says. Of columns that say the same, each is taken
    up in some halves, and all may stay below the threshold; put a filter of correlated columns
    before it.

    The path is that of least squares on the standardised columns, for 0 and 1 as for a rate:
    near the start, where the first columns enter, its gradient is that of the logistic lasso, and
    least angle regression (Efron et al. 2004, Ann. Stat. 32:407) stops after q steps, in
    milliseconds.

    Halves hold whole patients, with all their lesions, stratified by having a lesion above the
    middle of the outcome, and each lesion once: copies in a bootstrap sample would otherwise
    stand on both sides of a pair, and the bound needs that they do not.

    Parameters
    ----------
    max_false
        Bound on the expected number of false columns in each block, default 1.
    threshold
        Share of the halves, in (0.5, 1], default 0.6.
    n_pairs
        Complementary pairs, default 50.
    min_columns
        Blocks of fewer columns pass unchanged, default 20: with two columns there is nothing to
        bound.
    at_least
        If fewer columns than this are left in all blocks together, those chosen most often fill
        up; default 1.
    random_state
        Seed of the halves, default 0.

    Attributes
    ----------
    shares_ : ndarray of shape (n_columns_in,)
        Share of the halves in which each column was chosen; 1 in blocks that pass unchanged.
    bounds_ : dict of str to float
        The bound on false columns in each block that was selected from.
    n_chosen_ : dict of str to int
        q of each of these blocks: at most what the bound allows, and a third of a half's lesions.
    support_ : ndarray of bool, shape (n_columns_in,)
        True for the columns that are kept.

    Raises
    ------
    ModelError
        At fit: a parameter out of range; fewer than four patients, or an outcome of one value;
        code ``not_finite``: a missing or infinite value.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 100))).add_prefix("deep__")
    >>> y = X["deep__7"] - X["deep__30"] + 0.5 * rng.normal(size=80) > 0
    >>> step = StabilitySelection(n_pairs=20).fit(X, y)
    >>> step.get_feature_names_out().tolist(), step.n_chosen_, round(step.bounds_["deep"], 2)
    (['deep__7', 'deep__30'], {'deep': 4}, 0.8)
    """

    def __init__(
        self,
        max_false: float = 1.0,
        threshold: float = 0.6,
        n_pairs: int = 50,
        min_columns: int = 20,
        at_least: int = 1,
        random_state: int = 0,
    ) -> None:
        self.max_false = max_false
        self.threshold = threshold
        self.n_pairs = n_pairs
        self.min_columns = min_columns
        self.at_least = at_least
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike) -> Self:
        """Choose in halves of the training rows' patients."""
        self._check()
        frame = remember_columns(self, X)
        values = finite_floats(self, frame)
        target = outcome_numbers(self, y, len(values))
        rows, patients = each_lesion_once(frame.index, values, target)
        values, target = values[rows], target[rows]
        self.shares_ = np.ones(values.shape[1])
        self.bounds_: dict[str, float] = {}
        self.n_chosen_: dict[str, int] = {}
        passes = np.ones(values.shape[1], dtype=bool)
        halves = complementary_halves(patients, target, self.n_pairs, self.random_state)
        for block, members in block_members(tuple(self.feature_names_in_)).items():
            if len(members) < self.min_columns:
                continue
            q = int(np.sqrt(self.max_false * (2 * self.threshold - 1) * len(members)))
            q = max(1, min(q, int(halves.sum(axis=1).min()) // 3))
            chosen = np.zeros(len(members))
            for half in halves:
                chosen[first_on_path(values[half][:, members], target[half], q)] += 1
            self.shares_[members] = chosen / len(halves)
            passes[members] = self.shares_[members] >= self.threshold - 1e-12
            self.n_chosen_[block] = q
            self.bounds_[block] = false_selections_bound(q, len(members), self.threshold)
        self.support_ = best_or_passing(passes, self.shares_, self.at_least)
        return self

    @property
    def dropped_(self) -> pd.DataFrame:
        """Columns left out: ``reason``, ``because_of``, ``value`` (share of the halves)."""
        return dropped_record(self.feature_names_in_, ~self.support_, "unstable", self.shares_)

    def _check(self) -> None:
        if not 0.5 < self.threshold <= 1:
            raise ModelError(f"threshold={self.threshold!r}: expected 0.5 < threshold <= 1.")
        if not self.max_false > 0:
            raise ModelError(f"max_false={self.max_false!r}: expected more than 0.")
        for name in ("n_pairs", "min_columns"):
            if getattr(self, name) < 1:
                raise ModelError(f"{name}={getattr(self, name)!r}: expected 1 or more.")


def false_selections_bound(n_chosen: int, n_columns: int, threshold: float) -> float:
    """Return the bound on the expected number of false columns among those kept.

    Meinshausen and Bühlmann (2010), theorem 1, for exchangeable false columns; Shah and Samworth
    (2013), theorem 1 and its remark, for complementary pairs and columns of a selection
    probability below ``n_chosen / n_columns``, without that assumption.

    Examples
    --------
    >>> round(false_selections_bound(10, 1000, 0.6), 6)
    0.5
    """
    return n_chosen**2 / ((2 * threshold - 1) * n_columns)


def complementary_halves(
    patients: IntArray, target: FloatArray, n_pairs: int, random_state: int
) -> BoolArray:
    """Return which rows are in each half, one half a row, a pair in rows 2 k and 2 k + 1.

    Patients are whole. Strata are the patients with a row above the median of the different
    outcomes (of 0 and 1: those with a positive row) and the others; of an odd stratum the halves
    take the larger part in turn.

    Raises
    ------
    ModelError
        Fewer than four patients, or an outcome of one value.

    Examples
    --------
    >>> y = np.array([0.0, 0.0, 1.0, 1.0])
    >>> pair = complementary_halves(np.arange(4), y, 1, 0)
    >>> (pair[0] ^ pair[1]).all(), y[pair[0]].tolist()
    (np.True_, [0.0, 1.0])
    """
    names = np.unique(patients)
    if len(names) < 4 or len(np.unique(target)) < 2:
        raise ModelError(
            f"StabilitySelection: {len(names)} patients and {len(np.unique(target))} value(s) of "
            "the outcome; halves need four patients and two values."
        )
    above = target > np.median(np.unique(target))
    positive = np.isin(names, patients[above])
    rng = np.random.default_rng(random_state)
    halves = np.zeros((2 * n_pairs, len(patients)), dtype=bool)
    for pair in range(n_pairs):
        first: list[IntArray] = []
        for turn, stratum in enumerate((positive, ~positive)):
            members = rng.permutation(names[stratum])
            larger = len(members) % 2 * ((pair + turn) % 2)
            first.append(members[: len(members) // 2 + larger])
        halves[2 * pair] = np.isin(patients, np.concatenate(first))
        halves[2 * pair + 1] = ~halves[2 * pair]
    return halves


def first_on_path(values: FloatArray, target: FloatArray, n_chosen: int) -> IntArray:
    """Return the places of columns that enter the lasso path in its first steps, ascending.

    One step takes up one column or drops one, so they are ``n_chosen`` at most; fewer where the
    path ends before; none where the outcome does not vary. Of equal columns one is taken.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [0.0, -1.0], [1.0, 0.9], [1.0, -1.0]])
    >>> first_on_path(x, np.array([0.0, 0.0, 1.0, 1.0]), 1).tolist()
    [0]
    """
    centred = target - target.mean()
    unit = unit_columns(values)
    if np.ptp(target) == 0 or not unit.any():
        return np.zeros(0, dtype=np.int64)
    with warnings.catch_warnings():
        # equal columns, of which the path leaves out one, and a path that ends: both are meant
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, _, path = lars_path(unit, centred, method="lasso", max_iter=n_chosen, alpha_min=1e-8)
    entered: IntArray = np.nonzero((path != 0).any(axis=1))[0]
    return entered
