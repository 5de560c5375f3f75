"""Whole blocks at equal covariates: whether they say anything, and the largest effect in each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from tumor_response.evaluation.comparison import adjusted_p_values
from tumor_response.explanation.differences.chance import exchanged
from tumor_response.explanation.differences.prepared import ComparedRows
from tumor_response.explanation.differences.result import GroupDifferences
from tumor_response.explanation.differences.testing import AdjustedTests

__all__ = ["block_tests"]

FloatArray = npt.NDArray[np.float64]

_METHOD = "permutation of what the covariates leave of the outcome"
_LARGEST_SHARE = 95.0


def block_tests(
    rows: ComparedRows, differences: GroupDifferences, n_permutations: int, seed: int
) -> pd.DataFrame:
    r"""Test each block as a whole, and its largest adjusted effect.

    With :math:`e_y` the class and :math:`e_c` a column's ranks, both freed of the covariates, the
    latter of length 1 (0 where missing), the statistic is :math:`\sum_c (e_y^T e_c)^2`, permuted
    outcomes being brought to the length of :math:`e_y`.

    Parameters
    ----------
    rows
        From :func:`compared_rows`, with covariates.
    differences
        Of the same rows.
    n_permutations, seed
        Of :math:`e_y` over the patients.

    Returns
    -------
    pandas.DataFrame
        See :class:`~tumor_response.explanation.differences.beyond.BeyondVolumeAndAge`.
    """
    tests = AdjustedTests(rows)
    stream = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    own = tests.residual_label
    permuted = exchanged(own, rows.patients[tests.known], n_permutations, stream)
    labels = np.vstack([own, permuted])
    with threadpool_limits(1):
        labels -= (labels @ tests.basis) @ tests.basis.T
        # What is permuted has something in common with the covariates again, and taking that out
        # shortens it: left so, 13 to 14 % of empty blocks had p < 0.05 with 40 patients.
        lengths = np.sqrt((labels**2).sum(axis=1, keepdims=True))
        labels *= lengths[0] / np.maximum(lengths, np.finfo(np.float64).tiny)
        squares = (labels @ tests.residuals()) ** 2
        effects = np.nan_to_num(np.abs(tests.effects(labels)), nan=0.0)
    columns = differences.columns
    told = {}
    for number, block in enumerate(rows.hierarchy.blocks):
        at = np.flatnonzero(rows.hierarchy.block_of_player == number)
        tested = columns.iloc[at]["p_value_adjusted"].notna().to_numpy()
        if not tested.any():
            continue
        statistic, largest = squares[:, at].sum(axis=1), effects[:, at].max(axis=1)
        strongest = at[int(effects[0, at].argmax())]
        told[block] = {
            "n_columns": int(tested.sum()),
            "found": int((columns.iloc[at]["q_adjusted"] <= differences.fdr).sum()),
            "ratio": float(statistic[0] / statistic[1:].mean()),
            "p_value": _share(statistic),
            "strongest": columns.index[strongest],
            "delta_strongest": float(columns["delta_adjusted"].iloc[strongest]),
            "chance_strongest": float(np.percentile(largest[1:], _LARGEST_SHARE)),
            "p_strongest": _share(largest),
            "n_permutations": n_permutations,
            "p_method": _METHOD,
        }
    frame = pd.DataFrame.from_dict(told, orient="index").rename_axis("block")
    place = list(frame.columns).index("p_value") + 1
    frame.insert(place, "p_holm", adjusted_p_values(frame["p_value"].to_numpy(), "holm"))
    return frame


def _share(values: FloatArray) -> float:
    """Return the share of permutations as large as the first, which is one of them."""
    return float((values >= values[0] * (1 - 1e-12)).mean())
