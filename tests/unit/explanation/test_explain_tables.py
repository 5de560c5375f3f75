"""Tables by column, family, block, cluster and lesion; and input that cannot be explained."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import tumor_response as tr
from tests.unit.explanation.small import COLUMNS, small
from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.clusters import column_clusters
from tumor_response.explanation.fields import ExplanationFields
from tumor_response.models import OrdinalRidge, RidgeLogistic

N_RESAMPLES = 7


@pytest.fixture(scope="module")
def result() -> tr.EvaluationResult:
    X, y = small()
    X["image__g__0"] = X["image__f__0"] ** 3  # of the same ranks, of another family
    X["meta__site"] = "A"
    return tr.evaluate(
        {"m": tr.make_model("logistic", Cs=(1.0,))},
        X,
        y.astype(float),
        tr.Bootstrap632Plus(n_resamples=N_RESAMPLES),
    )


@pytest.fixture(scope="module")
def one(result) -> tr.Explanation:
    return tr.explain(result, "m")


def test_a_lesions_value_is_the_mean_and_its_spread_that_of_single_resamples(result, one):
    singles = []
    for number, resample in enumerate(result.resamples):
        X = result.rows.X
        model = result.rows.models["m"]
        fitted = model.fit(X.iloc[resample.train], result.rows.y[resample.train])
        alone = tr.explain(
            fitted, X.iloc[resample.test], in_sample=False, background=X.iloc[resample.train]
        )
        singles.append(alone.values)
        np.testing.assert_allclose(
            one.column_mean_abs.loc[number], alone.values.abs().mean(), atol=1e-10
        )
        np.testing.assert_allclose(
            one.family_mean_abs.loc[number], alone.family_values.abs().mean(), atol=1e-10
        )
    grouped = pd.concat(singles).groupby(level=[0, 1])
    pd.testing.assert_frame_equal(one.values, grouped.mean(), check_names=False)
    pd.testing.assert_frame_equal(one.spread, grouped.std(), check_names=False)
    assert one.spread.isna().any(axis=None) == (one.n_out_of_bag == 1).any()


def test_families_blocks_and_lesions_each_have_a_table(one):
    families = one.by_family()
    assert families.index.name == "family"
    assert set(families["block"]) == {"clinical", "image", "deep"}
    assert families.loc["image: f", "n_columns"] == 2
    assert families["share"].sum() == pytest.approx(1)
    np.testing.assert_allclose(families["mean_abs"], one.family_values.abs().mean()[families.index])
    key = one.values.index[2]
    lesion = one.by_lesion(key)
    np.testing.assert_allclose(lesion["shap"], one.values.loc[key, lesion.index])
    np.testing.assert_allclose(lesion["spread"], one.spread.loc[key, lesion.index])
    assert lesion["shap"].abs().is_monotonic_decreasing
    assert lesion.loc["image__f__1", "family"] == "f"
    with pytest.raises(ExplanationError, match="No SHAP values for"):
        one.by_lesion("nobody")
    for frame in (one.table(), families, lesion, one.clusters()):
        assert pd.read_csv(pd.io.common.StringIO(frame.to_csv())).shape[0] == len(frame)


def test_columns_of_the_same_ranks_are_one_cluster_and_their_values_are_summed(one):
    clusters = one.clusters()
    joint = clusters[clusters["n_columns"] == 2].iloc[0]
    assert set(joint["columns"]) == {"image__f__0", "image__g__0"}
    both = one.values[["image__f__0", "image__g__0"]].sum(axis=1).abs().mean()
    assert joint["mean_abs"] == pytest.approx(both)
    assert joint["sum_of_mean_abs"] >= joint["mean_abs"]
    assert clusters["n_columns"].sum() == len(COLUMNS)
    assert len(one.clusters(1.0)) >= len(clusters)
    with pytest.raises(ExplanationError, match="0 < min_correlation"):
        one.clusters(0.0)


def test_clusters_hold_what_correlates_with_all_members_and_leave_out_what_has_no_rank():
    rng = np.random.default_rng(0)
    base = rng.normal(size=60)
    table = pd.DataFrame(
        {f"c{k}": base * (k % 2 * 2 - 1) + 0.2 * k * rng.normal(size=60) for k in range(6)}
    )
    table["constant"], table["site"] = 1.0, pd.Categorical(["a", "b"] * 30)
    table.loc[3, "c2"] = np.nan
    found = column_clusters(table, 0.8)
    correlation = table.drop(columns="site").corr(method="spearman").abs().to_numpy()
    for members in found:
        if members[0] < 6 and len(members) > 1:
            # the missing value stands in the middle: a little less than pandas' own
            assert correlation[np.ix_(members, members)].min() > 0.75
    assert [6] in [members.tolist() for members in found]
    assert [7] in [members.tolist() for members in found]
    assert sorted(np.concatenate(found)) == list(range(8))


def test_blocks_in_lesions_with_low_and_high_values_of_a_column(one):
    told = one.modified_by("clinical__age")
    age = one.features["clinical__age"]
    high = one.block_values["deep"].abs()[age >= age.median()].mean()
    assert told.loc["deep", "high"] == pytest.approx(high)
    ranked = one.block_values["deep"].abs().rank().corr(age.rank())
    assert told.loc["deep", "correlation"] == pytest.approx(ranked)
    with pytest.raises(ExplanationError, match="not among the explained columns") as caught:
        one.modified_by("clinical__volume")
    assert caught.value.code == "unknown_column"
    with pytest.raises(ExplanationError, match="no interactions") as caught:
        one.interactions()
    assert caught.value.code == "no_interactions"


def test_values_that_do_not_add_up_are_refused_at_every_level(one):
    fields = {name: getattr(one, name) for name in ExplanationFields.__dataclass_fields__}
    for level in ("values", "nested_values", "family_values", "block_values"):
        wrong = fields[level].copy()
        wrong.iloc[0, 0] += 1e-4
        with pytest.raises(ExplanationError, match=r"miss the output by up to 0\.0001") as caught:
            tr.Explanation(**{**fields, level: wrong})
        assert caught.value.code == "not_additive"


def test_a_bare_estimator_gets_its_columns_in_its_own_order():
    X, y = small()
    model = LogisticRegression().fit(X[COLUMNS[::-1]], y)
    straight = tr.explain(model, X, in_sample=True)
    turned = tr.explain(model, X[[*COLUMNS[2:], *COLUMNS[:2]]], in_sample=True)
    pd.testing.assert_frame_equal(turned.values[COLUMNS], straight.values[COLUMNS])
    expected = (X["deep__n__0"] - X["deep__n__0"].mean()) * model.coef_[0][0]
    np.testing.assert_allclose(straight.values["deep__n__0"], expected, atol=1e-12)
    more = tr.explain(model, X.assign(deep__n__9=1.0), in_sample=True)
    pd.testing.assert_frame_equal(more.values, straight.values)
    with pytest.raises(ExplanationError, match="fitted to 'deep__n__0'") as caught:
        tr.explain(model, X.drop(columns="deep__n__0"), in_sample=True)
    assert caught.value.code == "other_columns"


def test_one_group_alone_is_explained_and_an_empty_one_is_not():
    X, y = small()
    model = LogisticRegression().fit(X[["image__f__0"]], y)
    alone = tr.explain(model, X[["image__f__0"]], in_sample=True)
    assert list(alone.block_values.columns) == ["image"]
    assert list(alone.families) == ["image: f"]
    assert alone.by_block()["share"].tolist() == [1.0]
    chance = tr.explain(model, X[["image__f__0"]], in_sample=True, output="probability", n_pairs=80)
    told = model.predict_proba(X[["image__f__0"]])[:, 1]
    np.testing.assert_allclose(chance.values["image__f__0"], told - told.mean(), atol=1e-9)
    bare = X.rename(columns=lambda c: c.rpartition("__")[0] + c[-1])
    model = LogisticRegression().fit(bare, y)
    for blocks, code in (
        ({"a": list(bare.columns), "b": []}, "empty_block"),
        ({"a": [*bare.columns, "typo"]}, "other_columns"),
        ({"a": list(bare.columns[:2])}, "other_columns"),
        ({"a": list(bare.columns), "b": list(bare.columns[:1])}, "blocks"),
    ):
        with pytest.raises(ExplanationError) as caught:
            tr.explain(model, bare, in_sample=True, blocks=blocks)
        assert caught.value.code == code
    with pytest.raises(ExplanationError, match="0 in the background") as caught:
        tr.explain(model, bare, in_sample=True, background=bare.iloc[:0])
    assert caught.value.code == "no_background"
    less = bare.iloc[:, 2:]
    with pytest.raises(ExplanationError, match=f"background lacks '{bare.columns[0]}' and 1 more"):
        tr.explain(model, bare, in_sample=True, background=less)
    selects = tr.make_model("logistic", Cs=(1.0,)).fit(X, y)
    with pytest.raises(ExplanationError, match="selects its blocks itself") as caught:
        tr.explain(selects, X, in_sample=True, blocks={"a": list(X.columns)})
    assert caught.value.code == "blocks"


def test_outputs_that_a_model_does_not_have_are_refused():
    X, y = small()
    for model, output in (
        (Ridge().fit(X, y), "log_odds"),
        (RidgeLogistic(Cs=(1.0,)).fit(X, y), "rate"),
    ):
        with pytest.raises(ExplanationError, match=f"output='{output}'") as caught:
            tr.explain(model, X, in_sample=True, output=output)
        assert caught.value.code == "unsupported_output"


def test_tertiles_are_refused():
    X, _ = small(60)
    y = pd.Series(np.arange(60) % 3, X.index).astype(float)
    model = OrdinalRidge(Cs=(1.0,))
    result = tr.evaluate({"m": model}, X, y, tr.Bootstrap632Plus(n_resamples=3))
    for subject, what, how in (
        (result, "m", {}),
        (model.fit(X, y.astype(int)), X, {"in_sample": True}),
    ):
        with pytest.raises(ExplanationError, match=r"[Tt]ertiles") as caught:
            tr.explain(subject, what, **how)
        assert caught.value.code == "task"


def test_rates_out_of_bag_sum_to_the_predictions_of_the_evaluation():
    X, _ = small()
    rate = (2 * X["deep__n__0"] - X["clinical__age"]).rename("rate_percent_per_day")
    rate += np.random.default_rng(1).normal(size=40)
    model = tr.make_model("linear", outcome="rate")
    result = tr.evaluate({"m": model}, X, rate, tr.Bootstrap632Plus(n_resamples=4))
    one = tr.explain(result, "m")
    assert (one.output, one.method) == ("rate", "exact")
    told = result.scores.groupby(["patient_id", "lesion_id"])["score"].mean()
    total = one.base_values + one.block_values.sum(axis=1)
    np.testing.assert_allclose(total, told.reindex(total.index), atol=1e-8)
