"""What an estimator says is what its leaves say."""

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from xgboost import DMatrix, XGBClassifier, XGBRegressor, XGBRFClassifier, train

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.trees import is_tree_ensemble, tree_ensemble
from tumor_response.models.trees import (
    BoostedTreesClassifier,
    BoostedTreesRegressor,
    ForestClassifier,
)


def rows(seed: int = 0, n: int = 90, missing: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A table of six columns with missing values, and a class that two of them decide."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    y = (X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=n) > 0).astype(int)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def at_the_edges(ensemble, X: np.ndarray) -> np.ndarray:
    """Rows whose values are the very numbers at which the trees split, and those beside them."""
    low = ensemble.leaves.low
    edges = np.append(np.unique(low[np.isfinite(low)]), 0.0).astype(np.float32)
    edges = np.concatenate([edges, np.nextafter(edges, np.float32(np.inf))])
    rng = np.random.default_rng(1)
    return np.concatenate([X, rng.choice(edges, size=(300, X.shape[1]))])


BOOSTED = {
    "shallow": XGBClassifier(n_estimators=30, max_depth=2, n_jobs=1),
    "deep": XGBClassifier(n_estimators=20, max_depth=6, n_jobs=1),
    "base score": XGBClassifier(n_estimators=5, base_score=0.2, n_jobs=1),
    "pruned": XGBClassifier(n_estimators=20, gamma=1, tree_method="exact", n_jobs=1),
    "single leaves": XGBClassifier(n_estimators=3, gamma=1e6, n_jobs=1),
    "boosted forest": XGBRFClassifier(n_estimators=10, n_jobs=1),
    "several trees a round": XGBClassifier(n_estimators=5, num_parallel_tree=3, n_jobs=1),
    "a number for missing": XGBClassifier(n_estimators=5, missing=-1.0, n_jobs=1),
}
FORESTS = {
    "forest": RandomForestClassifier(20, random_state=0),
    "extra trees": ExtraTreesClassifier(20, random_state=0),
    "own forest": ForestClassifier(20, min_samples_leaf=5, random_state=0),
}


@pytest.mark.parametrize("kind", BOOSTED)
def test_log_odds_of_boosted_trees(kind: str) -> None:
    X, y = rows()
    model = BOOSTED[kind].fit(X, y)
    ensemble = tree_ensemble(model)
    shown = at_the_edges(ensemble, X)
    if kind == "a number for missing":
        shown[::7, 3] = -1.0
    # XGBoost adds up in single precision
    expected = model.predict(shown, output_margin=True)
    np.testing.assert_allclose(ensemble.outputs(shown), expected, atol=5e-6)
    assert ensemble.output == "log_odds"


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("kind", FORESTS)
def test_probability_of_forests(kind: str, missing: float) -> None:
    # without missing values in the fit they go where most of a node's rows went
    X, y = rows(missing=missing)
    model = FORESTS[kind].fit(X, y)
    ensemble = tree_ensemble(model)
    shown = at_the_edges(ensemble, X)
    shown[::5, 2] = np.nan if missing else 0.0
    expected = model.predict_proba(shown)[:, 1]
    np.testing.assert_allclose(ensemble.outputs(shown), expected, atol=1e-12)
    assert ensemble.output == "probability"


def test_stops_at_the_best_round() -> None:
    X, y = rows()
    model = XGBClassifier(n_estimators=60, early_stopping_rounds=3, n_jobs=1)
    model.fit(X[:60], y[:60], eval_set=[(X[60:], y[60:])], verbose=False)
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    expected = model.predict(X, output_margin=True)
    np.testing.assert_allclose(tree_ensemble(model).outputs(X), expected, atol=5e-6)


def test_columns_that_a_filter_left_out_are_counted_but_not_asked() -> None:
    X, y = rows(missing=0.0)
    model = BoostedTreesClassifier(n_columns_per_block=2, early_stopping="none", n_estimators=20)
    model.fit(X, y)
    ensemble = tree_ensemble(model)
    assert ensemble.n_columns == 6
    assert set(ensemble.columns) <= set(np.flatnonzero(model.support_))
    np.testing.assert_allclose(ensemble.outputs(X), model.margin(X), atol=5e-6)


@pytest.mark.parametrize("labels", [(0, 1), (1, 2)])
def test_the_output_is_that_of_class_1(labels: tuple[int, int]) -> None:
    X, y = rows(missing=0.0)
    y = np.where(y == 1, labels[1], labels[0])
    boosted = BoostedTreesClassifier(early_stopping="none", n_estimators=20).fit(X, y)
    forest = FORESTS["forest"].fit(X, y)
    place = labels.index(1)
    p = boosted.predict_proba(X)[:, place]
    np.testing.assert_allclose(tree_ensemble(boosted).outputs(X), np.log(p / (1 - p)), atol=1e-5)
    np.testing.assert_allclose(
        tree_ensemble(forest).outputs(X), forest.predict_proba(X)[:, place], atol=1e-12
    )


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(10, random_state=0),
        ExtraTreesRegressor(10, random_state=0),
        XGBRegressor(n_estimators=10, n_jobs=1),
        BoostedTreesRegressor(2, early_stopping="none", n_estimators=10),
    ],
    ids=lambda model: type(model).__name__,
)
def test_rates(model) -> None:
    X, _ = rows(missing=0.0)
    model.fit(X, 3 * X[:, 0] + X[:, 1])
    ensemble = tree_ensemble(model)
    assert (ensemble.output, ensemble.n_columns) == ("rate", 6)
    np.testing.assert_allclose(ensemble.outputs(X), model.predict(X), atol=5e-6)


def test_bare_boosters() -> None:
    X, y = rows()
    for objective in ("binary:logistic", "reg:logistic", "reg:squarederror"):
        booster = train({"objective": objective, "nthread": 1}, DMatrix(X, y), 10)
        expected = booster.inplace_predict(X, predict_type="margin")
        np.testing.assert_allclose(tree_ensemble(booster).outputs(X), expected, atol=5e-6)


def test_what_is_not_read() -> None:
    X, y = rows(missing=0.0)
    three = np.arange(len(y)) % 3
    booster = train({"booster": "dart", "objective": "binary:logistic"}, DMatrix(X, y), 2)
    for model in (
        LogisticRegression(),
        XGBClassifier(n_estimators=2, objective="binary:hinge"),
        RandomForestClassifier(2).fit(X, three),
        RandomForestRegressor(2).fit(X, X[:, :2]),
        XGBRegressor(n_estimators=2, objective="count:poisson"),
        XGBClassifier(n_estimators=2).fit(X, three),
        BoostedTreesClassifier(early_stopping="none", n_estimators=2).fit(X, three),
        booster,
    ):
        with pytest.raises(ExplanationError) as caught:
            tree_ensemble(model)
        assert caught.value.code == "unsupported_model"
    assert not is_tree_ensemble(LogisticRegression())
    assert not is_tree_ensemble(XGBClassifier(objective="multi:softprob"))
    assert is_tree_ensemble(XGBClassifier())
    categories = DMatrix(
        np.arange(40.0)[:, None] % 4,
        (np.arange(40) % 4 > 1).astype(int),
        feature_types=["c"],
        enable_categorical=True,
    )
    booster = train({"objective": "binary:logistic", "max_cat_to_onehot": 1}, categories, 2)
    with pytest.raises(ExplanationError, match="sets of categories"):
        tree_ensemble(booster)


def test_another_number_of_columns() -> None:
    X, y = rows()
    ensemble = tree_ensemble(RandomForestClassifier(2, random_state=0).fit(X, y))
    for table in (X[:, :5], X[0], np.column_stack([X, X])):
        with pytest.raises(ExplanationError) as caught:
            ensemble.outputs(table)
        assert caught.value.code == "other_columns"
