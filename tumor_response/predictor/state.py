"""What of a predictor travels: settings, fitted parts, aggregates. No patient's row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.predictor.calibration import Calibration
from tumor_response.predictor.conformal import ConformalRule
from tumor_response.predictor.domain import TrainingDomain

__all__ = ["PredictorState"]


@dataclass(frozen=True, eq=False)
class PredictorState:
    """All that a prediction needs, and all that a saved predictor holds.

    Attributes
    ----------
    task : {"response", "rate"}
        What is predicted: the probability of a response, or a rate.
    end_point : dict
        JSON-able: what ``y`` was: name, unit, rule, cut as fitted, shares of the classes.
    provenance : dict
        The feature table's: extractors' identities, weights' hashes, versions, quality rules.
    dictionary : DataFrame
        The feature table's, one row per column, in the order of the columns.
    model : estimator
        Fitted to all training lesions.
    volume_model : estimator
        ``volume_only``, fitted to the same rows: what volume alone would say.
    resample_models : tuple of estimators
        Fitted to bootstrap samples of patients, for the spread; may be empty.
    calibration, volume_calibration : Calibration
        What turns a model's log-odds into calibrated ones (identity for rates).
    conformal : ConformalRule
        Quantiles of the calibration patients' scores by nominal coverage.
    threshold : dict
        JSON-able: ``value`` and ``rule`` of the class that is said (responses).
    domain : TrainingDomain
        Aggregates of the training cohort: ranges, centre and spread.
    record : dict
        JSON-able aggregates for the model card: cohort, performance, controls, leakage, limits.
    parents : tuple of dict
        JSON-able: SHA-256 of the file, and what was done to it, eldest first (recalibration).
    """

    task: Literal["response", "rate"]
    end_point: Mapping[str, Any]
    provenance: Mapping[str, Any]
    dictionary: pd.DataFrame
    model: BaseEstimator
    volume_model: BaseEstimator
    resample_models: tuple[BaseEstimator, ...]
    calibration: Calibration
    volume_calibration: Calibration
    conformal: ConformalRule
    threshold: Mapping[str, Any]
    domain: TrainingDomain
    record: Mapping[str, Any] = field(default_factory=dict)
    parents: tuple[Mapping[str, Any], ...] = ()
