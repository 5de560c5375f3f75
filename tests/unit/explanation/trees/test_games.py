"""Exact games on trees: against shap, every coalition, every order."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from xgboost import XGBClassifier

from tests.unit.explanation.trees import by_hand
from tests.unit.explanation.trees.test_reading import rows
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.trees import (
    column_shapley,
    conjunctions,
    games,
    group_interactions,
    group_shapley,
    nested_owen,
    path_dependent,
    path_dependent_owen,
    tree_ensemble,
)

MODELS = {
    "xgboost": XGBClassifier(n_estimators=25, max_depth=3, n_jobs=1),
    "forest": RandomForestClassifier(15, random_state=0),
    "extra trees": ExtraTreesClassifier(15, max_depth=6, random_state=0),
}


def fitted(kind: str, missing: float = 0.1):
    X, y = rows(missing=missing)
    # what the trees see: single precision
    X = X.astype(np.float32).astype(np.float64)
    return X, MODELS[kind].fit(X, y)


def enumerated(predict, background, shown, group, n_groups: int) -> np.ndarray:
    worth = by_hand.interventional(predict, background, shown)
    return by_hand.shapley(worth, by_hand.members(group, n_groups))


def by_shap(model, background: np.ndarray, shown: np.ndarray) -> np.ndarray:
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(model, data=masker, feature_perturbation="interventional")
    values = np.asarray(explainer.shap_values(shown, check_additivity=False))
    return values[..., 1] if values.ndim == 3 else values


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", MODELS)
def test_columns_against_shap(kind: str) -> None:
    X, model = fitted(kind)
    background, shown = X[:40], X[40:60]
    values = column_shapley(tree_ensemble(model), background, shown)
    expected = by_shap(model, background, shown)
    # shap keeps its factorials in single precision: it is the one that is off (next test)
    assert np.abs(values).max() > 0.05
    np.testing.assert_allclose(values, expected, atol=1e-7)


@pytest.mark.parametrize("kind", MODELS)
def test_columns_against_every_coalition(kind: str) -> None:
    X, model = fitted(kind)
    ensemble = tree_ensemble(model)
    background, shown = X[:20], X[40:50]
    predict = ensemble.outputs if kind == "xgboost" else lambda T: model.predict_proba(T)[:, 1]
    expected = enumerated(predict, background, shown, np.arange(6), 6)
    values = column_shapley(ensemble, background, shown)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    total = ensemble.outputs(shown) - ensemble.outputs(background).mean()
    np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)


def wide(
    n_groups: int, per_group: int = 3
) -> tuple[np.ndarray, RandomForestClassifier, np.ndarray]:
    """A forest of many columns, and a group for each."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(70, n_groups * per_group))
    X[rng.random(X.shape) < 0.05] = np.nan
    y = (np.nan_to_num(X[:, :4]).sum(axis=1) > 0).astype(int)
    X = X.astype(np.float32).astype(np.float64)
    group = rng.permutation(np.repeat(np.arange(n_groups), per_group))
    return X, ExtraTreesClassifier(12, max_depth=5, random_state=0).fit(X, y), group


@pytest.mark.parametrize("n_groups", [2, 5, 12])
def test_groups_against_every_coalition(n_groups: int) -> None:
    X, model, group = wide(n_groups)
    ensemble = tree_ensemble(model)
    background, shown = X[:4], X[60:62]
    expected = enumerated(ensemble.outputs, background, shown, group, n_groups)
    values = group_shapley(ensemble, background, shown, group, n_groups)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    # a group is not the sum of its columns: trees interact
    columns = column_shapley(ensemble, background, shown)
    summed = np.column_stack([columns[:, group == g].sum(axis=1) for g in range(n_groups)])
    assert np.abs(summed - values).max() > 1e-4


def test_forty_groups_are_no_more_work_than_two() -> None:
    X, model, group = wide(40, 2)
    ensemble = tree_ensemble(model)
    values = group_shapley(ensemble, X[:50], X[50:], group, 40)
    total = ensemble.outputs(X[50:]) - ensemble.outputs(X[:50]).mean()
    np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)


LEVELS = [[0, 0, 0, 1, 1, 1], [0, 0, 1, 2, 3, 3], [0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("kind", ["forest", "extra trees"])
def test_nested_values_against_every_order(kind: str) -> None:
    X, model = fitted(kind)
    background, shown = X[:8], X[40:44]
    worth = by_hand.interventional(lambda T: model.predict_proba(T)[:, 1], background, shown)
    found = nested_owen(tree_ensemble(model), background, shown, LEVELS)
    for depth, values in enumerate(found, start=1):
        # orders that keep the unions of these levels together, whatever lies within
        columns = by_hand.owen(worth, LEVELS[:depth], 6)
        unions = LEVELS[depth - 1]
        expected = np.zeros_like(values)
        np.add.at(expected.T, unions, columns.T)
        np.testing.assert_allclose(values, expected, atol=1e-12)
    plain = column_shapley(tree_ensemble(model), background, shown)
    assert np.abs(found[2] - plain).max() > 1e-4


@pytest.mark.parametrize("kind", MODELS)
def test_nested_values_sum_up_exactly(kind: str) -> None:
    X, model = fitted(kind)
    ensemble = tree_ensemble(model)
    blocks, families, columns = nested_owen(ensemble, X[:60], X[60:], LEVELS)
    np.testing.assert_allclose(blocks, group_shapley(ensemble, X[:60], X[60:], LEVELS[0], 2))
    for outer, inner, union in (
        (blocks, families, [0, 0, 1, 1]),
        (families, columns, LEVELS[1]),
    ):
        summed = np.zeros_like(outer)
        np.add.at(summed.T, union, inner.T)
        np.testing.assert_allclose(summed, outer, atol=1e-13)


def test_levels_that_say_the_same_say_nothing_more() -> None:
    X, model = fitted("forest")
    ensemble = tree_ensemble(model)
    each = np.arange(6)
    for levels in ([each, each], [np.zeros(6, dtype=int), each]):
        values = nested_owen(ensemble, X[:30], X[60:], levels)[1]
        np.testing.assert_allclose(values, column_shapley(ensemble, X[:30], X[60:]), atol=1e-14)


@pytest.mark.parametrize("kind", MODELS)
def test_interactions_against_the_definition(kind: str) -> None:
    X, model = fitted(kind)
    ensemble = tree_ensemble(model)
    background, shown = X[:15], X[40:50]
    group = np.array([0, 1, 2, 1, 3, 3])
    members = by_hand.members(group, 4)
    predict = ensemble.outputs if kind == "xgboost" else lambda T: model.predict_proba(T)[:, 1]
    worth = by_hand.interventional(predict, background, shown)
    values = group_interactions(ensemble, background, shown, group, 4)
    for i in range(4):
        for j in range(i):
            expected = by_hand.interaction(worth, members, i, j)
            np.testing.assert_allclose(values[:, i, j], expected, atol=1e-12)
            np.testing.assert_array_equal(values[:, i, j], values[:, j, i])
    single = group_shapley(ensemble, background, shown, group, 4)
    off = values.sum(axis=2) - values[:, range(4), range(4)]
    np.testing.assert_allclose(values[:, range(4), range(4)] + off / 2, single, atol=1e-13)


def test_additive_trees_do_not_interact() -> None:
    X, y = rows()
    model = XGBClassifier(n_estimators=20, max_depth=1, n_jobs=1).fit(X, y)
    values = group_interactions(tree_ensemble(model), X[:40], X[40:], np.arange(6), 6)
    assert (values[:, ~np.eye(6, dtype=bool)] == 0).all()


def test_copies_in_the_background_weigh() -> None:
    X, model = fitted("forest")
    ensemble = tree_ensemble(model)
    group, shown = np.array([0, 1, 2, 1, 3, 3]), X[60:]
    copied = X[[0, 1, 0, 2, 0]]
    for game in (
        lambda Z: column_shapley(ensemble, Z, shown),
        lambda Z: group_interactions(ensemble, Z, shown, group, 4),
        lambda Z: nested_owen(ensemble, Z, shown, LEVELS)[1],
    ):
        one, two, three = (game(X[[z]]) for z in range(3))
        np.testing.assert_allclose(game(copied), (3 * one + two + three) / 5, atol=1e-13)


def test_columns_that_no_tree_asks_are_worth_nothing() -> None:
    X, y = rows()
    constant = np.column_stack([X, np.zeros(len(X)), X[:, 0] > 5])
    model = RandomForestClassifier(5, random_state=0).fit(constant, y)
    values = column_shapley(tree_ensemble(model), constant[:50], constant[50:])
    assert values.shape == (40, 8)
    assert (values[:, 6:] == 0).all()
    leaf = XGBClassifier(n_estimators=3, gamma=1e6, n_jobs=1).fit(X, y)
    assert (column_shapley(tree_ensemble(leaf), X, X) == 0).all()
    assert (group_interactions(tree_ensemble(leaf), X, X, LEVELS[0], 2) == 0).all()


def test_a_path_of_many_columns() -> None:
    # a tree that asks a new column at every split: beyond the table, and beyond all players
    def chain(n: int):
        X = np.tril(np.ones((n + 1, n)), -1)
        y = np.arange(n + 1) % 2
        return X, RandomForestClassifier(1, bootstrap=False, max_features=None, random_state=0).fit(
            X, y
        )

    X, model = chain(30)
    ensemble = tree_ensemble(model)
    assert np.diff(ensemble.leaves.start).max() > 12
    values = column_shapley(ensemble, X[::3], X)
    total = ensemble.outputs(X) - ensemble.outputs(X[::3]).mean()
    np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)
    group = np.arange(30) // 5
    expected = enumerated(ensemble.outputs, X[::3], X[:5], group, 6)
    np.testing.assert_allclose(
        group_shapley(ensemble, X[::3], X[:5], group, 6), expected, atol=1e-12
    )


def test_what_does_not_fit_is_said() -> None:
    X, model = fitted("forest")
    ensemble = tree_ensemble(model)
    each = np.arange(6)
    for call, code in (
        (lambda: column_shapley(ensemble, X[:0], X), "no_background"),
        (lambda: column_shapley(ensemble, X, X[:, :4]), "other_columns"),
        (lambda: group_shapley(ensemble, X, X, each[:5], 6), "other_columns"),
        (lambda: group_shapley(ensemble, X, X, each / 2, 6), "other_columns"),
        (lambda: group_shapley(ensemble, X, X, each, 5), "explanation"),
        (lambda: group_interactions(ensemble, X, X, each - 1, 6), "explanation"),
        (lambda: nested_owen(ensemble, X, X, [each, LEVELS[0]]), "not_nested"),
        (lambda: nested_owen(ensemble, X, X, []), "explanation"),
    ):
        with pytest.raises(ExplanationError) as caught:
            call()
        assert caught.value.code == code


def test_no_rows_are_no_rows() -> None:
    X, model = fitted("forest")
    assert column_shapley(tree_ensemble(model), X, X[:0]).shape == (0, 6)


def test_the_loops_say_the_same_uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    X, model = fitted("xgboost")
    ensemble = tree_ensemble(model)

    def found() -> np.ndarray:
        parts = nested_owen(ensemble, X[:5], X[5:8], LEVELS)
        parts += path_dependent_owen(ensemble, X[5:8], LEVELS)
        parts.append(group_interactions(ensemble, X[:5], X[5:8], LEVELS[0], 2))
        return np.concatenate([part.ravel() for part in parts])

    compiled = found()
    for module, names in (
        (conjunctions, ("meets", "find_patterns")),
        (games, ("add_nested", "add_interactions")),
        (path_dependent, ("add_path_dependent",)),
    ):
        for name in names:
            loop = getattr(module, name)
            monkeypatch.setattr(module, name, getattr(loop, "py_func", loop))
    np.testing.assert_allclose(found(), compiled, rtol=1e-12, atol=1e-15)
