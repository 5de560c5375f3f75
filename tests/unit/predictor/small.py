"""A small cohort and predictors fitted to it, without images."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.features.assemble import DICTIONARY_COLUMNS
from tumor_response.predictor import Calibration, ConformalRule, PredictorState, TrainingDomain

N = 61  # odd: a median is somebody's value


@cache
def frame() -> pd.DataFrame:
    """Sixty-one patients of two blocks, a category, a site, missing values."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_arrays(
        [[f"MRN-{7000 + i}" for i in range(N)], ["1"] * N], names=["patient_id", "lesion_id"]
    )
    deep = pd.DataFrame(
        rng.normal(size=(N, 25)), index=index, columns=[f"deep__net__{i:04d}" for i in range(25)]
    )
    clinical = {
        "clinical__volume_cc": rng.lognormal(2, 1, N),
        "clinical__age": rng.normal(60, 9, N),
        "clinical__site": pd.Categorical(rng.choice(["larynx", "tongue", "tonsil"], N)),
        "meta__site": pd.Categorical(rng.choice(["A", "B"], N)),
    }
    table = pd.DataFrame(clinical, index=index).join(deep)
    table.iloc[3, 6] = np.nan
    return table


@cache
def outcome(task: str) -> np.ndarray:
    said = np.log(frame()["clinical__volume_cc"]) + frame()["deep__net__0003"]
    noise = np.random.default_rng(1).normal(size=N)
    rate = (said + noise).to_numpy()
    return rate if task == "rate" else (rate > np.median(rate)).astype(int)


def dictionary() -> pd.DataFrame:
    index = pd.Index(list(frame().columns), dtype="str", name="column")
    table = pd.DataFrame("", index=index, columns=DICTIONARY_COLUMNS, dtype="str")
    table["block"] = [name.split("__")[0] for name in index]
    return table


QUICK = {
    "xgboost": {"n_estimators": 20, "least_rounds": 10, "early_stopping": "none"},
    "random_forest": {"n_trees": 12},
    "average": {"n_estimators": 20},
}


def fitted(name: str, task: str = "response", rows: np.ndarray | None = None, **made):
    at = np.arange(N) if rows is None else rows
    model = tr.make_model(name, outcome=task, **QUICK.get(name, {}), **made)
    return model.fit(frame().iloc[at], outcome(task)[at])


def state_of(model, volume_model, task: str = "response", resample_models=()) -> PredictorState:
    """A predictor of fitted models, whose other parts are simple."""
    return PredictorState(
        task=task,
        end_point={"name": "rate_percent_per_day", "rule": "median", "cut": 0.71},
        provenance={"tumor_response": "0.1", "extractors": {"deep": {"backbone": "net"}}},
        dictionary=dictionary(),
        model=model,
        volume_model=volume_model,
        resample_models=tuple(resample_models),
        calibration=Calibration(0.12, 0.9, N, "cross_fitted"),
        volume_calibration=Calibration(),
        conformal=ConformalRule("label_set", {"0.9": 0.71}, N, "left out"),
        threshold={"value": 0.48, "rule": "youden"},
        domain=TrainingDomain({}),
        record={"n_patients": N},
    )


@cache
def state(name: str = "logistic", task: str = "response", n_resamples: int = 2) -> PredictorState:
    rng = np.random.default_rng(2)
    resamples = [fitted(name, task, rng.integers(0, N, N)) for _ in range(n_resamples)]
    return state_of(fitted(name, task), fitted("volume_only", task), task, resamples)


@cache
def tiny() -> PredictorState:
    """As few bytes as a predictor has: the volume alone, twice."""
    volume = fitted("volume_only")
    whole = dictionary().iloc[:1]
    return dataclasses.replace(state_of(volume, volume), dictionary=whole)


def said(model, task: str = "response") -> np.ndarray:
    return model.predict(frame()) if task == "rate" else model.predict_proba(frame())[:, 1]
