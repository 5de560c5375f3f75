"""What a trace is made of: an evaluation's question, and the rows and resamples that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.evaluation.nested import SELECTED, with_selected
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.sampling import NestedCV, Resample, Scheme, SchemeRows
from tumor_response.evaluation.tasks import balance_of, is_learnable
from tumor_response.evaluation.weights import Weights
from tumor_response.outcomes import LabelRule
from tumor_response.table import FeatureTable

__all__ = ["Question", "traced_resamples"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Question:
    """What :func:`tumor_response.evaluate` is asked.

    Attributes
    ----------
    models, table, y, scheme, label, blocks, failed, sample_weight
        As there.
    """

    models: Any
    table: FeatureTable | pd.DataFrame
    y: pd.Series
    scheme: Scheme
    label: LabelRule | None
    blocks: Mapping[str, Sequence[str]] | None
    failed: Failed
    sample_weight: Weights

    @property
    def frame(self) -> pd.DataFrame:
        """The table's data."""
        return self.table.data if isinstance(self.table, FeatureTable) else self.table

    def rows(self) -> EvaluationRows:
        """Prepare the rows as an evaluation does."""
        models = self.models
        if isinstance(self.scheme, NestedCV) and not (
            isinstance(models, Mapping) and SELECTED in models
        ):
            models = with_selected(models, self.scheme)
        return prepare_rows(
            models, self.table, self.y, self.label, self.failed, self.blocks, self.sample_weight
        )

    def resamples(self, rows: EvaluationRows) -> list[Resample]:
        """Draw the resamples as an evaluation does."""

        def usable(train: IntArray, test: IntArray) -> bool:
            y_train, y_test, _ = rows.labels(train, test)
            return is_learnable(rows.task, y_train, y_test)

        balance = balance_of(rows.task, rows.y)
        return self.scheme.resamples(SchemeRows(rows.X, rows.patients, balance, usable))

    def with_table(self, frame: pd.DataFrame, y: pd.Series) -> Question:
        """Return the same question about other values in the same rows."""
        table: FeatureTable | pd.DataFrame = frame
        if isinstance(self.table, FeatureTable):
            table = replace(self.table, data=frame)
        return replace(self, table=table, y=y)


def traced_resamples(n_resamples: int, n_traced: int) -> list[int]:
    """Return which resamples are traced: evenly spread, so that repeats and sites take turns.

    Examples
    --------
    >>> traced_resamples(1000, 3), traced_resamples(1, 3)
    ([0, 500, 999], [0])
    """
    places = np.linspace(0, n_resamples - 1, min(n_traced, n_resamples))
    return sorted({round(place) for place in places.tolist()})
