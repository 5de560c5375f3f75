"""What is refused before the first fit, each with a plain word and the way out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import EvaluationError
from tumor_response.outcomes import BaselineAdjustedCut, LabelRule, ResponderCut
from tumor_response.transformers.harmonise import named_as_outcome

__all__ = [
    "aligned_outcome",
    "check_classes",
    "check_columns",
    "check_index",
    "check_no_outcome",
    "check_rates",
    "check_values",
]

IntArray = npt.NDArray[np.int64]

_LARGEST = float(np.finfo(np.float32).max)
"""Beyond single precision the square of a value is no number any more, and trees cannot hold it."""


def check_index(index: pd.Index) -> None:
    """Refuse rows that do not say their patient, or say it twice."""
    if "patient_id" not in index.names:
        raise EvaluationError(
            f"The table's index is named {list(index.names)}; expected (patient_id, lesion_id), or "
            "patient_id alone. Patients are what is resampled: set_index([...]) says who they are.",
            code="index",
        )
    if not index.is_unique:
        twice = index[index.duplicated()].unique().tolist()
        raise EvaluationError(
            f"{len(twice)} index entries of the table occur more than once, e.g. {twice[:3]}. One "
            "row is one lesion; give lesions of a patient different lesion_id.",
            code="duplicate_index",
        )
    if index.to_frame().isna().to_numpy().any():
        raise EvaluationError("The table's index has missing patient or lesion ids.", code="index")
    patients = index.get_level_values("patient_id").unique()
    if patients.astype(str).nunique() < len(patients):
        raise EvaluationError(
            "Some patient ids differ in their type alone, such as 1 and '1'; written out they are "
            "the same patient. Make all of them text.",
            code="index",
        )


def check_columns(X: pd.DataFrame) -> None:
    """Refuse column names that are not unique or no text."""
    if not X.columns.is_unique:
        twice = X.columns[X.columns.duplicated()].unique().tolist()
        raise EvaluationError(f"The table has columns of the same name: {twice[:5]}.")
    if not all(isinstance(column, str) for column in X.columns):
        raise EvaluationError("The table's column names must be text.")


def aligned_outcome(y: pd.Series, index: pd.Index, label: LabelRule | None) -> pd.Series:
    """Return the outcome as float64 in the order of ``index``."""
    if not isinstance(y, pd.Series):
        raise EvaluationError(
            f"y: expected a pandas Series with the table's index, received {type(y).__name__}; "
            "without an index nobody can tell whose outcome is whose."
        )
    if label is not None and not isinstance(label, (ResponderCut, BaselineAdjustedCut)):
        raise EvaluationError(
            "label: expected tr.ResponderCut(...), tr.BaselineAdjustedCut(...) or None, received "
            f"{type(label).__name__}."
        )
    if y.attrs.get("fitted_on_all_lesions"):
        raise EvaluationError(
            f"y ({y.name}) comes from a model that was fitted on all lesions together, so that "
            "each value knows the others, test patients included. Use the slopes of single "
            "lesions, tr.slopes(visits, method='ols').",
            code="outcome_fitted_on_all",
        )
    if not y.index.is_unique:
        raise EvaluationError("y has index entries more than once.", code="duplicate_index")
    if not y.index.equals(index):
        without, beyond = (
            index.difference(y.index, sort=False),
            y.index.difference(index, sort=False),
        )
        if len(without) or len(beyond):
            raise EvaluationError(
                f"y and the table do not have the same index: {len(without)} rows of the table "
                f"are not in y (e.g. {without[:2].tolist()}), {len(beyond)} of y are not in the "
                f"table (e.g. {beyond[:2].tolist()}). y.reindex(table.data.index) gives missing "
                "outcomes as NaN, which are left out and counted.",
                code="index_mismatch",
            )
    numeric = pd.api.types.is_numeric_dtype(y.dtype) or pd.api.types.is_bool_dtype(y.dtype)
    if not numeric:
        raise EvaluationError(
            f"y holds {y.dtype} values; expected 0 and 1, or an end point with label=.", code="y"
        )
    values = y.reindex(index).to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise EvaluationError(
            f"y holds {int(np.isinf(values).sum())} infinite value(s). Correct them, or make them "
            "NaN if they are unknown.",
            code="y",
        )
    # no attrs: they would be copied with every slice
    return pd.Series(values, index=index, name=y.name)


def check_values(X: pd.DataFrame, used: Iterable[str]) -> None:
    """Refuse text and infinite values in the columns that some model uses."""
    columns = list(dict.fromkeys(used))
    numeric, wrong = [], []
    kinds: dict[object, str] = {}
    for column, dtype in zip(columns, X[columns].dtypes, strict=True):
        if dtype not in kinds:
            is_category = isinstance(dtype, pd.CategoricalDtype)
            is_number = pd.api.types.is_numeric_dtype(dtype)
            is_number &= not pd.api.types.is_complex_dtype(dtype)
            kinds[dtype] = "category" if is_category else "number" if is_number else "other"
        if kinds[dtype] == "number":
            numeric.append(column)
        elif kinds[dtype] == "other":
            wrong.append(f"{column!r} ({dtype})")
    if wrong:
        raise EvaluationError(
            f"{len(wrong)} predictor column(s) are neither numbers nor categories: "
            f"{', '.join(wrong[:5])}. Turn them into numbers, or declare them with "
            "astype('category').",
            code="object_columns",
        )
    infinite = np.abs(X[numeric].to_numpy(dtype=np.float64, na_value=np.nan)) > _LARGEST
    if infinite.any():
        row, place = (int(found) for found in np.argwhere(infinite)[0])
        raise EvaluationError(
            f"{int(infinite.sum())} infinite values, or values beyond {_LARGEST:.1g}, in "
            f"{int(infinite.any(axis=0).sum())} column(s), the first in {numeric[place]!r} at "
            f"{X.index[row]!r}. Correct them, or make them NaN if they are unknown.",
            code="infinite",
        )


def check_no_outcome(
    X: pd.DataFrame, used: Iterable[str], outcome: pd.Series, label: npt.NDArray[np.generic]
) -> None:
    """Refuse predictors that are an outcome: by their name, or because they equal it."""
    columns = list(dict.fromkeys(used))
    if not columns:  # models of images alone
        return
    found = [column for column in columns if named_as_outcome(column)]
    if found:
        raise EvaluationError(
            f"{len(found)} predictor column(s) are named as an outcome: "
            f"{', '.join(map(repr, found[:5]))}. What is known after treatment only cannot predict "
            "it. Take them out of the table or of blocks=; where only the name is shared, rename "
            "the column.",
            code="outcome_as_predictor",
        )
    end_point = outcome.to_numpy(dtype=np.float64)
    # most columns differ in the first row already; only the others are looked at whole
    first = X[columns].iloc[0].map(_as_number).to_numpy(dtype=np.float64)
    suspects = np.nonzero((first == end_point[0]) | (first == label[0]))[0]
    found = [
        columns[at]
        for at in suspects
        if any((_as_numbers(X[columns[at]]) == known).all() for known in (end_point, label))
    ]
    if found:
        raise EvaluationError(
            f"{len(found)} predictor column(s) equal the outcome in all {len(X)} evaluated rows: "
            f"{', '.join(map(repr, found[:5]))}. A copy of the outcome predicts nothing. Take "
            "them out of the table or of blocks=.",
            code="outcome_as_predictor",
        )


def _as_number(value: object) -> float:
    """Text that reads as a number is one here: categories "0" and "1" can be the label, too."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def _as_numbers(column: pd.Series) -> npt.NDArray[np.float64]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.to_numeric(column.astype(object), errors="coerce")
    values: npt.NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def check_classes(y: IntArray, patients: IntArray) -> None:
    """Refuse one class, and classes of one patient."""
    values = sorted({0, 1} | set(y.tolist()))
    counts = {value: len(np.unique(patients[y == value])) for value in values}
    if not all(counts.values()):
        there = 1 if counts[1] else 0
        raise EvaluationError(
            f"All {len(y)} lesions are of class {there}; an AUC compares two classes. Choose a cut "
            "that some lesions pass and some do not, such as the median.",
            code="one_class",
        )
    for value, count in counts.items():
        if count < 2:
            raise EvaluationError(
                f"Class {value} has lesions of {count} patient only; with fewer than two patients "
                "per class no resample can train on one and be tested on another.",
                code="too_few_patients",
            )


def check_rates(y: npt.NDArray[np.float64], patients: IntArray) -> None:
    """Refuse one rate for all, and fewer than four patients."""
    if len(np.unique(y)) < 2:
        raise EvaluationError(
            f"All {len(y)} lesions have the rate {y[0]:g}; there is nothing to tell apart.",
            code="one_class",
        )
    n_patients = len(np.unique(patients))
    if n_patients < 4:
        raise EvaluationError(
            f"{n_patients} patients; with fewer than four no resample leaves two to train on and "
            "two to be judged on.",
            code="too_few_patients",
        )
