"""Our models in scikit-learn's own diagram, before the fit and after it."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone

import tumor_response as tr
from tumor_response import models, transformers

NAMES = [
    *("logistic", "xgboost", "random_forest", "svm", "gaussian_process", "pls_da"),
    *("late_fusion", "clinical_first", "clinical_set", "average"),
    *("volume_only", "clinical_only", "dummy"),
]
FITTED = ["logistic", "volume_only", "late_fusion", "clinical_only"]
ESTIMATORS = sorted(
    {
        thing
        for room in (models, transformers)
        for thing in (getattr(room, name) for name in room.__all__)
        if inspect.isclass(thing) and issubclass(thing, BaseEstimator)
    },
    key=lambda kind: kind.__name__,
)
LOGISTIC = tr.make_model("logistic")
NEEDED = {
    "candidates": {"a": LOGISTIC, "b": tr.make_model("volume_only")},
    **dict.fromkeys(("model", "estimator", "pipeline"), LOGISTIC),
    **{key: [] for key in ("blocks", "columns", "members", "variables")},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_named_model_has_its_diagram(name: str) -> None:
    html = tr.make_model(name)._repr_html_()
    assert "sk-estimator" in html
    assert "Not fitted" in html


@pytest.mark.parametrize("name", FITTED)
def test_a_fitted_one_says_so(name: str) -> None:
    rng = np.random.default_rng(0)
    index = pd.Index([f"P{i}" for i in range(40)], name="patient_id")
    X = pd.DataFrame(
        rng.normal(size=(40, 3)), index, ["clinical__age", "deep__a", "radiomics__o__b"]
    )
    X["clinical__volume_cc"] = rng.lognormal(3, 1, 40)
    y = (X["deep__a"] + rng.normal(size=40) > 0).astype(int)
    html = tr.make_model(name).fit(X, y)._repr_html_()
    assert "<span>Fitted</span>" in html
    assert "Not fitted" not in html


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_every_estimator_tells_its_parameters(kind: type[BaseEstimator]) -> None:
    parameters = inspect.signature(kind).parameters.values()
    needed = {
        p.name: NEEDED.get(p.name, "x") for p in parameters if p.default is inspect.Parameter.empty
    }
    estimator = kind(**needed)
    assert set(estimator.get_params(deep=False)) == {p.name for p in parameters}
    html = clone(estimator)._repr_html_()
    assert kind.__name__ in html
    assert kind.__name__ in repr(estimator)
