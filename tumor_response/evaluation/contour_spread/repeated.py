"""Rows of a table as they would have been with another contour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.evaluation.ledger.record import columns_read
from tumor_response.exceptions import EvaluationError
from tumor_response.features.deep.view_store import ViewStore
from tumor_response.features.repeats import RepeatValues, read_repeats
from tumor_response.transformers import (
    block_of,
    chosen_key_column,
    is_predictor,
    keys_needed,
)
from tumor_response.transformers.training_repeats import check_unaltered

__all__ = ["RepeatedRows"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RepeatedRows:
    """The altered repeats of some rows, in place of the values that hang on the contour.

    Parameters
    ----------
    X
        The rows, in all columns that a model is shown.
    place : ndarray of int64, shape (n_rows,)
        Where a row's repeats are in ``values``; -1: it has none.
    values : ndarray of float64, shape (n_lesions, n_repeats, n_columns)
        Without the unaltered case.
    usable : ndarray of bool, shape (n_lesions, n_repeats)
        False where a block has no value at all.
    varied, held
        Columns that the model reads and that repeats replace, and those that they do not.
    perturbations
        Whose repeats they are.
    """

    X: pd.DataFrame
    place: IntArray
    values: FloatArray
    usable: BoolArray
    varied: list[str]
    held: list[str]
    perturbations: list[str]

    @classmethod
    def of(
        cls,
        model: BaseEstimator,
        X: pd.DataFrame,
        store: ViewStore | str | Path,
        perturbations: str | Sequence[str] | None,
        column: str | None,
    ) -> RepeatedRows:
        """Look up the repeats of the rows of ``X``.

        Raises
        ------
        EvaluationError
            Codes ``unsupported_model``, ``perturbation_unknown`` and ``no_repeats``.
        ModelError, FeatureError
            As :class:`StableColumns`.
        """
        if needed := keys_needed(model, X.columns):
            raise EvaluationError(
                f"The model reads images by {', '.join(needed)}, and there are no views of the "
                "altered contours, so that its predictions would not move. The spread is defined "
                "for models of the columns that tr.Repeats(...) extracts.",
                code="unsupported_model",
            )
        keys = X[chosen_key_column("prediction_spread", column, X.columns)].astype(object)
        known = sorted({str(key) for key in keys.dropna()})
        if not known:
            raise EvaluationError("No lesion has a key of repeats.", code="no_repeats")
        read = [c for c in columns_read(model, X, list(X.columns)) if is_predictor(c)]
        there = set(read_repeats(store, known[:1]).columns)
        varied = [name for name in read if name in there]
        if not varied:
            raise EvaluationError(
                f"None of the {len(read)} columns that the model reads ({', '.join(read[:3])} ...) "
                "has repeats. Give their extractors to tr.Repeats(...).",
                code="no_repeats",
            )
        repeats = _chosen(read_repeats(store, known, varied), perturbations)
        at = {key: number for number, key in enumerate(known)}
        place = np.array([-1 if pd.isna(key) else at[str(key)] for key in keys], dtype=np.int64)
        rows = np.array([int(np.argmax(place == number)) for number in range(len(known))])
        check_unaltered("prediction_spread", repeats, X[varied].iloc[rows])
        # where a perturbation means nothing to a column, the column stays as it is
        values = np.where(repeats.applies, repeats.values, repeats.values[:, :1])[:, 1:]
        return cls(
            X=X,
            place=place,
            values=values,
            usable=_has_every_block(values, varied),
            varied=varied,
            held=[name for name in read if name not in there],
            perturbations=repeats.names,
        )

    def rows_of(self, row: IntArray) -> tuple[pd.DataFrame, IntArray]:
        """Return the usable repeats of some rows, and which of ``row`` each belongs to.

        The frame has the columns and the index of ``X``, an entry for each repeat.
        """
        with_repeats = np.nonzero(self.place[row] >= 0)[0]
        lesions = self.place[row[with_repeats]]
        which, repeat = np.nonzero(self.usable[lesions])
        owner = with_repeats[which]
        kept = self.X.iloc[row[owner]]
        altered = pd.DataFrame(
            self.values[lesions[which], repeat], index=kept.index, columns=self.varied
        )
        rest = kept.drop(columns=self.varied)
        frame = pd.concat([rest, altered], axis=1)[list(self.X.columns)]
        return frame, owner


def _chosen(repeats: RepeatValues, perturbations: str | Sequence[str] | None) -> RepeatValues:
    if perturbations is not None:
        return repeats.of(perturbations)
    if len(repeats.names) > 1:
        raise EvaluationError(
            f"The store has repeats of {', '.join(map(repr, repeats.names))}: a spread over all of "
            "them would be one of no single cause. Name those that stand for plausible contours: "
            f"perturbations={repeats.names[0]!r}.",
            code="perturbation_unknown",
        )
    return repeats


def _has_every_block(values: FloatArray, columns: list[str]) -> BoolArray:
    blocks = np.array([block_of(name) for name in columns])
    usable = np.ones(values.shape[:2], dtype=bool)
    for block in dict.fromkeys(blocks):
        usable &= np.isfinite(values[:, :, blocks == block]).any(axis=2)
    return usable
