"""Games on small random trees, with missing values: the axioms, and every coalition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier
from xgboost import DMatrix, train

from tests.unit.explanation.trees import by_hand
from tumor_response.explanation.trees import (
    group_interactions,
    group_shapley,
    nested_owen,
    path_dependent_base,
    path_dependent_owen,
    tree_ensemble,
)


@st.composite
def games(draw):
    """An ensemble, a background with copies, rows, and two nested groupings of the columns."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_columns = draw(st.integers(1, 6))
    # few distinct values: ties at the splits, and rows that are the background's
    X = rng.integers(-2, 3, size=(30, n_columns)) / 3.0
    X[rng.random(X.shape) < draw(st.sampled_from([0.0, 0.2, 0.6]))] = np.nan
    y = np.append(rng.integers(0, 2, size=28), [0, 1])
    depth = draw(st.integers(1, 6))
    if draw(st.booleans()):
        parameters = {"max_depth": depth, "min_child_weight": 0, "nthread": 1, "max_bin": 8}
        objective = {"objective": "binary:logistic", "seed": 0, "reg_lambda": 0.1}
        model = train({**parameters, **objective}, DMatrix(X, y, nthread=1), 3)
    else:
        model = ExtraTreesClassifier(3, max_depth=depth, random_state=0).fit(X, y)
    families = rng.integers(0, 4, size=n_columns)
    blocks = rng.integers(0, 3, size=4)[families]
    background = X[rng.integers(0, 30, size=draw(st.integers(1, 8)))]
    return tree_ensemble(model), background, X[:5], blocks, families


def worth(ensemble, background, rows, present) -> np.ndarray:
    """Mean output over the background, the present columns being the rows'."""
    mixed = np.where(present, rows[:, None], background[None]).reshape(-1, rows.shape[1])
    return ensemble.outputs(mixed).reshape(len(rows), -1).mean(axis=1)


@settings(max_examples=40)
@given(games())
def test_groups_are_shapley_values_and_nested_ones_add_up(game) -> None:
    ensemble, background, rows, blocks, families = game
    each = np.arange(ensemble.n_columns)
    total = ensemble.outputs(rows) - ensemble.outputs(background).mean()
    expected = by_hand.shapley(
        by_hand.interventional(ensemble.outputs, background, rows), by_hand.members(families, 4)
    )
    np.testing.assert_allclose(
        group_shapley(ensemble, background, rows, families, 4), expected, atol=1e-12
    )
    for levels, sums in (
        (nested_owen(ensemble, background, rows, [blocks, families, each]), total),
        (
            path_dependent_owen(ensemble, rows, [blocks, families, each]),
            ensemble.outputs(rows) - path_dependent_base(ensemble),
        ),
    ):
        outer, middle, inner = levels
        np.testing.assert_allclose(outer.sum(axis=1), sums, atol=1e-12)
        for union in range(outer.shape[1]):
            of = inner[:, blocks == union].sum(axis=1)
            np.testing.assert_allclose(of, outer[:, union], atol=1e-12)
            within = middle[:, np.unique(families[blocks == union])].sum(axis=1)
            np.testing.assert_allclose(within, outer[:, union], atol=1e-12)


@settings(max_examples=20)
@given(games())
def test_pairs_are_second_differences(game) -> None:
    ensemble, background, rows, blocks, _ = game
    values = group_interactions(ensemble, background, rows, blocks, 3)
    # three players: the third is there or not, each half of the time
    for i, j in ((0, 1), (0, 2), (1, 2)):
        expected = 0.0
        for also in ((), (3 - i - j,)):
            both, one, other, none = (
                worth(ensemble, background, rows, np.isin(blocks, (*members, *also)))
                for members in ((i, j), (i,), (j,), ())
            )
            expected = expected + (both - one - other + none) / 2
        np.testing.assert_allclose(values[:, i, j], expected, atol=1e-12)
