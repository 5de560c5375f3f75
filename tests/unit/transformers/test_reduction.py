"""PCA, PLS, supervised PCA, correlations and mRMR against scikit-learn and literal formulas."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.feature_selection import f_classif
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tumor_response.exceptions import ModelError
from tumor_response.transformers import (
    BlockPCA,
    BlockPLS,
    BlockScaler,
    BlockSupervisedPCA,
    CorrelationFilter,
    MRMRFilter,
    NearConstantFilter,
    ToArray,
    UnivariateFilter,
)
from tumor_response.transformers.linear import pulled_back

COMPONENTS = [BlockPCA(3), BlockPLS(3), BlockSupervisedPCA(3, 12)]
FILTERS = [CorrelationFilter(0.5), MRMRFilter(4), NearConstantFilter(), UnivariateFilter(4)]


def table(n: int = 40, p: int = 90, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Two clinical columns, and p of a deep block that shares a few directions."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(n)], ["1"] * n], names=["patient_id", "lesion_id"]
    )
    hidden = rng.normal(size=(n, 5))
    deep = hidden @ rng.normal(size=(5, p)) + rng.normal(size=(n, p))
    X = pd.DataFrame(deep, index=index, columns=[f"deep__n__{i:03d}" for i in range(p)])
    X.insert(0, "clinical__age", rng.normal(60, 9, n))
    X.insert(1, "clinical__volume_cc", rng.lognormal(2, 1, n))
    y = (hidden[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(int)
    return X, y


def deep_of(X: pd.DataFrame) -> np.ndarray:
    return X.filter(like="deep__").to_numpy()


def up_to_sign_and_scale(ours: np.ndarray, theirs: np.ndarray) -> None:
    for a, b in zip(ours.T, theirs.T, strict=True):
        assert abs(np.corrcoef(a, b)[0, 1]) == pytest.approx(1, abs=1e-9)


# ---------------------------------------------------------------- components


def test_pca_is_scikit_learns_on_training_and_new_rows():
    X, _ = table(60)
    train, new = X.iloc[:40], X.iloc[40:]
    ours = BlockPCA(4).fit(train)
    theirs = PCA(4, svd_solver="full", whiten=True).fit(deep_of(train))
    # scikit-learn whitens by n - 1 to variance 1, we by n to variance 1 / n_components
    factor = np.sqrt(40 / 39 / 4)
    for rows in (train, new):
        np.testing.assert_allclose(
            np.abs(ours.transform(rows).filter(like="deep__")),
            np.abs(theirs.transform(deep_of(rows))) * factor,
            rtol=1e-9,
        )


def test_pls_is_scikit_learns_and_its_first_component_points_to_class_one():
    X, y = table(60)
    train, new = X.iloc[:40], X.iloc[40:]
    ours = BlockPLS(4).fit(train, y[:40])
    theirs = PLSRegression(4, scale=False).fit(deep_of(train), y[:40])
    for rows in (train, new):
        up_to_sign_and_scale(
            ours.transform(rows).filter(like="deep__").to_numpy(), theirs.transform(deep_of(rows))
        )
    first = ours.transform(train)["deep__pls_01"].to_numpy()
    assert first[y[:40] == 1].mean() > first[y[:40] == 0].mean()
    assert BlockPLS(4).fit(train, 1 - y[:40]).transform(train)["deep__pls_01"].to_numpy() == (
        pytest.approx(-first)
    )


def test_supervised_pca_is_pca_of_the_columns_that_go_with_the_class():
    X, y = table()
    step = BlockSupervisedPCA(2, n_columns=10).fit(X, y)
    correlations = [abs(np.corrcoef(column, y)[0, 1]) for column in deep_of(X).T]
    best = np.sort(np.argsort(correlations)[-10:])
    expected = PCA(2, svd_solver="full").fit_transform(deep_of(X)[:, best])
    up_to_sign_and_scale(step.transform(X).filter(like="deep__").to_numpy(), expected)
    kept = X.columns[step.support_].tolist()
    assert kept == [*X.columns[:2], *X.columns[2:][best]]
    assert step.dropped_.index.tolist() == [c for c in X.columns if c not in kept]
    assert set(step.dropped_["reason"]) == {"not_selected"}


@pytest.mark.parametrize("step", COMPONENTS, ids=lambda step: type(step).__name__)
def test_components_keep_index_small_blocks_and_their_number(step):
    X, y = table()
    fitted = clone(step).fit(X, y)
    out = fitted.transform(X.iloc[::-1])
    assert out.index.equals(X.index[::-1])
    names = [f"deep__{step.kind}_{n:02d}" for n in (1, 2, 3)]
    assert out.columns.tolist() == ["clinical__age", "clinical__volume_cc", *names]
    assert out.columns.tolist() == fitted.get_feature_names_out().tolist()
    np.testing.assert_array_equal(out.iloc[:, :2], X.iloc[::-1, :2])
    np.testing.assert_allclose(fitted.transform(X)[names].var(ddof=0), 1 / 3)
    np.testing.assert_allclose(
        fitted.transform(X), (X.to_numpy() - fitted.mean_) @ fitted.rotation_, atol=1e-12
    )


def test_blocks_that_are_small_pass_unless_told_otherwise():
    X, y = table(40, 19)
    for step in COMPONENTS:
        assert clone(step).fit(X, y).get_feature_names_out().tolist() == list(X.columns)
        told = clone(step).set_params(min_columns=19).fit(X, y)
        assert len(told.get_feature_names_out()) == 5


@pytest.mark.parametrize("step", COMPONENTS, ids=lambda step: type(step).__name__)
def test_the_same_rows_give_the_same_bytes_and_signs(step):
    X, y = table()
    once, again = clone(step).fit(X, y), clone(step).fit(X.copy(), y.copy())
    assert once.rotation_.tobytes() == again.rotation_.tobytes()
    # the largest loading of a principal component is positive
    largest = np.abs(once.rotation_[2:]).argmax(axis=0)[2:]
    if not isinstance(step, BlockPLS):
        assert (once.rotation_[2:][largest, [2, 3, 4]] > 0).all()


@pytest.mark.parametrize("step", COMPONENTS, ids=lambda step: type(step).__name__)
def test_dimensions_that_the_rows_do_not_span_are_zero(step):
    X, y = table(6)
    rows = [0, 1, 0, 1, 0, 1]  # copies of two patients span one dimension
    y = np.array([0, 1] * 3)
    out = clone(step).fit(X.iloc[rows], y).transform(X).filter(like="deep__")
    assert out.shape[1] == 3
    assert out.iloc[:, 0].std() > 0
    assert (out.iloc[:, 1:] == 0).all(axis=None)
    still = X.assign(**{c: 7.3 for c in X.columns if c.startswith("deep__")})
    out = clone(step).fit(still, y).transform(still).filter(like="deep__")
    assert (out == 0).all(axis=None)


def test_bootstrap_copies_count_as_weights():
    """Three copies of a row pull the components as a row of weight three does."""
    X, y = table(20, 30)
    rows = np.repeat(np.arange(20), np.r_[np.full(10, 3), np.full(10, 1)])
    weights = np.bincount(rows).astype(float)
    values = deep_of(X)
    mean = np.average(values, axis=0, weights=weights)
    spread = (values - mean).T * weights @ (values - mean)
    leading = np.linalg.eigh(spread)[1][:, -1]
    step = BlockPCA(1).fit(X.iloc[rows], y[rows])
    mine = step.rotation_[2:, -1]
    assert abs(mine @ leading) / np.linalg.norm(mine) == pytest.approx(1)


def test_constant_columns_carry_nothing_into_components():
    X, y = table()
    with_constant = X.assign(deep__constant=0.1 + 1e6)
    for step in COMPONENTS:
        out = clone(step).fit(with_constant, y)
        assert (out.rotation_[-1] == 0).all()
        np.testing.assert_allclose(
            out.transform(with_constant), clone(step).fit(X, y).transform(X), atol=1e-10
        )


# ---------------------------------------------------------------- filters


def literal_mrmr(X: np.ndarray, y: np.ndarray, n: int) -> list[int]:
    """FCQ of Ding and Peng (2005), one column and one pair at a time."""
    relevance = f_classif(X, y)[0]
    chosen = [int(np.argmax(relevance))]
    while len(chosen) < n:
        best, most = -1, -np.inf
        for j in range(X.shape[1]):
            if j in chosen:
                continue
            total = 0.0
            for i in chosen:
                total += abs(np.corrcoef(X[:, i], X[:, j])[0, 1])
            if relevance[j] / (total / len(chosen)) > most:
                best, most = j, relevance[j] / (total / len(chosen))
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("seed", range(4))
def test_mrmr_is_the_published_formula(seed):
    X, y = table(40, 60, seed)
    step = MRMRFilter(8).fit(X, y)
    expected = literal_mrmr(deep_of(X), y, 8)
    ranked = np.argsort(np.where(step.rank_ > 0, step.rank_, 999))[:8] - 2
    assert ranked.tolist() == expected
    np.testing.assert_allclose(step.relevance_[2:], f_classif(deep_of(X), y)[0], rtol=1e-9)
    assert step.support_[:2].all()  # the clinical block has two columns, both stay
    assert step.get_feature_names_out().tolist() == list(X.columns[step.support_])


def test_mrmr_prefers_new_information_to_a_copy_of_the_best():
    rng = np.random.default_rng(3)
    y = np.repeat([0, 1], 50)
    first, second = y + rng.normal(size=100), y + 1.5 * rng.normal(size=100)
    X = pd.DataFrame(
        {"d__a": first, "d__copy": first + 1e-3 * rng.normal(size=100), "d__b": second}
    )
    X["d__noise"] = rng.normal(size=100)
    assert "d__b" in MRMRFilter(2).fit(X, y).get_feature_names_out()
    # the ranking one at a time takes the copy
    assert "d__b" not in UnivariateFilter(2).fit(X, y).get_feature_names_out()


def test_mrmr_chooses_from_1500_columns_in_less_than_a_second():
    X, y = table(100, 1500)
    start = time.perf_counter()
    MRMRFilter(20).fit(X, y)
    assert time.perf_counter() - start < 1


def test_mrmr_with_constant_and_class_separating_columns():
    X, y = table(30, 10)
    X = X.assign(deep__constant=1.0, deep__answer=y.astype(float))
    step = MRMRFilter(3).fit(X, y)
    assert step.rank_[-1] == 1
    assert np.isfinite(step.relevance_).all()
    assert "deep__constant" in step.dropped_.index
    everything = MRMRFilter(11).fit(X, y)
    assert everything.dropped_.index.tolist() == ["deep__constant"]


def test_correlation_filter_keeps_the_earlier_of_a_pair_and_says_whose_copy_it_was():
    rng = np.random.default_rng(0)
    a, c = rng.normal(size=(2, 50))
    X = pd.DataFrame({"d__a": a, "d__minus_a": -2 * a + 1, "d__c": c, "e__a": a, "d__k": 1.0})
    step = CorrelationFilter(0.9).fit(X)
    assert step.get_feature_names_out().tolist() == ["d__a", "d__c", "e__a", "d__k"]
    dropped = step.dropped_.loc["d__minus_a"]
    assert dropped["reason"] == "correlated"
    assert dropped["because_of"] == "d__a"
    assert dropped["value"] == pytest.approx(1)


def test_correlation_filter_leaves_no_pair_above_the_limit_and_drops_none_below():
    X, _ = table(30, 120)
    for rows in (np.arange(30), np.random.default_rng(0).integers(0, 30, 30)):
        step = CorrelationFilter(0.6).fit(X.iloc[rows])
        all_pairs = np.abs(np.corrcoef(deep_of(X.iloc[rows]), rowvar=False))
        kept = step.support_[2:]
        among_kept = all_pairs[np.ix_(kept, kept)] - np.eye(kept.sum())
        assert among_kept.max() <= 0.6
        places = np.nonzero(kept)[0]
        for column in np.nonzero(~kept)[0]:
            assert all_pairs[column, places[places < column]].max() > 0.6
        assert len(step.dropped_) == (~kept).sum() > 0


def test_what_near_constant_and_univariate_filters_leave_out_is_on_record():
    X, y = table()
    X = X.assign(deep__constant=1.0)
    dropped = NearConstantFilter().fit(X).dropped_
    assert dropped.loc["deep__constant"].tolist() == ["near_constant", "", 1.0]
    step = UnivariateFilter(5).fit(X, y)
    assert len(step.dropped_) == X.shape[1] - step.support_.sum()
    assert step.dropped_["value"].max() <= step.scores_[step.support_][2:].min()


@pytest.mark.parametrize("step", [*COMPONENTS, *FILTERS[:2]], ids=lambda s: type(s).__name__)
def test_missing_and_infinite_values_and_impossible_settings_are_refused(step):
    X, y = table()
    for bad in (np.nan, np.inf):
        broken = X.copy()
        broken.iloc[3, 7] = bad
        with pytest.raises(ModelError, match=r"1 values .*'deep__n__005'.*MedianImputer") as caught:
            clone(step).fit(broken, y)
        assert caught.value.code == "not_finite"
    with pytest.raises(ModelError, match="DataFrame"):
        clone(step).fit(X.to_numpy(), y)
    if not isinstance(step, BlockPCA | CorrelationFilter):
        with pytest.raises(ModelError, match="two classes"):
            clone(step).fit(X, np.zeros(len(X)))
        with pytest.raises(ModelError, match="fit it with y"):
            clone(step).fit(X)
        with pytest.raises(ModelError, match="of shape"):
            clone(step).fit(X, y[:-1])
    name = next(iter(step.get_params()))
    with pytest.raises(ModelError, match=name):
        clone(step).set_params(**{name: 0}).fit(X, y)


def test_supervised_pca_needs_at_least_as_many_columns_as_components():
    X, y = table()
    with pytest.raises(ModelError, match="n_columns=2"):
        BlockSupervisedPCA(3, 2).fit(X, y)


# ---------------------------------------------------------------- coefficients on the way back


@pytest.mark.parametrize(
    "step",
    [
        *COMPONENTS,
        *FILTERS,
        StandardScaler().set_output(transform="pandas"),
        StandardScaler(with_std=False).set_output(transform="pandas"),
        ToArray(),
        BlockScaler(max_deviations=np.inf),
        make_pipeline(CorrelationFilter(0.7), MRMRFilter(4), BlockScaler(np.inf), BlockPLS(2)),
    ],
    ids=lambda step: type(step).__name__,
)
def test_coefficients_are_carried_back_exactly(step):
    X, y = table()
    fitted = clone(step).fit(X, y)
    rng = np.random.default_rng(1)
    out = np.asarray(fitted.transform(X))
    coefficients = rng.normal(size=out.shape[1])
    difference = out @ coefficients - X.to_numpy() @ pulled_back(fitted, coefficients)
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)


def test_a_scaler_that_holds_values_is_not_linear():
    X, _ = table()
    with pytest.raises(TypeError, match="max_deviations"):
        pulled_back(BlockScaler().fit(X), np.ones(X.shape[1]))
    with pytest.raises(ModelError, match="max_deviations"):
        BlockScaler(0).fit(X)
