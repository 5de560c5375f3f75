"""Outcomes and columns that have nothing to do with each other any more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tumor_response.exceptions import EvaluationError

__all__ = ["permuted_columns", "permuted_rows"]

IntArray = npt.NDArray[np.int64]


def permuted_rows(patients: IntArray, rng: np.random.Generator) -> IntArray:
    """Return for each row the row whose outcome it gets: patients exchange all their outcomes.

    The outcomes of a patient's lesions stay together and in their order, since they are alike;
    whole blocks can be exchanged between blocks of one size only (Winkler et al. 2014, NeuroImage
    92:381), so that a patient changes places with patients of as many lesions.

    Parameters
    ----------
    patients : array of shape (n_rows,)
        An integer per row.
    rng
        What decides.

    Raises
    ------
    EvaluationError
        Code ``nothing_to_permute``: no two patients have the same number of lesions.

    Examples
    --------
    >>> patients = np.array([0, 0, 1, 2, 2, 3])
    >>> permuted_rows(patients, np.random.default_rng(2)).tolist()
    [3, 4, 2, 0, 1, 5]
    """
    # the rows of a patient side by side, patients in order
    order = np.argsort(patients, kind="stable")
    _, starts, sizes = np.unique(patients[order], return_index=True, return_counts=True)
    source = np.empty(len(patients), dtype=np.int64)
    can_move = False
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        can_move |= len(members) > 1
        within = np.arange(size)
        to = order[starts[members][:, None] + within]
        source[to] = order[starts[rng.permutation(members)][:, None] + within]
    if not can_move:
        raise EvaluationError(
            f"No two of the {len(sizes)} patients have the same number of lesions, so that no "
            "two can exchange their outcomes. Evaluate one lesion of each patient.",
            code="nothing_to_permute",
        )
    return source


def permuted_columns(
    X: pd.DataFrame, columns: Sequence[str], rng: np.random.Generator
) -> pd.DataFrame:
    """Return the table with each of these columns permuted by itself.

    A column keeps its values, its kind and how many of them are missing, and so its distribution;
    with the outcome, with other columns and with the patient it has nothing to do any more.

    Examples
    --------
    >>> frame = pd.DataFrame({"a__x": [1.0, 2.0, np.nan], "meta__site": ["A", "B", "C"]})
    >>> random = permuted_columns(frame, ["a__x"], np.random.default_rng(0))
    >>> random["a__x"].tolist(), random["meta__site"].tolist()
    ([nan, 1.0, 2.0], ['A', 'B', 'C'])
    """
    orders = rng.permuted(np.tile(np.arange(len(X)), (len(columns), 1)), axis=1)
    numbers = np.array([pd.api.types.is_float_dtype(kind) for kind in X[list(columns)].dtypes])
    named = pd.Index(columns)
    block = X[named[numbers]].to_numpy(dtype=np.float64, na_value=np.nan)
    moved = np.take_along_axis(block, orders[numbers].T, axis=0)
    others = {
        name: X[name].array.take(order)
        for name, order in zip(named[~numbers], orders[~numbers], strict=True)
    }
    # one array for all numbers: a frame made column by column takes longer than many a fit
    parts = [
        pd.DataFrame(moved, X.index, named[numbers]),
        pd.DataFrame(others, X.index),
        X.drop(columns=named),
    ]
    return pd.concat(parts, axis=1)[list(X.columns)]
