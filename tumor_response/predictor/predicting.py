"""From rows of features to the table of predictions, with the limits of each."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator

from tumor_response.evaluation.checks import check_columns, check_index, check_values
from tumor_response.evaluation.ledger.record import columns_read
from tumor_response.parallel.threads import held_threads
from tumor_response.predictor.calibration import Calibration
from tumor_response.predictor.contours import KEY_COLUMN, LIMITS, contour_range
from tumor_response.predictor.fitting import MODEL, VOLUME
from tumor_response.predictor.new_lesions import NewLesions
from tumor_response.predictor.refusal import OUT_OF_DOMAIN, RefusalRule, refusals, with_columns
from tumor_response.predictor.scores import outputs_of, shown_columns
from tumor_response.predictor.state import PredictorState
from tumor_response.transformers import block_of, is_predictor, keys_needed

__all__ = [
    "checked_lesions",
    "predicted_by",
    "predictions",
    "raw_outputs_of",
    "read_columns",
    "volume_columns",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
_WHERE = "new lesions"


def predictions(
    state: PredictorState, new: NewLesions, *, coverage: float, rule: RefusalRule
) -> pd.DataFrame:
    """Predict lesions by a fitted state; every lesion has its row, also where it is refused.

    Parameters
    ----------
    state
        Fitted.
    new
        The lesions.
    coverage
        Of the label sets or intervals; one of those that the predictor was fitted for.
    rule
        Which lesions are refused.

    Returns
    -------
    DataFrame
        As :meth:`tumor_response.predictor.predictor.ShrinkagePredictor.predict`.

    Raises
    ------
    ModelError
        Code ``coverage``: one that the predictor was not fitted for.
    TableError
        Code ``columns_missing``: a column that the model reads is not in the table.
    EvaluationError
        Values that are no numbers or not finite, an index without patients.
    """
    state.conformal.quantile(coverage)
    X, codes, n_missing = checked_lesions(state, new, rule)
    domain = _assessed(state, X, new.facts, codes)
    if rule.out_of_domain:
        codes[(codes == "") & ~domain["in_domain"].to_numpy(dtype=bool)] = OUT_OF_DOMAIN
    rows = np.nonzero(codes == "")[0]
    table = pd.DataFrame(index=new.data.index)
    with held_threads(1):
        found = _predicted(state, X.iloc[rows], coverage)
        if new.store is not None:
            found |= _under_contours(state, X, new, rows)
    for name, values in found.items():
        table[name] = _spread_out(values, rows, len(X))
    for name in ("in_domain_score", "in_domain", "out_of_domain"):
        table[name] = domain[name].to_numpy()
    table["n_missing"] = n_missing
    table["refused"] = codes != ""
    table["refusal"] = codes.astype(str)
    return table


def checked_lesions(
    state: PredictorState, new: NewLesions, rule: RefusalRule
) -> tuple[pd.DataFrame, npt.NDArray[np.object_], IntArray]:
    """Return new lesions in the state's columns, each one's reason of refusal, missing columns.

    Raises
    ------
    TableError, EvaluationError
        As :func:`predictions`.
    """
    check_index(new.data.index)
    check_columns(new.data)
    read, volume = read_columns(state), volume_columns(state)
    X = with_columns(new.data, state.dictionary, [*read, *volume])
    check_values(X, [column for column in (*read, *volume) if is_predictor(column)])
    by_block: dict[str, list[str]] = {}
    for column in read:
        by_block.setdefault(block_of(column), []).append(column)
    lacked = state.record.get("fit", {}).get("columns_missing", {})
    return X, *refusals(X, by_block, new.failures, lacked, rule)


def read_columns(state: PredictorState) -> list[str]:
    """Return the columns that the model reads of a lesion, in the table's order."""
    columns = [str(column) for column in state.dictionary.index]
    shown = shown_columns(state.model, columns)
    read = {c for c in columns_read(state.model, _empty(columns), shown) if is_predictor(c)}
    read |= set(keys_needed(state.model, columns))
    return [column for column in columns if column in read]


def volume_columns(state: PredictorState) -> list[str]:
    """Return what the model of volume alone reads."""
    columns = [str(column) for column in state.dictionary.index]
    return columns_read(state.volume_model, _empty(columns), None)


def _empty(columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(columns=columns, dtype=np.float64)


def predicted_by(
    state: PredictorState, model: BaseEstimator, calibration: Calibration, X: pd.DataFrame
) -> FloatArray:
    """Return the calibrated probabilities of a response, or the rates, shape (n_rows,)."""
    outputs = calibration.apply(raw_outputs_of(state, model, X))
    probability: FloatArray = outputs if state.task == "rate" else expit(outputs)
    return probability


def raw_outputs_of(state: PredictorState, model: BaseEstimator, X: pd.DataFrame) -> FloatArray:
    """Return the log-odds of a response before calibration, or the rates, shape (n_rows,)."""
    name = VOLUME if model is state.volume_model else MODEL
    shown = X[shown_columns(model, X.columns)]
    return outputs_of(name, model, shown, _WHERE, state.task)


def _predicted(
    state: PredictorState, X: pd.DataFrame, coverage: float
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of the prediction for lesions that are not refused."""
    is_rate = state.task == "rate"
    said = "rate" if is_rate else "probability"
    if not len(X):  # names and kinds of the columns are those of any table
        point = low = high = volume = np.zeros(0)
    else:
        point = predicted_by(state, state.model, state.calibration, X)
        low, high = _spread(state, X)
        volume = predicted_by(state, state.volume_model, state.volume_calibration, X)
        unknown = X[volume_columns(state)].isna().to_numpy().any(axis=1)
        volume = np.where(unknown, np.nan, volume)
    found: dict[str, npt.NDArray[Any]] = {said: point, "spread_low": low, "spread_high": high}
    if is_rate:
        lower, upper = state.conformal.intervals(point, coverage)
        found |= {"interval_low": lower, "interval_high": upper}
    else:
        found["label_set"] = state.conformal.label_sets(point, coverage).astype(object)
        found["predicted_class"] = (point >= float(state.threshold["value"])).astype(np.int64)
    return found | {f"{said}_volume_only": volume}


def _spread(state: PredictorState, X: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return the 5 and 95 % quantiles over the fits to bootstrap samples."""
    if not state.resample_models:
        nothing = np.full(len(X), np.nan)
        return nothing, nothing
    fits = [predicted_by(state, one, state.calibration, X) for one in state.resample_models]
    low, high = np.quantile(np.stack(fits), LIMITS, axis=0)
    return low, high


def _under_contours(
    state: PredictorState, X: pd.DataFrame, new: NewLesions, rows: IntArray
) -> dict[str, npt.NDArray[Any]]:
    if new.store is None:
        return {}
    keyed = X.assign(**{KEY_COLUMN: new.data[KEY_COLUMN].astype(object)})
    predict = partial(predicted_by, state, state.model, state.calibration)
    low, high = contour_range(state.model, keyed, rows, new.store, predict)
    return {"contour_low": low[rows], "contour_high": high[rows]}


def _assessed(
    state: PredictorState,
    X: pd.DataFrame,
    facts: pd.DataFrame | None,
    codes: npt.NDArray[np.object_],
) -> pd.DataFrame:
    """Return what the training domain says of the lesions that have features."""
    known = codes == ""
    domain = pd.DataFrame(
        {"in_domain_score": np.nan, "in_domain": False, "out_of_domain": ""}, index=X.index
    )
    domain["out_of_domain"] = domain["out_of_domain"].astype(object)
    if known.any():
        found = state.domain.assess(X[known], None if facts is None else facts[known])
        for name in domain:
            domain.loc[known, name] = found[name].to_numpy()
    return domain


def _spread_out(
    values: npt.NDArray[Any], rows: IntArray, n: int
) -> npt.NDArray[Any] | pd.api.extensions.ExtensionArray:
    """Put the values of some rows among all: NaN, NA or an empty text for the others."""
    if values.dtype.kind == "i":
        whole = pd.array([pd.NA] * n, dtype="Int64")
        whole[rows] = values
        return whole
    if values.dtype.kind == "O":
        texts = np.full(n, "", dtype=object)
        texts[rows] = values
        return texts
    numbers = np.full(n, np.nan)
    numbers[rows] = values
    return numbers
