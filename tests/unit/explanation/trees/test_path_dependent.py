"""The tree-path-dependent game: against shap, and against every order."""

import numpy as np
import pytest

from tests.unit.explanation.trees import by_hand
from tests.unit.explanation.trees.test_games import LEVELS, MODELS, fitted
from tumor_response.explanation.trees import (
    column_shapley,
    path_dependent_base,
    path_dependent_owen,
    tree_ensemble,
)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", MODELS)
def test_columns_against_shap(kind: str) -> None:
    import shap

    X, model = fitted(kind)
    ensemble = tree_ensemble(model)
    explainer = shap.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    expected = np.asarray(explainer.shap_values(X, check_additivity=False))
    expected = expected[..., 1] if expected.ndim == 3 else expected
    values = path_dependent_owen(ensemble, X, [np.arange(6)])[0]
    # of XGBoost shap asks its own prediction of contributions, in single precision
    tolerance = 2e-6 if kind == "xgboost" else 1e-12
    np.testing.assert_allclose(values, expected, atol=tolerance)
    base = np.ravel(explainer.expected_value)[-1]
    assert path_dependent_base(ensemble) == pytest.approx(base, abs=tolerance)
    total = ensemble.outputs(X) - path_dependent_base(ensemble)
    np.testing.assert_allclose(values.sum(axis=1), total, atol=1e-12)
    # another question than the interventional one
    assert np.abs(values - column_shapley(ensemble, X, X)).max() > 1e-3


def test_nested_values_against_every_order() -> None:
    X, model = fitted("forest")
    shown = X[40:42]
    model.set_params(n_estimators=2).fit(X, X[:, 0] > 0)
    worth = by_hand.path_dependent(model, shown)
    found = path_dependent_owen(tree_ensemble(model), shown, LEVELS)
    assert path_dependent_base(tree_ensemble(model)) == pytest.approx(worth(frozenset())[0])
    for depth, values in enumerate(found, start=1):
        expected = np.zeros_like(values)
        columns = by_hand.owen(worth, LEVELS[:depth], 6)
        np.add.at(expected.T, LEVELS[depth - 1], columns.T)
        np.testing.assert_allclose(values, expected, atol=1e-12)
