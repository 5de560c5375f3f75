"""How many columns would be found if the outcome were dealt out to the patients by chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.controls.permuting import permuted_rows

__all__ = ["ALL", "ChanceCounts", "exchanged", "passing"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

ALL = "all"
"""The scope of all columns together."""

_AT_ONCE = 100
"""Permutations in memory at once, with all that their p values take."""

_TAILS = (2.5, 50.0, 97.5)


def exchanged(values: FloatArray, patients: IntArray, n: int, seed: int) -> FloatArray:
    """Return ``n`` permutations of one value per row, patients exchanging theirs, (n, n_rows).

    See :func:`tumor_response.evaluation.controls.permuting.permuted_rows`.
    """
    rng = np.random.default_rng(seed)
    return np.array([values[permuted_rows(patients, rng)] for _ in range(n)])


def passing(p: FloatArray, family_of_column: IntArray, fdr: float) -> BoolArray:
    """Tell which columns pass Benjamini and Hochberg's step within their family, by row of ``p``.

    Parameters
    ----------
    p : array of shape (n_labels, n_columns)
        NaN: not tested, and no member of its family.
    family_of_column : array of int, shape (n_columns,)
    fdr
        False discovery rate.

    Examples
    --------
    >>> passing(np.array([[0.01, 0.04, 0.2, 0.06]]), np.array([0, 0, 0, 1]), 0.1).tolist()
    [[True, True, False, True]]
    """
    found = np.zeros(p.shape, dtype=bool)
    for family in np.unique(family_of_column):
        at = np.flatnonzero(family_of_column == family)
        mine = p[:, at]
        ordered = np.sort(mine, axis=1)  # NaN come last
        n_tested = (~np.isnan(mine)).sum(axis=1, keepdims=True)
        steps = np.arange(1, len(at) + 1) * fdr / np.maximum(n_tested, 1)
        below = ordered <= steps
        limit = np.where(below, ordered, -1.0).max(axis=1, keepdims=True)
        found[:, at] = mine <= limit
    return found


class ChanceCounts:
    """Numbers of columns found, with the labels as they are and permuted.

    Parameters
    ----------
    p_values
        From labels, (n_labels, n_rows), to p values, (n_labels, n_columns).
    own : array of shape (n_rows,)
        The labels as they are.
    permuted : array of shape (n_permutations, n_rows)
    alpha, fdr
        A column is found with p of ``alpha`` or less, or q of ``fdr`` or less.
    family_of_column : array of int, shape (n_columns,)
        Within which q is taken.
    scopes
        Positions of the columns that are counted together, by name.
    """

    def __init__(
        self,
        p_values: Callable[[FloatArray], FloatArray],
        own: FloatArray,
        permuted: FloatArray,
        alpha: float,
        fdr: float,
        family_of_column: IntArray,
        scopes: Mapping[str, IntArray],
    ) -> None:
        self._alpha, self._fdr = alpha, fdr
        self._families, self._scopes = family_of_column, scopes
        p = p_values(own[None])
        self._n_tested = {name: int((~np.isnan(p[0, at])).sum()) for name, at in scopes.items()}
        self._found = self._counts(p)
        parts = [
            self._counts(p_values(permuted[start : start + _AT_ONCE]))
            for start in range(0, len(permuted), _AT_ONCE)
        ]
        self.counts = {key: np.concatenate([one[key] for one in parts]) for key in self._found}

    def _counts(self, p: FloatArray) -> dict[tuple[str, str], IntArray]:
        with np.errstate(invalid="ignore"):
            found = {
                "p": p <= self._alpha,
                "q": passing(p, self._families, self._fdr),
                "q_all": passing(p, np.zeros_like(self._families), self._fdr),
            }
        return {
            (criterion, scope): mask[:, at].sum(axis=1)
            for criterion, mask in found.items()
            for scope, at in self._scopes.items()
        }

    def table(self) -> pd.DataFrame:
        """Return one row per criterion and scope; see ``GroupDifferences.expected_by_chance``."""
        rows = []
        for (criterion, scope), counts in self.counts.items():
            found = int(self._found[criterion, scope][0])
            low, median, high = np.percentile(counts, _TAILS)
            tested = self._n_tested[scope]
            rows.append(
                {
                    "criterion": criterion,
                    "limit": self._alpha if criterion == "p" else self._fdr,
                    "scope": scope,
                    "n_columns": tested,
                    "found": found,
                    "expected": float(counts.mean()),
                    "median": median,
                    "low": low,
                    "high": high,
                    "nominal": tested * self._alpha if criterion == "p" else np.nan,
                    "share_any": float((counts > 0).mean()),
                    "p_value": float((1 + (counts >= found).sum()) / (1 + len(counts))),
                    "n_permutations": len(counts),
                }
            )
        return pd.DataFrame(rows)
