"""What every scheme of resampling takes and gives: rows in, training and test rows out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import EvaluationError
from tumor_response.settings import Settings

__all__ = [
    "MAX_TRIES",
    "Kind",
    "Resample",
    "Scheme",
    "SchemeRows",
    "column_by_patient",
    "patient_strata",
]

IntArray = npt.NDArray[np.int64]
Kind = Literal["bootstrap", "folds", "test_set"]

MAX_TRIES = 1000
"""Draws of one resample before giving up. Two patients in a class leave it out of bag in a
quarter of the draws or more, so only a hopeless split comes near this."""


@dataclass(frozen=True)
class Resample:
    """Row positions of one resample.

    Attributes
    ----------
    train : ndarray of int64
        Training rows; in a bootstrap sample with copies.
    test : ndarray of int64
        Rows of the other patients: out of bag, left out, or set apart.
    n_redrawn : int
        How often it was drawn again because a side lacked a class.
    name : str
        What sets it apart: the site that is left out, the test set; empty for random ones.
    repeat, fold : int
        Position in a repeated K-fold.
    """

    train: IntArray
    test: IntArray
    n_redrawn: int = 0
    name: str = ""
    repeat: int = 0
    fold: int = 0


@dataclass(frozen=True, eq=False)
class SchemeRows:
    """What a scheme may know of the rows it splits.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The table, for schemes that go by a column.
    patients : ndarray of int64
        An integer per row, the same for all rows of a patient.
    balance : ndarray of int64
        A class per row by all rows' outcome; it serves balance alone.
    is_usable
        Takes (training rows, test rows), says whether a model can be trained on the one and
        scored on the other.
    """

    X: pd.DataFrame
    patients: IntArray
    balance: IntArray
    is_usable: Callable[[IntArray, IntArray], bool]


class Scheme(Settings, ABC):
    """How patients are split into those a model learns from and those it is judged on.

    A settings object that can be used again: the same settings, patients and outcomes give the
    same resamples, so that every model and every block meets the same ones. Derive from it for a
    scheme of your own.

    Attributes
    ----------
    kind : {"bootstrap", "folds", "test_set"}
        ``bootstrap``: many resamples with copies, judged out of bag; ``folds``: every patient is
        left out once in each repeat; ``test_set``: one fixed split.
    """

    kind: ClassVar[Kind]

    @abstractmethod
    def resamples(self, rows: SchemeRows) -> list[Resample]:
        """Return the resamples; patients are never on both sides."""


def patient_strata(patients: IntArray, balance: IntArray) -> tuple[list[IntArray], list[IntArray]]:
    """Return the rows of each patient, and the patients of each stratum, highest class first.

    A patient's stratum is the highest class among the patient's rows.

    Examples
    --------
    >>> rows_of, strata = patient_strata(np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> [rows.tolist() for rows in rows_of], [members.tolist() for members in strata]
    ([[0, 1], [2]], [[0], [1]])
    """
    rows_of = [np.nonzero(patients == name)[0] for name in np.unique(patients)]
    highest = np.array([int(balance[rows].max()) for rows in rows_of])
    values = sorted(set(highest.tolist()), reverse=True)
    return rows_of, [np.nonzero(highest == value)[0] for value in values]


def column_by_patient(rows: SchemeRows, scheme: str, column: str) -> pd.Series:
    """Return a column's value for each patient, indexed by the patients' integers, 0 and up.

    Raises
    ------
    EvaluationError
        Code ``scheme_column``: no such column, a missing value, a patient with two values.
    """
    if column not in rows.X:
        raise EvaluationError(
            f"{scheme}(column={column!r}): the table has no such column. Columns that travel with "
            f"it: {', '.join(c for c in map(str, rows.X) if c.startswith('meta__')) or 'none'}.",
            code="scheme_column",
        )
    values = pd.Series(rows.X[column].to_numpy(dtype=object), index=rows.patients)
    if values.isna().any():
        raise EvaluationError(
            f"{scheme}(column={column!r}): {int(values.isna().sum())} evaluated row(s) have no "
            "value there, so nobody can tell which side they belong to. Fill it in, or take these "
            "rows out of the table.",
            code="scheme_column",
        )
    by_patient = values.groupby(level=0).unique()
    several = int((by_patient.map(len) > 1).sum())
    if several:
        raise EvaluationError(
            f"{scheme}(column={column!r}): {several} patient(s) have lesions with different "
            "values, so that a patient would be on both sides. Give all lesions of a patient one "
            "value.",
            code="scheme_column",
        )
    return by_patient.map(lambda found: found[0])
