"""Training lesions that look like a new one to the model; only where their table is present."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tumor_response.exceptions import ModelError, TableError
from tumor_response.predictor.extraction import table_sha256
from tumor_response.predictor.predicting import read_columns
from tumor_response.predictor.refusal import with_columns
from tumor_response.predictor.scores import shown_columns
from tumor_response.predictor.state import PredictorState
from tumor_response.transformers import block_of

__all__ = ["check_is_training", "similar_lesions"]

FloatArray = npt.NDArray[np.float64]

_KEYS = ["patient_id", "lesion_id"]


def similar_lesions(
    state: PredictorState,
    training: pd.DataFrame,
    new: pd.DataFrame,
    *,
    n: int,
    y: pd.Series | None = None,
) -> pd.DataFrame:
    r"""Find for each new lesion the nearest training lesions of other patients.

    Near is what the model takes for near: lesions are compared in the columns that reach its last
    step (encoded, imputed, filtered), each in standard deviations of the training lesions, and
    each block weighing the same:

    .. math:: d^2(a, b) = \frac{1}{B} \sum_{\beta=1}^{B} \frac{1}{p_\beta}
              \sum_{j \in \beta} \frac{(a_j - b_j)^2}{s_j^2}

    so that two random training lesions are about :math:`\sqrt 2` apart, whatever the number of
    columns. With many columns all distances grow alike; ``share_nearer`` says how near the
    nearest really is, compared with the training lesions' own nearest neighbours.

    Parameters
    ----------
    state
        Fitted.
    training
        The data of the very table that it was fitted to.
    new
        New lesions, in the same columns.
    n
        Neighbours of each; fewer where there are fewer training lesions.
    y
        Outcomes, indexed as ``training``.

    Returns
    -------
    DataFrame
        Index (patient_id, lesion_id, rank), rank from 1: ``similar_patient_id``,
        ``similar_lesion_id``, ``distance``, ``share_nearer`` (of the training lesions, how many
        have their own nearest neighbour nearer than this one), and ``outcome``. A lesion without
        values in all blocks has no row.

    Raises
    ------
    TableError
        Code ``not_the_training_table``; ``columns_missing``.
    ModelError
        ``n`` below 1.
    """
    if n < 1:
        raise ModelError(f"n={n!r}: expected 1 or more similar lesions.")
    check_is_training(state, training)
    read = read_columns(state)
    known, there = (with_columns(data, state.dictionary, read) for data in (training, new))
    complete = _has_every_block(there[read])
    there = there[complete]
    known = known[_has_every_block(known[read])]
    reference, scale = _standardised(state, known)
    if not len(there):
        return _frame([], y)
    seen = _columns_of_last_step(state, there) / scale
    own = _distances(reference, reference)
    own[_same_patient(known.index, known.index)] = np.inf
    usual = np.sort(own.min(axis=1))
    distance = _distances(seen, reference)
    distance[_same_patient(there.index, known.index)] = np.inf
    rows: list[tuple[object, ...]] = []
    for place, key in enumerate(there.index):
        order = np.argsort(distance[place], kind="stable")[:n]
        for rank, at in enumerate(order[np.isfinite(distance[place, order])], start=1):
            nearer = float(np.searchsorted(usual, distance[place, at]) / len(usual))
            rows.append((*_pair(key), rank, *_pair(known.index[at]), distance[place, at], nearer))
    return _frame(rows, y)


def check_is_training(state: PredictorState, training: pd.DataFrame) -> None:
    """Refuse another table than the one that the predictor was fitted to.

    Raises
    ------
    TableError
        Code ``not_the_training_table``.
    """
    wanted = state.provenance.get("data_sha256")
    if wanted is None or table_sha256(training) != wanted:
        what = (
            "does not say which table it was fitted to"
            if wanted is None
            else "was fitted to another table"
        )
        raise TableError(
            f"The predictor {what}. Similar patients are looked up in the very table that it was "
            "fitted to: give that one, unchanged.",
            code="not_the_training_table",
        )


def _standardised(state: PredictorState, known: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return the training lesions, and what columns are divided by: all blocks weigh the same."""
    values = _columns_of_last_step(state, known)
    spread = values.std(axis=0)
    names = _names_of_last_step(state, values.shape[1])
    blocks = np.array([block_of(name) for name in names])
    counts = {block: int((blocks == block).sum()) for block in set(blocks.tolist())}
    weight = np.sqrt([counts[block] * len(counts) for block in blocks.tolist()])
    # a column that is the same for all training lesions tells no two of them apart
    scale = np.where(spread > 0, spread * weight, np.inf)
    return values / scale, scale


def _columns_of_last_step(state: PredictorState, X: pd.DataFrame) -> FloatArray:
    model: BaseEstimator = state.model
    shown = X[shown_columns(model, X.columns)]
    if isinstance(model, Pipeline) and len(model.steps) > 1:
        return np.asarray(model[:-1].transform(shown), dtype=np.float64)
    return shown.to_numpy(dtype=np.float64)


def _names_of_last_step(state: PredictorState, n_columns: int) -> list[str]:
    model = state.model
    if isinstance(model, Pipeline) and len(model.steps) > 1:
        names = [str(name) for name in model[:-1].get_feature_names_out()]
    else:
        names = shown_columns(model, [str(column) for column in state.dictionary.index])
    return names if len(names) == n_columns else [""] * n_columns


def _has_every_block(X: pd.DataFrame) -> npt.NDArray[np.bool_]:
    blocks = np.array([block_of(str(column)) for column in X.columns])
    missing = X.isna().to_numpy()
    there = np.ones(len(X), dtype=bool)
    for block in dict.fromkeys(blocks.tolist()):
        there &= ~missing[:, blocks == block].all(axis=1)
    return there


def _distances(rows: FloatArray, others: FloatArray) -> FloatArray:
    """Return the distance of each row from each of the others, shape (n_rows, n_others)."""
    return np.stack([np.sqrt(((others - row) ** 2).sum(axis=1)) for row in rows])


def _same_patient(index: pd.Index, other: pd.Index) -> npt.NDArray[np.bool_]:
    names = [i.get_level_values("patient_id").astype(str).to_numpy() for i in (index, other)]
    same: npt.NDArray[np.bool_] = names[0][:, None] == names[1][None, :]
    return same


def _pair(key: object) -> tuple[object, object]:
    return (key[0], key[1]) if isinstance(key, tuple) else (key, "")


def _frame(rows: list[tuple[object, ...]], y: pd.Series | None) -> pd.DataFrame:
    columns = [
        *_KEYS,
        "rank",
        "similar_patient_id",
        "similar_lesion_id",
        "distance",
        "share_nearer",
    ]
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    if y is not None:
        single = y.index.nlevels == 1
        keys = (
            frame["similar_patient_id"]
            if single
            else pd.MultiIndex.from_frame(frame[["similar_patient_id", "similar_lesion_id"]])
        )
        frame["outcome"] = y.reindex(keys).to_numpy()
    return frame.set_index([*_KEYS, "rank"])
