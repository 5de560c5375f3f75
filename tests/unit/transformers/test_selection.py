"""Filters of columns against scipy, statsmodels and plain scripts; copies, the null, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu, norm, spearmanr
from sklearn.base import clone
from sklearn.linear_model import lasso_path
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline
from statsmodels.stats.multitest import multipletests

from tumor_response.exceptions import ModelError
from tumor_response.models import ReducedRidgeLogistic
from tumor_response.transformers import (
    BorutaFilter,
    CategoryEncoder,
    CorrelationClusters,
    CorrelationFilter,
    MannWhitneyFilter,
    MedianImputer,
    MissingnessFilter,
    MRMRFilter,
    NearConstantFilter,
    StabilitySelection,
    UnivariateFilter,
    VolumeRedundancyFilter,
    selection_record,
    selection_steps,
)
from tumor_response.transformers.boruta import shadows
from tumor_response.transformers.lesions import each_lesion_once
from tumor_response.transformers.linear import pulled_back
from tumor_response.transformers.select import outcome_numbers
from tumor_response.transformers.stability import complementary_halves, first_on_path

VOLUME = "deep__000"
NEW = [
    MissingnessFilter(),
    CorrelationClusters(0.5),
    MannWhitneyFilter(),
    BorutaFilter(n_rounds=5, n_trees=10),
    StabilitySelection(n_pairs=5),
    VolumeRedundancyFilter(0.5, VOLUME),
]
COMPLETE = NEW[1:]
BY_OUTCOME = [MannWhitneyFilter(), BorutaFilter(n_rounds=5, n_trees=10), StabilitySelection()]


def named(steps):
    return {"argvalues": steps, "ids": [type(step).__name__ for step in steps]}


def index_of(n: int, lesions: int = 1) -> pd.MultiIndex:
    return pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )


def table(n=60, p=30, seed=0, lesions=1, signal=1.0):
    rng = np.random.default_rng(seed)
    index = index_of(n, lesions)
    values = rng.normal(size=(len(index), p))
    X = pd.DataFrame(values, index=index, columns=[f"deep__{i:03d}" for i in range(p)])
    y = (signal * values[:, min(3, p - 1)] + rng.normal(size=len(index)) > 0).astype(int)
    return X, pd.Series(y, index=index)


def copies(X: pd.DataFrame, y: pd.Series, seed: int = 0):
    """A bootstrap sample of patients that holds both classes."""
    rng = np.random.default_rng(seed)
    patients = X.index.get_level_values(0).unique()
    drawn = rng.choice(patients, len(patients))
    rows = np.concatenate([np.nonzero(X.index.get_level_values(0) == one)[0] for one in drawn])
    return X.iloc[rows], y.iloc[rows]


# ---------------------------------------------------------------- what all filters do


@pytest.mark.parametrize("step", **named(NEW))
def test_kept_columns_are_unchanged_in_order_and_the_rest_is_told(step):
    X, y = table()
    fitted = clone(step).fit(X, y)
    names = fitted.get_feature_names_out().tolist()
    out = fitted.transform(X)
    assert len(names) > 0
    assert names == [c for c in X.columns if c in set(names)]
    pd.testing.assert_frame_equal(out, X[names], check_column_type=False)
    told = fitted.dropped_
    assert set(names) | set(told.index) == set(X.columns)
    assert not set(names) & set(told.index)
    assert told.columns.tolist() == ["reason", "because_of", "value"]


@pytest.mark.parametrize("step", **named(NEW))
def test_filters_are_linear_and_repeat_themselves(step):
    X, y = copies(*table(lesions=2))
    first, second = clone(step).fit(X, y), clone(step).fit(X, y)
    np.testing.assert_array_equal(first.support_, second.support_)
    on_kept = np.arange(1.0, first.support_.sum() + 1)
    np.testing.assert_allclose(first.transform(X) @ on_kept, X @ pulled_back(first, on_kept))


@pytest.mark.parametrize("step", **named(BY_OUTCOME))
def test_what_counts_evidence_counts_each_lesion_once_in_any_order(step):
    X, y = copies(*table(lesions=2))
    once = ~X.index.duplicated()
    on_copies, on_lesions = clone(step).fit(X, y), clone(step).fit(X[once], y[once])
    order = np.random.default_rng(1).permutation(len(X))
    shuffled = clone(step).fit(X.iloc[order], y.iloc[order])
    for other in (on_lesions, shuffled):
        pd.testing.assert_frame_equal(on_copies.dropped_, other.dropped_)


def test_equal_index_entries_with_other_values_are_no_copies():
    X, y = table(6, 2)
    X.index = index_of(3).repeat(2)
    rows, patients = each_lesion_once(X.index, X.to_numpy(), y)
    assert len(rows) == 6
    assert np.bincount(patients).tolist() == [2, 2, 2]


def test_rows_without_a_named_patient_are_copies_where_they_are_equal():
    values = np.array([[1.0], [2.0], [1.0], [1.0]])
    rows, patients = each_lesion_once(pd.RangeIndex(4), values, [0, 1, 0, 1])
    assert sorted(rows.tolist()) == [0, 1, 3]
    assert len(set(patients.tolist())) == 3


@pytest.mark.parametrize("step", **named(COMPLETE))
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_and_infinite_values_are_refused_with_the_columns_name(step, bad):
    X, y = table()
    X.iloc[4, 7] = bad
    with pytest.raises(ModelError, match="deep__007") as error:
        clone(step).fit(X, y)
    assert error.value.code == "not_finite"


@pytest.mark.parametrize("step", **named(COMPLETE))
def test_text_is_refused_with_the_columns_name(step):
    X, y = table()
    X["deep__007"] = "a"
    with pytest.raises(ModelError, match="deep__007") as error:
        clone(step).fit(X, y)
    assert error.value.code == "not_numeric"


@pytest.mark.parametrize("step", **named(NEW))
def test_constant_columns_do_no_harm(step):
    X, y = table()
    X["deep__007"] = 3.3
    fitted = clone(step).fit(X, y)
    assert np.isfinite(fitted.dropped_["value"]).all()
    assert np.isfinite(fitted.transform(X).to_numpy()).all()
    X[:] = 1.0
    assert clone(step).fit(X, y).transform(X).shape[1] >= 1


@pytest.mark.parametrize("step", **named(NEW))
def test_equal_columns_and_a_class_of_two_patients_are_no_trouble(step):
    X, _ = table(12)
    X["deep__008"] = X["deep__007"]
    y = np.array([1, 1] + [0] * 10)
    assert clone(step).fit(X, y).support_.any()


@pytest.mark.parametrize("step", **named(BY_OUTCOME))
@pytest.mark.parametrize("y", [None, np.zeros(60), np.zeros(3)], ids=["none", "one class", "short"])
def test_an_outcome_that_cannot_be_chosen_by_is_refused(step, y):
    with pytest.raises(ModelError, match=type(step).__name__):
        clone(step).fit(table()[0], y)


def test_outcome_numbers_refuse_missing_values():
    with pytest.raises(ModelError, match="missing") as error:
        outcome_numbers(MRMRFilter(), [0.0, np.nan], 2)
    assert error.value.code == "not_finite"


def test_three_patients_are_enough_for_some_and_refused_by_the_others():
    X, _ = table(3)
    y = np.array([0, 1, 0])
    assert MannWhitneyFilter().fit(X, y).support_.sum() == 1
    assert BorutaFilter(n_rounds=3, n_trees=5).fit(X, y).support_.sum() == 1
    with pytest.raises(ModelError, match="3 patients"):
        StabilitySelection().fit(X, y)


@pytest.mark.parametrize(
    "step",
    [
        MissingnessFilter(1.0),
        CorrelationClusters(0.0),
        MannWhitneyFilter(alpha=0),
        MannWhitneyFilter(at_least=0),
        BorutaFilter(alpha=1.0),
        BorutaFilter(n_trees=0),
        StabilitySelection(threshold=0.5),
        StabilitySelection(max_false=0.0),
        StabilitySelection(n_pairs=0),
        VolumeRedundancyFilter(1.5, VOLUME),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(step):
    with pytest.raises(ModelError, match="expected"):
        step.fit(*table())


# ---------------------------------------------------------------- missing, clusters, volume


def test_missingness_counts_any_type_and_keeps_it():
    X = pd.DataFrame(
        {
            "clinical__site": pd.Categorical(["a", None, "b", "a"]),
            "clinical__note": ["x", None, None, None],
            "clinical__age": [1.0, np.inf, 2.0, np.nan],
            "clinical__dead": [np.nan] * 4,
        }
    )
    step = MissingnessFilter(0.5).fit(X)
    assert step.shares_.tolist() == [0.25, 0.75, 0.25, 1.0]
    assert step.transform(X).dtypes.tolist() == [X.dtypes.iloc[0], np.float64]
    assert step.dropped_["reason"].unique().tolist() == ["missing"]
    everything = MissingnessFilter(0.1).fit(X)
    assert everything.get_feature_names_out().tolist() == ["clinical__site"]
    line = Pipeline([("known", step), ("encode", CategoryEncoder()), ("fill", MedianImputer())])
    line.fit(X.replace({np.inf: 3.0}))


def test_clusters_hold_what_they_promise_and_name_their_medoid():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(80, 4))
    values = np.repeat(hidden, 5, axis=1) + 0.3 * rng.normal(size=(80, 20))
    X = pd.DataFrame(values, columns=[f"r__{i:02d}" for i in range(20)])
    step = CorrelationClusters(0.7).fit(X)
    rho = np.abs(spearmanr(X).statistic)
    told = step.clusters_
    for _, cluster in told.groupby("cluster"):
        places = [X.columns.get_loc(c) for c in cluster.index]
        inside = rho[np.ix_(places, places)]
        assert inside.min() >= 0.7
        assert len(set(cluster["representative"])) == 1
        medoid = cluster.index[inside.mean(axis=1).argmax()]
        assert cluster["representative"].iloc[0] == medoid
        assert cluster["size"].eq(len(cluster)).all()
    assert told["representative"].nunique() == step.support_.sum()
    reversed_ = CorrelationClusters(0.7).fit(X[X.columns[::-1]])
    assert set(reversed_.get_feature_names_out()) == set(step.get_feature_names_out())


def test_clusters_do_not_cross_blocks():
    X = pd.DataFrame({"a__x": [1.0, 2, 3, 4], "b__x": [1.0, 2, 3, 4]})
    assert CorrelationClusters().fit(X).support_.all()


def test_volume_redundancy_is_spearman_with_volume_or_its_logarithm():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(50, 5)), columns=[f"r__{i}" for i in range(5)])
    X.insert(2, "clinical__volume_cc", np.exp(X["r__0"] * 1.5 + 0.5 * rng.normal(size=50)))
    X["r__cube"] = -(X["clinical__volume_cc"] ** 3)
    step = VolumeRedundancyFilter(0.8).fit(X)
    for column, found in zip(X.columns, step.correlations_, strict=True):
        expected = spearmanr(X[column], np.log(X["clinical__volume_cc"])).statistic
        assert found == pytest.approx(expected, abs=1e-12)
    assert set(step.dropped_.index) == {"r__0", "r__cube"}
    assert step.dropped_["because_of"].unique().tolist() == ["clinical__volume_cc"]
    assert step.dropped_.loc["r__cube", "value"] == pytest.approx(-1)
    assert VolumeRedundancyFilter(1.0).fit(X).support_.all()


def test_a_volume_column_that_is_not_there_is_an_error():
    with pytest.raises(ModelError, match="clinical__volume_cc") as error:
        VolumeRedundancyFilter().fit(table()[0])
    assert error.value.code == "missing_columns"


# ---------------------------------------------------------------- Mann-Whitney


@pytest.mark.parametrize(("n", "positives"), [(60, 25), (30, 8), (12, 5)])
def test_p_values_are_scipys_with_ties_and_without_and_q_values_statsmodels(n, positives):
    rng = np.random.default_rng(n)
    X, _ = table(n, 20)
    X.iloc[:, :8] = X.iloc[:, :8].round(0)  # ties
    X.columns = [f"{'a' if i % 3 else 'b'}__{i}" for i in range(20)]
    y = rng.permutation(np.arange(n) < positives).astype(int)
    step = MannWhitneyFilter(alpha=0.2).fit(X, y)
    for place, column in enumerate(X.columns):
        x = X[column].to_numpy()
        tied = len(np.unique(x)) < n
        method = "exact" if not tied and min(positives, n - positives) <= 8 else "asymptotic"
        expected = mannwhitneyu(x[y == 1], x[y == 0], method=method)
        assert step.p_values_[place] == pytest.approx(expected.pvalue, rel=1e-10)
        assert step.aucs_[place] == pytest.approx(roc_auc_score(y, x), abs=1e-12)
    for block in "ab":
        members = X.columns.str.startswith(block)
        passes, adjusted = multipletests(step.p_values_[members], 0.2, "fdr_bh")[:2]
        np.testing.assert_allclose(step.q_values_[members], adjusted, rtol=1e-12)
        if step.q_values_.min() <= 0.2:
            np.testing.assert_array_equal(step.support_[members], passes)


def test_patients_of_several_lesions_have_the_variance_of_their_sums():
    X, y = table(20, 6, lesions=3)
    step = MannWhitneyFilter().fit(X, y)
    for place in range(6):
        ranks = X.iloc[:, place].rank().to_numpy()
        score = (y - y.mean()) * (ranks - ranks.mean())
        sums = score.groupby(level=0).sum()
        z = sums.sum() / np.sqrt((sums**2).sum())
        assert step.p_values_[place] == pytest.approx(2 * norm.sf(abs(z)), rel=1e-10)
    assert (step.n_lesions_, step.n_patients_) == (60, 20)


@pytest.mark.parametrize("lesions", [1, 2])
def test_under_the_null_one_column_in_twenty_is_significant_in_a_bootstrap_sample(lesions):
    shares, naive = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = 80
        index = index_of(n, lesions)
        X = pd.DataFrame(
            np.repeat(rng.normal(size=(n, 200)), lesions, axis=0)
            + 0.5 * rng.normal(size=(n * lesions, 200)),
            index=index,
        ).add_prefix("d__")
        y = pd.Series(np.repeat(rng.permutation(np.arange(n) % 2), lesions), index=index)
        X, y = copies(X, y, seed)
        shares.append((MannWhitneyFilter().fit(X, y).p_values_ < 0.05).mean())
        if lesions == 1:
            raw = mannwhitneyu(X[y == 1], X[y == 0], axis=0, method="asymptotic").pvalue
            naive.append((raw < 0.05).mean())
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.05) < 4 * error + 0.005
    if naive:  # what the copies do to a test that takes them for patients
        assert np.mean(naive) > 0.12


def test_where_nothing_passes_the_smallest_p_value_is_kept_and_says_so():
    X, _ = table(40)
    y = np.random.default_rng(9).permutation(np.arange(40) % 2)
    step = MannWhitneyFilter(alpha=1e-6).fit(X, y)
    assert step.support_.sum() == 1
    assert step.support_[step.p_values_.argmin()]
    assert step.q_values_.min() > 1e-6
    assert MannWhitneyFilter(alpha=1e-6, at_least=4).fit(X, y).support_.sum() == 4
    assert step.dropped_["reason"].unique().tolist() == ["not_significant"]


# ---------------------------------------------------------------- stability selection


def plain_stability(X, y, q, n_pairs, seed):
    """Stability selection from the papers alone, by coordinate descent on a fine grid."""
    target = y.to_numpy(dtype=float)
    patients = np.unique(X.index.get_level_values(0), return_inverse=True)[1]
    counts = np.zeros(X.shape[1])
    for half in complementary_halves(patients, target, n_pairs, seed):
        Z = X.to_numpy()[half]
        Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
        t = target[half] - target[half].mean()
        largest = np.abs(Z.T @ t).max() / len(t)
        alphas = np.geomspace(largest, largest / 4, 300)
        paths = lasso_path(Z, t, alphas=alphas, tol=1e-8, max_iter=100_000)[1]
        steps, active = 0, set()
        entered: set[int] = set()
        for coefficients in paths.T:
            now = set(np.nonzero(coefficients)[0].tolist())
            change = len(now ^ active)
            if steps + change > q:
                break
            steps, active, entered = steps + change, now, entered | now
        for column in entered:
            counts[column] += 1
    return counts / (2 * n_pairs)


def test_shares_are_those_of_a_plain_script_by_another_algorithm():
    X, y = table(50, 40, seed=3)
    step = StabilitySelection(n_pairs=10, max_false=1.0, threshold=0.6).fit(X, y)
    q = int(np.sqrt(0.2 * 40))
    assert step.n_chosen_ == {"deep": q}
    np.testing.assert_allclose(step.shares_, plain_stability(X, y, q, 10, 0), atol=0.051)
    exact = np.mean(step.shares_ == plain_stability(X, y, q, 10, 0))
    assert exact > 0.9  # the grid of the script may miss an entry between two of its penalties


def test_halves_are_complementary_whole_and_balanced():
    patients = np.repeat(np.arange(21), 2)
    y = np.repeat((np.arange(21) < 7).astype(float), 2)
    halves = complementary_halves(patients, y, 6, 0)
    for first, second in zip(halves[::2], halves[1::2], strict=True):
        assert (first ^ second).all()
        assert not set(patients[first]) & set(patients[second])
        assert abs(int(first.sum()) - int(second.sum())) <= 4
        assert len(set(patients[first & (y == 1)])) in (3, 4)
    assert len({half.tobytes() for half in halves}) == 12


def test_signal_is_found_the_bound_holds_under_the_null_and_small_blocks_pass():
    found, false = [], []
    for seed in range(10):
        X, y = copies(*table(80, 100, seed, signal=3.0), seed)
        X.insert(0, "clinical__age", np.random.default_rng(seed).normal(size=len(X)))
        X["clinical__age"] = X.groupby(level=0)["clinical__age"].transform("first")
        step = StabilitySelection(n_pairs=20, random_state=seed).fit(X, y)
        assert step.support_[0]  # a block of one column
        assert list(step.bounds_) == ["deep"]
        found.append(bool(step.support_[4]))
        shuffled = pd.Series(
            np.random.default_rng(seed).permutation(80) % 2, index=index_of(80)
        ).reindex(X.index)
        null = StabilitySelection(n_pairs=20).fit(X.drop(columns="clinical__age"), shuffled)
        false.append((null.shares_ >= 0.6).sum())
        assert null.bounds_["deep"] <= 1.0
        assert null.support_.sum() >= 1
    assert np.mean(found) >= 0.9
    assert np.mean(false) <= 1.0


def test_a_rate_is_selected_for_as_well():
    X, _ = table(60, 50)
    rate = 2 * X["deep__010"] + np.random.default_rng(0).normal(size=60)
    step = StabilitySelection(n_pairs=10).fit(X, rate)
    assert step.get_feature_names_out().tolist() == ["deep__010"]
    boruta = BorutaFilter(n_rounds=12, n_trees=20).fit(X.iloc[:, 5:15], rate)
    assert boruta.decision_[5] == "confirmed"


def test_the_path_takes_one_of_equal_columns_and_none_for_a_constant_outcome():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    x[:, 2] = x[:, 0]
    y = x[:, 0] + 0.1 * rng.normal(size=20)
    chosen = first_on_path(x, y, 1)
    assert chosen.tolist() in ([0], [2])
    assert first_on_path(x, np.ones(20), 1).size == 0


# ---------------------------------------------------------------- Boruta


def test_shadows_shuffle_patients_as_wholes_and_columns_apart():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(30), 2)
    values = np.repeat(rng.normal(size=(30, 5)), 2, axis=0) + 1e-3 * rng.normal(size=(60, 5))
    shuffled = shadows(values, patients, rng)
    np.testing.assert_allclose(np.sort(shuffled, axis=0), np.sort(values, axis=0))
    assert np.abs(shuffled[::2] - shuffled[1::2]).max() < 0.02  # lesions of one patient
    assert not np.array_equal(
        np.argsort(shuffled[:, 0], kind="stable"), np.argsort(shuffled[:, 1], kind="stable")
    )


def test_shadows_of_unequal_patients_take_the_other_ones_lesions_in_turn():
    patients = np.array([0, 0, 0, 1])
    values = np.array([[1.0], [2.0], [3.0], [9.0]])
    seen = {tuple(shadows(values, patients, np.random.default_rng(s)).ravel()) for s in range(20)}
    assert seen == {(1.0, 2.0, 3.0, 9.0), (9.0, 9.0, 9.0, 1.0)}


def test_boruta_confirms_signal_and_nothing_under_the_null_in_a_bootstrap_sample():
    X, y = copies(*table(80, 12, signal=4.0))
    step = BorutaFilter(n_rounds=15, n_trees=20).fit(X, y)
    assert step.decision_.tolist().count("confirmed") == 1
    assert step.decision_[3] == "confirmed"
    assert set(step.dropped_["reason"]) <= {"rejected", "undecided"}
    confirmed = 0
    for seed in range(2):
        null = pd.Series(
            np.random.default_rng(seed).permutation(80) % 2, index=index_of(80)
        ).reindex(X.index)
        fitted = BorutaFilter(n_rounds=12, n_trees=20, random_state=seed).fit(X, null)
        confirmed += (fitted.decision_ == "confirmed").sum()
        assert fitted.support_.sum() >= 1
    assert confirmed <= 2


# ---------------------------------------------------------------- the record, by name


def test_the_record_lists_every_step_inner_ones_too():
    X, y = table(60, 40)
    X["deep__001"] = 1.0
    X["deep__002"] = 2 * X["deep__000"]
    X["deep__005"] = np.nan
    inner = Pipeline([("apart", CorrelationFilter()), ("select", UnivariateFilter(5))])
    line = Pipeline(
        [
            ("known", MissingnessFilter()),
            ("vary", NearConstantFilter()),
            ("classify", ReducedRidgeLogistic(inner)),
        ]
    ).fit(X, y)
    record = selection_record(line)
    assert record.columns.tolist() == ["step", "column", "reason", "because_of", "value"]
    one = record.set_index("column")
    assert one.loc["deep__005", ["step", "reason"]].tolist() == ["known", "missing"]
    assert one.loc["deep__001", ["step", "reason"]].tolist() == ["vary", "near_constant"]
    assert one.loc["deep__002", ["step", "because_of"]].tolist() == ["classify/apart", "deep__000"]
    assert (record["step"] == "classify/select").sum() == 40 - 3 - 5
    assert record["column"].is_unique


def test_the_record_of_nothing_is_empty_and_of_an_unfitted_step_an_error():
    assert selection_record(MedianImputer()).empty
    X, y = table(p=3)
    assert selection_record(MissingnessFilter().fit(X, y)).empty
    with pytest.raises(ModelError, match="not fitted") as error:
        selection_record(Pipeline([("vary", NearConstantFilter())]))
    assert error.value.code == "not_fitted"


@pytest.mark.parametrize("name", ["correlation", "volume", "mann_whitney", "mrmr", "stability"])
def test_selections_by_name_are_tuned_as_one_and_linear(name):
    X, y = table(50, 30, signal=3.0)
    X.insert(0, "clinical__volume_cc", np.exp(X["deep__020"]))
    model = ReducedRidgeLogistic(selection_steps(name), Cs=(0.1, 10.0)).fit(X, y)
    assert model.coef_.shape == (1, 31)
    left_out = selection_record(model)["column"]
    assert (model.coef_[0, X.columns.isin(left_out)] == 0).all()


def test_an_unknown_selection_is_refused():
    with pytest.raises(ModelError, match="boruta"):
        selection_steps("burota")
