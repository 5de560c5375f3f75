"""Several batch variables, the simpler steps, and the test that orders them."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import anderson_ksamp

from tests.unit.transformers.harmonise.tables import scanned
from tumor_response.exceptions import ModelError
from tumor_response.transformers import ComBat, NestedComBat, SiteQuantile, SiteZScore
from tumor_response.transformers.harmonise.anderson import differing, k_sample_statistic


@pytest.mark.parametrize("ties", [False, True])
def test_the_statistic_is_scipys(ties):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 5)) * [1, 1, 2, 3, 1]
    values = values.round(0) if ties else values
    groups = np.repeat([0, 1, 2], [10, 20, 30])
    values[groups == 2, 4] += 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [
            anderson_ksamp([one[groups == g] for g in range(3)], midrank=False).statistic
            for one in values.T
        ]
    np.testing.assert_allclose(k_sample_statistic(values, groups), expected, rtol=1e-9)


def test_the_level_of_the_test_holds_and_gaps_are_left_out():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(90, 4000))
    values[rng.uniform(size=values.shape) < 0.0005] = np.nan
    share = differing(values, np.repeat([0, 1, 2], 30)).mean()
    assert 0.035 < share < 0.065


def two_variables(seed=0) -> pd.DataFrame:
    X = scanned({"A": 60, "B": 60}, n_columns=20, seed=seed).X
    rng = np.random.default_rng(seed)
    X["meta__kernel"] = rng.permutation(["soft", "sharp"] * 60)
    X.loc[X["meta__kernel"] == "sharp", [f"radiomics__f{i}" for i in range(20)]] += 4.0
    return X


def test_nested_takes_out_both_and_its_parts_are_combats():
    X = two_variables()
    step = NestedComBat(["meta__kernel", "meta__site"]).fit(X)
    out = step.transform(X)
    by_hand = X
    for site in step.order_:
        by_hand = ComBat(site=site).fit_transform(by_hand)
    pd.testing.assert_frame_equal(out, by_hand)
    assert step.n_differing_[0] == 20
    assert step.n_differing_[-1] <= 2
    assert step.n_differing_ == sorted(step.n_differing_, reverse=True)
    other = NestedComBat(["meta__kernel", "meta__site"], order="given").fit(X)
    assert other.order_ == ["meta__kernel", "meta__site"]
    assert list(step.get_feature_names_out()) == list(X.columns)
    assert "variable" in step.not_harmonised_


def test_nested_adapts_a_new_site_with_a_known_kernel():
    X = two_variables()
    at_b = (X["meta__site"] == "B").to_numpy()
    known = X[~at_b].assign(meta__site=["A"] * 30 + ["C"] * 30)
    step = NestedComBat(["meta__site", "meta__kernel"]).fit(known)
    with pytest.raises(ModelError) as error:
        step.transform(X[at_b])
    assert error.value.code == "unknown_site"
    found = step.adapted(X[at_b]).transform(X[at_b]).filter(like="radiomics__")
    before, target = X[at_b].filter(like="radiomics__"), step.transform(known)
    target = target.filter(like="radiomics__").mean()
    assert (found.mean() - target).abs().mean() < 0.2 * (before.mean() - target).abs().mean()


@pytest.mark.parametrize(
    "settings",
    [
        {"sites": ["meta__site"]},
        {"sites": "meta__site"},
        {"sites": ["meta__site", "meta__site"]},
        {"order": "best"},
    ],
)
def test_wrong_settings_of_nested_are_errors(settings):
    with pytest.raises(ModelError, match=r"expected|two variables"):
        NestedComBat(**settings).fit(two_variables())


def test_standard_scores_are_those_of_each_site():
    X = scanned({"A": 30, "B": 20}).X
    out = SiteZScore().fit_transform(X).filter(like="radiomics__")
    for site in "AB":
        at = (X["meta__site"] == site).to_numpy()
        values = X[at].filter(like="radiomics__")
        pd.testing.assert_frame_equal(out[at], (values - values.mean()) / values.std())


def test_quantiles_undo_any_monotone_scanner():
    X, clean, *_ = scanned({"A": 300, "B": 300}, n_columns=4)
    at_b = (X["meta__site"] == "B").to_numpy()
    X.iloc[at_b, :4] = np.exp(clean[at_b] / 3)  # no shift and scale does that
    out = SiteQuantile().fit_transform(X)
    for column in range(4):
        a, b = np.sort(out.iloc[~at_b, column]), np.sort(out.iloc[at_b, column])
        assert np.abs(a - b)[5:-5].max() < 0.25 * a.std()
        order = np.argsort(X.iloc[at_b, column].to_numpy())
        assert (np.diff(out.iloc[at_b, column].to_numpy()[order]) >= -1e-12).all()
    with pytest.raises(ModelError, match="n_quantiles"):
        SiteQuantile(n_quantiles=1).fit(X)
