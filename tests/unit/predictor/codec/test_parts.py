"""Every type on the list goes out and comes in, with all that it shows to its users."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

import tumor_response as tr
from tests.unit.predictor import small
from tumor_response.models import model_names
from tumor_response.models.trees.columns import EncoderOfNamed, StrongestColumns
from tumor_response.predictor.codec import models_from, models_to
from tumor_response.predictor.codec.known_parts import PARTS
from tumor_response.transformers import (
    BlockPCA,
    BlockPLS,
    BlockSupervisedPCA,
    BorutaFilter,
    CorrelationClusters,
    CorrelationFilter,
    MannWhitneyFilter,
    MComBat,
    MedianImputer,
    MissingnessFilter,
    MRMRFilter,
    NestedComBat,
    StabilitySelection,
    StableColumns,
    UnivariateFilter,
    VolumeRedundancyFilter,
)

ELSEWHERE = {"FineTuned", "AttentionPooling"}
"""Networks: test_saved_network."""

FILTERS = [
    EncoderOfNamed(("clinical__age",)),
    MissingnessFilter(),
    UnivariateFilter(),
    StrongestColumns(3),
    CorrelationFilter(0.3),
    CorrelationClusters(0.2),
    VolumeRedundancyFilter(0.9, "clinical__volume_cc"),
    MRMRFilter(4),
    StabilitySelection(n_pairs=4),
    BorutaFilter(n_rounds=3, n_trees=8),
    MannWhitneyFilter(),
    StableColumns(0.75, icc={"deep__net__0001": 0.9}),
    BlockPCA(2),
    BlockPLS(2),
    BlockSupervisedPCA(2),
]
LAST = [
    *(LogisticRegression(), Ridge(), LinearRegression(), Lasso(0.1), ElasticNet(0.1)),
    *(RandomForestClassifier(4, random_state=0), RandomForestRegressor(4, random_state=0)),
    *(ExtraTreesClassifier(4, random_state=0), ExtraTreesRegressor(4, random_state=0)),
    *(StandardScaler(), RobustScaler()),
    tr.models.BestOfInner({"a": Ridge(), "b": Lasso(0.1)}),
    tr.models.TunedModel(Ridge(), {"alpha": tr.models.Range(0.1, 10.0, log=True)}, n_trials=2),
    tr.models.TunedModel(LogisticRegression(), {"C": tr.models.Choice((0.1, 1.0))}, n_trials=2),
    tr.models.OrdinalByCuts(LogisticRegression()),
    tr.models.PenalisedLogistic(Cs=(0.1,)),
    tr.models.PenalisedRegression(alphas=(0.1,)),
    tr.models.ReducedRidgeLogistic(BlockPCA(2), Cs=(1.0,)),
]
NAMED = [
    (name, task)
    for task in ("response", "rate", "tertiles")
    for name in model_names(task)
    if name not in ("gaussian_process", "tabular_foundation")
]


@cache
def numbers() -> pd.DataFrame:
    plain = small.frame().drop(columns=["clinical__site", "meta__site"])
    return MedianImputer().fit_transform(plain)


def made() -> list[tuple[str, object, pd.DataFrame]]:
    """Fitted models and steps, and the rows that they are asked about."""
    frame, y = small.frame(), small.outcome("response")
    found = [(repr(step)[:30], step.fit(numbers(), y), numbers()) for step in FILTERS]
    found += [(repr(step)[:30], step.fit(numbers(), y), numbers()) for step in LAST]
    tertiles = np.digitize(
        small.outcome("rate"), np.quantile(small.outcome("rate"), [1 / 3, 2 / 3])
    )
    for name, task in NAMED:
        target = tertiles if task == "tertiles" else small.outcome(task)
        model = tr.make_model(name, outcome=task, **small.QUICK.get(name, {}))
        found.append((f"{name} {task}", model.fit(frame, target), frame))
    sites = frame.assign(meta__kernel=pd.Categorical(np.arange(small.N) % 2 > 0))
    sites["meta__kernel"] = sites["meta__kernel"].astype(str)
    for how in ("combat", "site_zscore", "site_quantile"):
        model = tr.make_model("logistic", harmonise=how).fit(frame, y)
        found.append((how, model, frame))
    nested = NestedComBat(["meta__site", "meta__kernel"])
    for step in (MComBat(reference="A"), nested):
        found.append((type(step).__name__, make_pipeline(step).fit(sites, y), sites))
    return found


def said(model: object, X: pd.DataFrame) -> np.ndarray:
    if hasattr(model, "transform") and not hasattr(model, "predict"):
        moved = model.transform(X)
        frame = isinstance(moved, pd.DataFrame)
        return moved.select_dtypes("number").to_numpy() if frame else np.asarray(moved)
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def shown(model: object) -> dict[str, object]:
    """What its class computes from what it holds, such as ``dropped_``."""
    found = {}
    for kind in type(model).__mro__:
        for name, one in vars(kind).items() if kind.__module__.startswith("tumor_") else ():
            if isinstance(one, property) and name.endswith("_") and name != "trials_":
                found[name] = getattr(model, name, None)
    return found


def steps_of(model: object) -> list[object]:
    return [one for _, one in model.steps] if isinstance(model, Pipeline) else [model]


def test_every_listed_type_comes_back_as_it_was():
    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model, X in made():
            members = models_to({"model": model})
            again = models_from(members)["model"]
            np.testing.assert_array_equal(said(again, X), said(model, X), err_msg=name)
            assert models_to({"model": again}) == members, name
            for one, other in zip(steps_of(model), steps_of(again), strict=True):
                before, after = shown(one), shown(other)
                for key, value in before.items():
                    if isinstance(value, pd.DataFrame):
                        pd.testing.assert_frame_equal(after[key], value)
                    else:
                        np.testing.assert_array_equal(after[key], value)
            seen |= {part for part in PARTS if f'"is":"{part}"'.encode() in members["models.json"]}
    assert set(PARTS) - seen == ELSEWHERE


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_the_list_names_types_and_parameters_that_there_are(part):
    assert part.type().__name__ == part.name
    every = [*part.parameters(), *part.fitted, *part.left, *part.home]
    assert len(set(every)) == len(every)
    assert not {name for name in every if name.startswith("__")}
