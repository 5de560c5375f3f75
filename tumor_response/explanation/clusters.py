"""Columns that rise and fall together, whichever block they are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from tumor_response.exceptions import ExplanationError
from tumor_response.transformers.clusters import correlation_clusters
from tumor_response.transformers.correlation import unit_columns

__all__ = ["cluster_table", "column_clusters"]

IntArray = npt.NDArray[np.int64]


def column_clusters(features: pd.DataFrame, min_correlation: float) -> list[IntArray]:
    """Return the positions of each cluster's columns, in the order of their first.

    Complete linkage on 1 - ``|Spearman's correlation|``, so that any two of a cluster correlate by
    ``min_correlation`` or more. A missing value has the middle rank; categories, which have no
    order, and constant columns are alone.

    Parameters
    ----------
    features
        One row per lesion.
    min_correlation
        In (0, 1].

    Examples
    --------
    >>> table = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [9.0, 1.0, 8.0], "c": [5.0, 4.0, 1.0]})
    >>> [members.tolist() for members in column_clusters(table, 0.9)]
    [[0, 2], [1]]
    """
    if not 0 < min_correlation <= 1:
        raise ExplanationError(
            f"min_correlation={min_correlation!r}: expected 0 < min_correlation <= 1."
        )
    ranks = np.zeros(features.shape)
    for place, (_, column) in enumerate(features.items()):
        if pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(dtype=np.float64)
            there = ~np.isnan(values)
            ranks[there, place] = rankdata(values[there]) - (there.sum() + 1) / 2
    unit = unit_columns(ranks)
    return correlation_clusters(np.clip(np.abs(unit.T @ unit), 0.0, 1.0), min_correlation)


def cluster_table(
    values: pd.DataFrame, features: pd.DataFrame, blocks: Sequence[str], min_correlation: float
) -> pd.DataFrame:
    """Return one row per cluster, as :meth:`Explanation.clusters` describes it.

    Parameters
    ----------
    values, features
        Lesions x columns.
    blocks
        The block of each column.
    min_correlation
        See :func:`column_clusters`.
    """
    rows = []
    for members in column_clusters(features, min_correlation):
        inside = values.iloc[:, members]
        single = inside.abs().mean().to_numpy()
        rows.append(
            {
                "representative": inside.columns[int(single.argmax())],
                "n_columns": len(members),
                "blocks": ", ".join(dict.fromkeys(blocks[place] for place in members)),
                "mean_abs": float(inside.sum(axis=1).abs().mean()),
                "sum_of_mean_abs": float(single.sum()),
                "columns": tuple(inside.columns),
            }
        )
    table = pd.DataFrame(rows).sort_values("mean_abs", ascending=False, kind="stable")
    table.index = pd.RangeIndex(1, len(table) + 1, name="cluster")
    return table
