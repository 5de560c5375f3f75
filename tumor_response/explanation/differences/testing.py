"""Every column's test, before and after adjusting, for the classes and for permutations of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.differences.covariates import adjusting_basis
from tumor_response.explanation.differences.partial import PartialRanks
from tumor_response.explanation.differences.prepared import MIN_PATIENTS, ComparedRows
from tumor_response.explanation.differences.superiority import superiority
from tumor_response.transformers.mann_whitney import EXACT_UP_TO, mann_whitney_p_values

__all__ = ["AdjustedTests", "GroupTests"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_NOTHING_LEFT = 1e-6
"""Squares of the outcome per lesion below this are rounding."""

_LEFT_AT_LEAST = 10
"""Degrees of freedom for the columns once the covariates have theirs."""


@dataclass(frozen=True, eq=False)
class _Together:
    """Columns that are known for the same lesions."""

    rows: IntArray
    columns: IntArray
    values: FloatArray
    patients: IntArray

    @property
    def is_clustered(self) -> bool:
        return len(np.unique(self.patients)) < len(self.rows)


class GroupTests:
    """Mann-Whitney tests of all columns.

    Parameters
    ----------
    rows
        From :func:`compared_rows`.
    """

    def __init__(self, rows: ComparedRows) -> None:
        self._label, self._n_columns = rows.label, rows.values.shape[1]
        self._parts = []
        for part in _known_together(rows.values.to_numpy(), rows.patients):
            few = _fewest(rows.label[part.rows], part.patients) < MIN_PATIENTS
            varies = np.ptp(part.values, axis=0) > 0
            if not few and varies.any():
                self._parts.append(
                    _Together(
                        part.rows,
                        part.columns[varies],
                        part.values[:, varies],
                        part.patients,
                    )
                )
        self._ranks = [rankdata(part.values, axis=0) for part in self._parts]
        self._clustered = {
            at: PartialRanks(
                part.values, adjusting_basis(pd.DataFrame(index=part.rows)), part.patients
            )
            for at, part in enumerate(self._parts)
            if part.is_clustered
        }

    def table(self, level: float) -> pd.DataFrame:
        """Return ``auc``, ``auc_low``, ``auc_high``, ``p_value``, ``p_method`` of each column."""
        found = np.full((4, self._n_columns), np.nan)
        method = np.full(self._n_columns, "", dtype=object)
        for at, part in enumerate(self._parts):
            label = self._label[part.rows]
            found[:3, part.columns] = superiority(part.values, label, part.patients, level)
            method[part.columns] = self._methods(at, label)
        found[3] = self.p_values(self._label[None])[0]
        frame = pd.DataFrame(found.T, columns=["auc", "auc_low", "auc_high", "p_value"])
        return frame.assign(p_method=method)

    def p_values(self, labels: FloatArray) -> FloatArray:
        """Return p values of classes or permutations of them, (n_labels, n_columns).

        All at once: some hundred labels of some thousand columns are a question of megabytes.
        """
        p = np.full((len(labels), self._n_columns), np.nan)
        for at, part in enumerate(self._parts):
            of_rows = labels[:, part.rows]
            if at in self._clustered:
                free = self._clustered[at].residual_labels(of_rows)
                # a permutation can leave the lesions that are known with one class
                p[:, part.columns] = np.nan_to_num(self._clustered[at].p_values(free), nan=1.0)
                continue
            p[:, part.columns] = mann_whitney_p_values(part.values, self._ranks[at], of_rows)
        return p

    def _methods(self, at: int, label: FloatArray) -> npt.NDArray[np.object_]:
        n_columns = len(self._parts[at].columns)
        if at in self._clustered:
            return np.full(n_columns, "rank_score_by_patient", dtype=object)
        n = len(label)
        small = min(label.sum(), n - label.sum()) <= EXACT_UP_TO
        squares = ((self._ranks[at] - (n + 1) / 2) ** 2).sum(axis=0)
        exact = small & np.isclose(squares, (n**3 - n) / 12)
        return np.where(exact, "mann_whitney_exact", "mann_whitney_normal").astype(object)


class AdjustedTests:
    """Tests of all columns at equal covariates.

    Parameters
    ----------
    rows
        From :func:`compared_rows`, with covariates.

    Attributes
    ----------
    known : ndarray of int64
        Lesions whose covariates are complete.
    residual_label : ndarray of shape (n_known,)
        What the covariates leave of the classes.
    outcome_explained : float
        Share of the classes' variance that the covariates explain.

    Raises
    ------
    ExplanationError
        Code ``adjust``: the covariates tell the groups apart completely, so that there are no
        lesions of both at equal covariates; ``too_few_patients``: for so many covariates.
    """

    def __init__(self, rows: ComparedRows) -> None:
        self.known = np.flatnonzero(rows.covariates.notna().all(axis=1).to_numpy())
        self._label, self._n_columns = rows.label[self.known], rows.values.shape[1]
        self._patients = rows.patients[self.known]
        covariates = rows.covariates.iloc[self.known]
        names = ", ".join(covariates.columns)
        counts = [len(np.unique(self._patients[self._label == group])) for group in (0, 1)]
        self.basis = adjusting_basis(covariates)
        n_patients = len(np.unique(self._patients))
        least = self.basis.shape[1] + 1 + _LEFT_AT_LEAST
        if min(counts) < MIN_PATIENTS or n_patients < least:
            raise ExplanationError(
                f"{names} are known of {n_patients} patients, {counts[0]} of class 0 and "
                f"{counts[1]} of class 1; to adjust for them takes {least} or more, and "
                f"{MIN_PATIENTS} of each. Adjust for less, or adjust=().",
                code="too_few_patients",
            )
        self.residual_label = self._label - self.basis @ (self.basis.T @ self._label)
        spread = float(self.residual_label @ self.residual_label)
        self.outcome_explained = 1 - spread / float(((self._label - self._label.mean()) ** 2).sum())
        if spread < _NOTHING_LEFT * len(self._label):
            raise ExplanationError(
                f"{names} tell the two groups apart completely: no lesions of both groups are "
                "equal in them, and nothing can be compared at equal values. Adjust for less.",
                code="adjust",
            )
        self._parts, self._ranks = [], []
        for part in _known_together(rows.values.iloc[self.known].to_numpy(), self._patients):
            label = self._label[part.rows]
            basis = adjusting_basis(covariates.iloc[part.rows])
            few = _fewest(label, part.patients) < MIN_PATIENTS
            few |= len(np.unique(part.patients)) < basis.shape[1] + 1 + _LEFT_AT_LEAST
            left = label - basis @ (basis.T @ label)
            if not few and float(left @ left) >= _NOTHING_LEFT * len(label):
                self._parts.append(part)
                self._ranks.append(PartialRanks(part.values, basis, part.patients))

    def table(self, level: float) -> pd.DataFrame:
        """Return each column's adjusted effect with limits, p value, and what is explained."""
        found = np.full((6, self._n_columns), np.nan)
        for part, ranks in zip(self._parts, self._ranks, strict=True):
            one = ranks.differences(self._label[part.rows], level)
            found[:4, part.columns] = one
            found[4, part.columns] = ranks.explained
            found[5, part.columns] = len(part.rows)
        names = ["delta", "delta_low", "delta_high", "p_value", "explained", "n_lesions"]
        return pd.DataFrame(found.T, columns=names)

    def p_values(self, labels: FloatArray) -> FloatArray:
        """Return p values for residual labels of :attr:`known`, (n_labels, n_columns)."""
        return self._of_labels(labels, PartialRanks.p_values)

    def effects(self, labels: FloatArray) -> FloatArray:
        """Return adjusted effects for residual labels of :attr:`known`, (n_labels, n_columns)."""
        return self._of_labels(labels, PartialRanks.effects)

    def _of_labels(
        self, labels: FloatArray, of: Callable[[PartialRanks, FloatArray], FloatArray]
    ) -> FloatArray:
        found = np.full((len(labels), self._n_columns), np.nan)
        for part, ranks in zip(self._parts, self._ranks, strict=True):
            free = ranks.residual_labels(labels[:, part.rows])
            found[:, part.columns] = of(ranks, free)
        return found

    def residuals(self) -> FloatArray:
        """Return ranks freed of the covariates, (n_known, n_columns), of length 1; 0: missing."""
        whole = np.zeros((len(self.known), self._n_columns))
        for part, ranks in zip(self._parts, self._ranks, strict=True):
            length = np.sqrt((ranks.residuals**2).sum(axis=0))
            scaled = ranks.residuals / np.where(ranks.is_left, length, np.inf)
            whole[np.ix_(part.rows, part.columns)] = scaled
        return whole


def _known_together(values: FloatArray, patients: IntArray) -> Iterator[_Together]:
    """Yield columns by the lesions they are known for, in order of first appearance."""
    known = ~np.isnan(values)
    members: dict[bytes, list[int]] = {}
    for column, mask in enumerate(np.ascontiguousarray(known.T)):
        members.setdefault(mask.tobytes(), []).append(column)
    for columns in members.values():
        rows = np.flatnonzero(known[:, columns[0]])
        if len(rows):
            yield _Together(rows, np.array(columns), values[rows][:, columns], patients[rows])


def _fewest(label: FloatArray, patients: IntArray) -> int:
    return min(len(np.unique(patients[label == group])) for group in (0, 1))
