"""What the image says that the chart does not."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.exceptions import TumorResponseError
from tumor_response.explanation.differences import beyond_volume_and_age


@pytest.fixture(scope="module")
def evaluated():
    """Radiomics follow the class; deep columns follow the volume, which goes with the class."""
    rng = np.random.default_rng(4)
    n = 90
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    volume, texture = rng.normal(size=(2, n))
    y = pd.Series((2 * volume + 2 * texture + rng.logistic(size=n) > 0).astype(float), index)
    table = pd.DataFrame(np.outer(texture, np.ones(5)) + rng.normal(size=(n, 5)), index).add_prefix(
        "radiomics__log1__glcm_"
    )
    deep = np.outer(volume + 0.3 * volume**2, np.ones(8)) + 0.5 * rng.normal(size=(n, 8))
    table = table.join(pd.DataFrame(deep, index).add_prefix("deep__n__"))
    table["clinical__volume_cc"], table["clinical__age"] = np.exp(volume), rng.normal(60, 9, n)
    models = {
        "volume_only": tr.make_model("volume_only"),
        "clinical_only": tr.make_model("clinical_only"),
        "all": tr.make_model("logistic"),
    }
    return tr.evaluate(models, table, y, tr.Bootstrap632Plus(n_resamples=15, seed=0)), table, y


def test_the_block_with_more_to_say_is_told_from_the_one_that_says_volume(evaluated):
    result, table, _ = evaluated
    beyond = beyond_volume_and_age(result, n_permutations=199)
    blocks = beyond.blocks
    assert blocks.loc["radiomics", "p_value"] == pytest.approx(1 / 200)
    assert blocks.loc["radiomics", "p_strongest"] == pytest.approx(1 / 200)
    assert blocks.loc["deep", "p_value"] > 0.05
    # unadjusted the block of volume goes with the class
    of_deep = beyond.differences.columns.query("block == 'deep'")
    assert (of_deep["p_value"] < 0.05).all()
    assert (of_deep["explained"] > 0.5).all()
    pd.testing.assert_frame_equal(beyond.increments, result.increments())
    given = beyond_volume_and_age(result, table, n_permutations=199)
    pd.testing.assert_frame_equal(given.blocks, blocks)


def test_the_statistic_of_a_block_by_hand(evaluated):
    import statsmodels.api as sm
    from scipy.stats import rankdata

    from tumor_response.explanation.differences.covariates import adjusting_basis

    result, table, y = evaluated
    beyond = beyond_volume_and_age(result, n_permutations=199, seed=3)
    basis = adjusting_basis(table[["clinical__age", "clinical__volume_cc"]])
    free = sm.OLS(y.to_numpy(), basis).fit().resid
    columns = [c for c in table if c.startswith("deep")]
    residuals = [sm.OLS(rankdata(table[c]), basis).fit().resid for c in columns]
    residuals = np.array([one / np.linalg.norm(one) for one in residuals])
    rng = np.random.default_rng(99)  # other permutations than ours
    by_chance = []
    for _ in range(400):
        dealt = sm.OLS(rng.permutation(free), basis).fit().resid
        by_chance.append(((residuals @ dealt) ** 2).sum())
    ratio = ((residuals @ free) ** 2).sum() / np.mean(by_chance)
    assert beyond.blocks.loc["deep", "ratio"] == pytest.approx(ratio, rel=0.2)
    p = np.mean(np.array(by_chance) >= ((residuals @ free) ** 2).sum())
    assert beyond.blocks.loc["deep", "p_value"] == pytest.approx(p, abs=0.1)


def test_words_and_figure(evaluated):
    beyond = beyond_volume_and_age(evaluated[0], n_permutations=49)
    lines = beyond.sentences()
    assert len(lines) == len(beyond.blocks) + len(beyond.increments)
    assert all("p = " in line for line in lines)
    assert any("all less clinical_only: auc_oob" in line for line in lines)
    left, right = beyond.plot()
    points = sum(len(one.get_offsets()) for one in left.collections if len(one.get_offsets()) > 1)
    assert points == len(beyond.differences.columns)
    assert len(right.get_yticks()) == len(beyond.increments)
    plt.close(left.figure)


def test_what_cannot_be_asked(evaluated):
    result, table, y = evaluated
    rates = tr.evaluate(
        tr.make_model("linear", outcome="rate"),
        table,
        y + np.arange(90) / 90,
        tr.Bootstrap632Plus(n_resamples=3, seed=0),
    )
    alone = tr.evaluate(
        tr.make_model("logistic"), table, y, tr.Bootstrap632Plus(n_resamples=3, seed=0)
    )
    for call, code in (
        (lambda: beyond_volume_and_age(rates), "task"),
        (lambda: beyond_volume_and_age(alone), "no_baseline"),
        (lambda: beyond_volume_and_age(result, table.iloc[5:]), "other_table"),
        (lambda: beyond_volume_and_age(result, adjust=()), "adjust"),
    ):
        with pytest.raises(TumorResponseError) as refused:
            call()
        assert refused.value.code == code
