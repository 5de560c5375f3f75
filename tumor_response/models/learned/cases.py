"""From the rows of a table to the cases that a network learns from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import _check_sample_weight

from tumor_response.exceptions import ModelError
from tumor_response.models.folds import most_folds, patient_folds, patients_of

__all__ = ["Cases", "checked_keys", "stopping_cases", "training_cases"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cases:
    """Cases to learn from: each once, however often its row was repeated.

    Parameters
    ----------
    keys
        Of the views.
    patients
        A whole number per case, the same for all cases of a patient.
    label
        0 or 1.
    weight
        Positive, of mean 1.
    """

    keys: npt.NDArray[np.object_]
    patients: IntArray
    label: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, which: BoolArray) -> Cases:
        """Return some of the cases; their weights have mean 1 again."""
        weight = self.weight[which]
        return Cases(
            self.keys[which], self.patients[which], self.label[which], weight / weight.mean()
        )


def checked_keys(reader: str, X: object, column: str) -> npt.NDArray[np.object_]:
    """Return the keys of all rows.

    Raises
    ------
    ModelError
        Codes ``not_a_frame``, ``missing_columns``, and ``view_key_missing`` for rows without one.
    """
    if not isinstance(X, pd.DataFrame):
        raise ModelError(
            f"{reader} works on a pandas DataFrame, received {type(X).__name__}; the key column is "
            "found by name, and rows know their patient by the index.",
            code="not_a_frame",
        )
    if column not in X.columns:
        raise ModelError(
            f"{reader} was fitted on the column {column!r}, which this table does not have.",
            code="missing_columns",
        )
    keys = X[column].astype(object)
    absent = keys.isna().to_numpy()
    if absent.any():
        raise ModelError(
            f"{reader}: {int(absent.sum())} row(s) have no views in {column!r}, e.g. "
            f"{X.index[absent][:3].tolist()}; table.failures says why. An image cannot be imputed: "
            "leave these rows out (failed='drop' in an evaluation).",
            code="view_key_missing",
        )
    return keys.to_numpy(dtype=object)


def training_cases(
    reader: str,
    X: pd.DataFrame,
    y: npt.ArrayLike,
    column: str,
    sample_weight: npt.ArrayLike | None,
    class_weight: str | Mapping[Any, float] | None,
) -> tuple[Cases, npt.NDArray[Any], IntArray]:
    """Return the cases, the two classes, and which case each row is (-1: weight 0).

    Rows of one patient, key and class become one case whose weight is their sum, and cases are
    put in an order of their own: neither the order of rows nor whether a patient drawn twice is
    two rows or a weight of two can change what is learned.

    Raises
    ------
    ModelError
        Codes ``one_class``, ``sample_weight``, ``class_weight``, and those of
        :func:`checked_keys`.
    """
    keys = checked_keys(reader, X, column)
    labels = np.asarray(y)
    if labels.shape != (len(keys),):
        raise ModelError(f"{reader}: X has {len(keys)} rows, y has shape {labels.shape}.")
    try:
        weight: FloatArray = _check_sample_weight(
            sample_weight, keys, dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        raise ModelError(f"{reader}: {error}", code="sample_weight") from None
    used = weight > 0
    classes = np.unique(labels[used])
    if len(classes) != 2:
        raise ModelError(
            f"{reader} needs two classes; y holds {len(classes)}: {classes[:3].tolist()}.",
            code="one_class",
        )
    label = (labels == classes[1]).astype(np.float64)
    named = "patient_id" in X.index.names
    patients = patients_of(X if named else X[[column]])
    weight = weight * _class_factors(reader, labels, classes, weight, class_weight)
    place = {
        identity: at
        for at, identity in enumerate(
            sorted({(int(patients[i]), str(keys[i]), label[i]) for i in np.nonzero(used)[0]})
        )
    }
    case_of = np.full(len(keys), -1, dtype=np.int64)
    for i in np.nonzero(used)[0]:
        case_of[i] = place[int(patients[i]), str(keys[i]), label[i]]
    total = np.bincount(case_of[used], weights=weight[used], minlength=len(place))
    identities = list(place)
    cases = Cases(
        keys=np.array([key for _, key, _ in identities], dtype=object),
        patients=np.array([patient for patient, _, _ in identities], dtype=np.int64),
        label=np.array([value for _, _, value in identities], dtype=np.float64),
        weight=total / total.mean(),
    )
    return cases, classes, case_of


def stopping_cases(reader: str, cases: Cases, fraction: float, random_state: int) -> BoolArray:
    """Return which cases decide when to stop: whole patients, stratified, seeded.

    Raises
    ------
    ModelError
        Code ``too_few_patients``.
    """
    most = most_folds(cases.patients, cases.label)
    if most < 2:
        raise ModelError(
            f"{reader}: only {most} patient(s) have a row of the rarer class; two are needed, one "
            "to learn from and one to stop by.",
            code="too_few_patients",
        )
    n_folds = min(max(2, round(1 / fraction)), most)
    stopping: BoolArray = patient_folds(cases.patients, cases.label, n_folds, random_state) == 0
    return stopping


def _class_factors(
    reader: str,
    labels: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    weight: FloatArray,
    class_weight: str | Mapping[Any, float] | None,
) -> FloatArray:
    if class_weight is None:
        return np.ones(len(labels))
    factors: dict[Any, float] = {}
    if isinstance(class_weight, Mapping):
        factors = dict(class_weight)
    elif class_weight == "balanced":
        totals = [weight[labels == value].sum() for value in classes]
        factors = {
            value: sum(totals) / (2 * total)
            for value, total in zip(classes.tolist(), totals, strict=True)
        }
    usable = set(factors) == set(classes.tolist())
    if not usable or not all(np.isfinite(v) and v > 0 for v in factors.values()):
        raise ModelError(
            f"{reader}: class_weight={class_weight!r}: expected None, 'balanced', or a positive "
            f"number for each of {classes.tolist()}.",
            code="class_weight",
        )
    return np.array([factors.get(value, 1.0) for value in labels.tolist()], dtype=np.float64)
