"""Weights of deep columns, lesion by lesion, and what they need to be such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ExplanationError

__all__ = ["EmbeddingWeights", "Mode", "log_odds_of", "present_rows", "weighed"]

FloatArray = npt.NDArray[np.float64]
Mode = Literal["out_of_bag", "in_sample", "new_rows"]


@dataclass(frozen=True, eq=False)
class EmbeddingWeights:
    """What the final log-odds change by, per unit of each deep column.

    Attributes
    ----------
    weights : DataFrame
        d log-odds / d column on the raw columns of the table, one row per lesion, index
        ``(patient_id, lesion_id)``. Lesions without a value in one of the columns are not in it:
        their prediction rests on what was imputed.
    outputs : Series
        The model's log-odds of each lesion; out of bag their mean.
    values : DataFrame
        The columns' values in the table.
    model : str
        Its name.
    mode : {"out_of_bag", "in_sample", "new_rows"}
        Out of bag: means over the models that had not seen the lesion's patient.
    n_out_of_bag : Series or None
        How many models that were; None otherwise.
    held_share : Series
        Share of a lesion's absolute weight in columns where the distance of a tree's secant was
        held (:func:`tumor_response.explanation.attention.slopes.slopes`); 0 for linear models.
    without : dict
        From each lesion of the table that has no weights to the code of the reason:
        ``deep_values_missing`` or ``never_out_of_bag``.
    """

    weights: pd.DataFrame
    outputs: pd.Series
    values: pd.DataFrame
    model: str
    mode: Mode
    n_out_of_bag: pd.Series | None
    held_share: pd.Series
    without: dict[tuple[str, str], str]

    @property
    def columns(self) -> list[str]:
        """The deep columns."""
        return [str(column) for column in self.weights.columns]


def log_odds_of(fitted: BaseEstimator, rows: pd.DataFrame) -> FloatArray:
    """Return a fitted model's log-odds of response, shape (n_rows,)."""
    if hasattr(fitted, "decision_function"):
        sign = 1.0 if list(fitted.classes_)[1] == 1 else -1.0
        return sign * np.asarray(fitted.decision_function(rows), dtype=np.float64)
    positive = np.asarray(fitted.predict_proba(rows), dtype=np.float64)
    chance = positive[:, list(fitted.classes_).index(1)]
    tiny = np.finfo(np.float64).tiny
    return np.log(np.maximum(chance, tiny)) - np.log1p(-np.minimum(chance, 1 - 1e-16))


def present_rows(rows: pd.DataFrame, columns: list[str]) -> npt.NDArray[np.bool_]:
    """Return which rows have a value in all of some columns.

    Raises
    ------
    ExplanationError
        Codes ``no_deep_columns`` and ``other_columns``: all or some are not there.
    """
    lacking = [column for column in columns if column not in rows.columns]
    if lacking:
        some = f"{', '.join(lacking[:3])}{' ...' if len(lacking) > 3 else ''}"
        code = "no_deep_columns" if len(lacking) == len(columns) else "other_columns"
        raise ExplanationError(
            f"{len(lacking)} of the extractor's {len(columns)} columns are not among those that "
            f"the model is shown: {some}. Give the extractor that the table was made with; a "
            "model without deep columns looked at no image.",
            code=code,
        )
    return np.asarray(rows[columns].notna().all(axis=1), dtype=bool)


def weighed(
    values: pd.DataFrame,
    weights: FloatArray,
    held: FloatArray,
    outputs: FloatArray,
    model: str,
    mode: Mode,
    n_out_of_bag: pd.Series | None,
    without: dict[tuple[str, str], str],
) -> EmbeddingWeights:
    """Return the weights of lesions with their values.

    Parameters
    ----------
    values, weights, held
        Shape (n_lesions, n_columns); ``held``: the absolute weight where a tree's distance was
        held, else 0.
    outputs, model, mode, n_out_of_bag, without
        As in :class:`EmbeddingWeights`.

    Raises
    ------
    ExplanationError
        Code ``no_deep_columns``: no column of no lesion has a weight.
    """
    if not values.empty and not weights.any():
        raise ExplanationError(
            f"Model {model!r} gives none of the extractor's {values.shape[1]} columns a weight, "
            "in no lesion: its prediction does not depend on what the network saw, and there is "
            "nothing to map.",
            code="no_deep_columns",
        )
    size = np.abs(weights)
    total = size.sum(axis=1)
    share = np.divide(held.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0)
    index = values.index
    return EmbeddingWeights(
        weights=pd.DataFrame(weights, index=index, columns=values.columns),
        outputs=pd.Series(outputs, index=index, name="output"),
        values=values,
        model=model,
        mode=mode,
        n_out_of_bag=n_out_of_bag,
        held_share=pd.Series(np.minimum(share, 1.0), index=index, name="held_share"),
        without=without,
    )
