"""From a feature table and an end point to a predictor's state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from sklearn.base import BaseEstimator

from tumor_response.evaluation.ledger.record import columns_read
from tumor_response.evaluation.performance import youden_threshold
from tumor_response.evaluation.rows import EvaluationRows, Failed, prepare_rows
from tumor_response.evaluation.running import fit_model
from tumor_response.exceptions import EvaluationError
from tumor_response.features.assemble import DICTIONARY_COLUMNS
from tumor_response.features.base import FeatureExtractor
from tumor_response.outcomes import LabelRule, ResponderCut
from tumor_response.parallel.threads import held_threads
from tumor_response.predictor.calibration import (
    Calibration,
    cross_calibrated,
    fit_calibration,
)
from tumor_response.predictor.conformal import fit_conformal
from tumor_response.predictor.cross_fitting import (
    CrossFitted,
    cross_fitted_scores,
)
from tumor_response.predictor.domain import TrainingDomain
from tumor_response.predictor.extraction import FACTS_BLOCK, training_provenance
from tumor_response.predictor.refusal import missing_shares
from tumor_response.predictor.rows_held import rows_held
from tumor_response.predictor.scores import shown_columns
from tumor_response.predictor.settings import PredictorSettings
from tumor_response.predictor.state import PredictorState
from tumor_response.table import FeatureTable
from tumor_response.transformers import block_of, is_predictor

__all__ = [
    "MODEL",
    "VOLUME",
    "fitted_state",
    "split_facts",
]

MODEL, VOLUME = "model", "volume_only"
"""Names of the two models under which errors speak of them."""

_ROLE_OF_OWN = "baseline"


def fitted_state(
    table: FeatureTable | pd.DataFrame,
    y: pd.Series,
    model: BaseEstimator,
    volume_model: BaseEstimator,
    settings: PredictorSettings,
    *,
    label: LabelRule | None,
    failed: Failed,
    extractors: Sequence[FeatureExtractor] | None,
    n_jobs: int,
) -> PredictorState:
    """Fit everything that a predictor holds.

    Parameters
    ----------
    table
        Features; columns of the block ``acquisition`` are kept from the models.
    y
        As for :func:`tumor_response.evaluate`.
    model, volume_model
        Unfitted.
    settings
        Folds, samples, coverages.
    label
        The rule that makes classes of ``y``; the folds fit its cut anew.
    failed
        What becomes of lesions without a block, as for :func:`tumor_response.evaluate`.
    extractors
        Those of the table; None: made again from what it says of itself, if that can be.
    n_jobs
        Processes; the state is the same whatever it is.

    Raises
    ------
    EvaluationError
        As :func:`tumor_response.evaluate`; code ``task``: thirds.
    FeatureError
        Code ``extractor_changed``: the table is not by the extractors given.
    """
    given = table
    table, facts = split_facts(given)
    models = {MODEL: model, VOLUME: volume_model}
    rows = prepare_rows(models, table, y, label, failed, None)
    if rows.task == "tertiles":
        raise EvaluationError(
            "A predictor gives the probability of a response, or a rate; y has three classes. Give "
            "0 and 1, an end point with label=tr.ResponderCut(...), or rates with "
            "outcome='rate'.",
            code="task",
        )
    crossed, resampled = cross_fitted_scores(
        rows,
        n_folds=settings.n_folds,
        n_repeats=settings.n_repeats,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
        n_jobs=n_jobs,
    )
    with held_threads(1):
        final, volume = (
            fit_model(name, rows.models[name], rows.shown_to(name), rows.y, "all training lesions")
            for name in (MODEL, VOLUME)
        )
    calibrations = {name: _calibration(rows, crossed, name) for name in rows.models}
    left_out = (crossed.outputs[MODEL], crossed.y, crossed.patients)
    # what the quantiles are taken of is calibrated on others, as a new patient will be
    conforming = left_out[0] if rows.task == "rate" else expit(cross_calibrated(*left_out))
    calibrated = calibrations[MODEL].apply(left_out[0])
    shown = shown_columns(rows.models[MODEL], rows.X.columns)
    read = [c for c in columns_read(rows.models[MODEL], rows.X, shown) if is_predictor(c)]
    held = _rows_held(rows, {MODEL: final, VOLUME: volume}, resampled)
    dictionary = _dictionary_of(table)
    kept_facts = None if facts is None else facts.loc[rows.X.index]
    return PredictorState(
        task="rate" if rows.task == "rate" else "response",
        end_point=_end_point(rows),
        provenance=training_provenance(given, extractors),
        dictionary=dictionary,
        model=final,
        volume_model=volume,
        resample_models=resampled,
        calibration=calibrations[MODEL],
        volume_calibration=calibrations[VOLUME],
        conformal=fit_conformal(
            "interval" if rows.task == "rate" else "label_set",
            conforming,
            crossed.y,
            crossed.patients,
            settings.coverages,
        ),
        threshold=_threshold(rows, crossed, calibrated, settings.threshold),
        domain=TrainingDomain.of(rows.X[read], dictionary.loc[read], kept_facts, rows.patients),
        record={"fit": _record(rows, crossed, settings, held, read)},
    )


def split_facts(
    table: FeatureTable | pd.DataFrame,
) -> tuple[FeatureTable | pd.DataFrame, pd.DataFrame | None]:
    """Return a table without its block ``acquisition``, and that block's columns.

    Examples
    --------
    >>> frame = pd.DataFrame({"clinical__age": [61.0], "acquisition__kvp_kv": [120.0]})
    >>> rest, facts = split_facts(frame)
    >>> rest.columns.tolist(), facts.columns.tolist()
    (['clinical__age'], ['acquisition__kvp_kv'])
    """
    data = table.data if isinstance(table, FeatureTable) else table
    of_facts = np.array([block_of(str(column)) == FACTS_BLOCK for column in data.columns], bool)
    if not of_facts.any():
        return table, None
    facts = data.loc[:, of_facts]
    if isinstance(table, FeatureTable):
        there = [str(b) for b in table.dictionary["block"].unique()]
        return table.select([b for b in there if b not in ("meta", FACTS_BLOCK)]), facts
    return data.loc[:, ~of_facts], facts


def _rows_held(
    rows: EvaluationRows, final: Mapping[str, BaseEstimator], resampled: Sequence[BaseEstimator]
) -> list[str]:
    """Return where fitted models hold training patients: those to samples as well."""
    every = [(name, name, one) for name, one in final.items()]
    every += [(f"resample_models[{at}]", MODEL, one) for at, one in enumerate(resampled)]
    return [
        path.replace("model", where, 1)
        for where, name, one in every
        for path in rows_held(one, rows.shown_to(name))
    ]


def _calibration(rows: EvaluationRows, crossed: CrossFitted, name: str) -> Calibration:
    if rows.task == "rate":
        return Calibration()
    return fit_calibration(crossed.outputs[name], crossed.y, crossed.patients)


def _threshold(
    rows: EvaluationRows,
    crossed: CrossFitted,
    calibrated: npt.NDArray[np.float64],
    rule: Literal["youden"] | float,
) -> dict[str, Any]:
    """Return the threshold of the class with what it does to the patients left out."""
    if rows.task == "rate":
        return {}
    probability = expit(calibrated)
    value = youden_threshold(crossed.y, probability) if rule == "youden" else float(rule)
    said = probability >= value
    return {
        "value": value,
        "rule": "youden" if rule == "youden" else "fixed",
        "sensitivity": float(said[crossed.y == 1].mean()),
        "specificity": float((~said[crossed.y == 0]).mean()),
    }


def _end_point(rows: EvaluationRows) -> dict[str, Any]:
    """Return what was predicted, in numbers of all training lesions together."""
    found: dict[str, Any] = {
        "name": None if rows.outcome.name is None else str(rows.outcome.name),
        "label": _label(rows.label),
        "cut": rows.cut,
        "cut_is_fitted": rows.cut_is_fitted,
    }
    if rows.task == "rate":
        return found | {"mean": float(rows.y.mean()), "sd": float(rows.y.std())}
    return found | {"share_of_responders": float(rows.y.mean())}


def _label(label: LabelRule | None) -> dict[str, Any] | None:
    if label is None:
        return None
    by = label.by if isinstance(label, ResponderCut) else None
    return {"rule": type(label).__name__, "cut": label.cut, "by": by}


def _record(
    rows: EvaluationRows,
    crossed: CrossFitted,
    settings: PredictorSettings,
    held: list[str],
    read: list[str],
) -> dict[str, Any]:
    """Return what is to be known of the fit: counts and shares of the whole cohort."""
    measure = "r2" if rows.task == "rate" else "auc"
    blocks: dict[str, int] = {}
    for column in read:
        blocks[block_of(column)] = blocks.get(block_of(column), 0) + 1
    counts = rows.flow[["n_patients", "n_lesions"]].astype(int)
    return {
        "n_patients": len(np.unique(rows.patients)),
        "n_lesions": len(rows.X),
        "flow": {str(group): dict(row) for group, row in counts.to_dict("index").items()},
        "settings": settings.model_dump(mode="json"),
        "blocks": blocks,
        "cross_fitted": {
            "measure": measure,
            **{name: _finite(crossed.headline(name, rows.task)) for name in rows.models},
        },
        "columns_missing": missing_shares(rows.X, read),
        "rows_held": held,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _dictionary_of(table: FeatureTable | pd.DataFrame) -> pd.DataFrame:
    """Return the table's dictionary; of a bare frame what its columns' names say."""
    if isinstance(table, FeatureTable):
        return table.dictionary
    columns = pd.Index([str(column) for column in table.columns], name="column", dtype="str")
    rows = pd.DataFrame("", index=columns, columns=DICTIONARY_COLUMNS, dtype="str")
    rows["block"] = [block_of(column) for column in columns]
    rows["family"] = rows["block"]
    rows["role"] = [_ROLE_OF_OWN if is_predictor(column) else "meta" for column in columns]
    return rows.astype("str")
