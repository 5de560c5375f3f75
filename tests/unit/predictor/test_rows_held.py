"""rows_held: what is found in fitted models, and what is not mistaken for rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tests.unit.predictor import small
from tumor_response.models import model_names
from tumor_response.predictor.rows_held import rows_held
from tumor_response.transformers import BlockSelector, CategoryEncoder, MedianImputer

NAMED = [(name, task) for task in ("response", "rate") for name in model_names(task)]


@pytest.mark.parametrize(("name", "task"), NAMED)
def test_of_the_named_models_two_kinds_are_their_rows(name, task):
    model = small.fitted(name, task)
    held = rows_held(model, small.frame())
    assert bool(held) == (name in ("gaussian_process", "tabular_foundation"))
    assert all(path.startswith("model.steps[") for path in held)


@pytest.mark.parametrize("harmonise", ["combat", "site_zscore", "site_quantile"])
def test_what_is_known_of_sites_is_no_row(harmonise):
    assert rows_held(small.fitted("logistic", harmonise=harmonise), small.frame()) == []


@pytest.mark.parametrize("last", [SVC(), KNeighborsClassifier(), GaussianProcessRegressor()])
def test_scikit_learns_own_that_keep_rows(last):
    steps = [BlockSelector(["deep"]), MedianImputer(), StandardScaler(), last]
    model = make_pipeline(*steps).fit(small.frame(), small.outcome("response"))
    assert rows_held(model, small.frame())[0] == "model.steps[3][1]"


class Keeper(ClassifierMixin, BaseEstimator):
    """Keeps what it is told to keep of its rows, under a name that says nothing."""

    def __init__(self, keep="one"):
        self.keep = keep

    def fit(self, X, y):
        values = np.asarray(X, dtype=np.float64)
        self.coef_ = {
            "one": values[4],
            "all": values[::3].copy(),
            "transposed": values[::3].T.copy(),
            "flat": values[:5].ravel(),
            "some columns": values[:7, ::2].copy(),
            "frame": pd.DataFrame(values[:3]),
            "among others": np.r_[np.zeros(3), values[2]],
            "in a list": [{"a": (values[4],)}],
            "means": values.mean(axis=0),
            "medians": np.median(values, axis=0),
            "sorted": np.sort(values, axis=0),
            "labels": y,
            "largest": values.max(axis=0),
            "a limit": np.full(values.shape[1], values[3, 0]),
        }[self.keep]
        return self


KEPT = ("one", "all", "transposed", "flat", "some columns", "frame", "among others", "in a list")
NOT_ROWS = ("means", "medians", "sorted", "labels", "largest", "a limit")


@pytest.mark.parametrize("keep", [*KEPT, *NOT_ROWS])
def test_rows_are_found_under_any_name_and_aggregates_pass(keep):
    steps = [BlockSelector(), CategoryEncoder(), MedianImputer(), StandardScaler(), Keeper(keep)]
    model = make_pipeline(*steps).fit(small.frame(), small.outcome("response"))
    assert bool(rows_held(model, small.frame())) == (keep in KEPT)


def test_a_table_of_one_value_has_nobodys_rows():
    X = pd.DataFrame(np.ones((9, 6)), columns=list("abcdef"))
    assert rows_held(Keeper("all").fit(X, np.arange(9) % 2), X) == []
