"""Subgroups: pairs, the jackknife, calibration, and what is not shown."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

import tumor_response as tr
from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.pairs import Pairs
from tumor_response.evaluation.subgroups import subgroups, tertiles_of
from tumor_response.evaluation.subgroups.estimates import auc_influence
from tumor_response.evaluation.subgroups.groups import hidden_groups
from tumor_response.exceptions import EvaluationError, SettingsError


@pytest.fixture(scope="module")
def study():
    """120 patients, some with two lesions, at four sites of which one has four patients."""
    rng = np.random.default_rng(3)
    keys = [(f"P{i:03d}", str(k)) for i in range(120) for k in range(1 + (i % 5 == 0))]
    index = pd.MultiIndex.from_tuples(keys, names=["patient_id", "lesion_id"])
    n = len(index)
    X = pd.DataFrame(rng.normal(size=(n, 4)), index=index, columns=list("abcd"))
    X = X.add_prefix("deep__n__")
    X.insert(0, "clinical__volume_cc", rng.lognormal(2, 1, n))
    site = pd.Series(["Aachen"] * 60 + ["Bern"] * 33 + ["Chur"] * 23 + ["Delft"] * 4)
    X["meta__site"] = site[index.get_level_values(0).str[1:].astype(int)].to_numpy()
    eta = 1.2 * X["deep__n__a"] + X["deep__n__b"]
    y = pd.Series((rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float), index=index)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scheme = tr.Bootstrap632Plus(n_resamples=25, seed=1)
    return tr.evaluate({"m": model, "svm": LinearSVC()}, X, y, scheme)


def plain_pairs(names, y, scores, without=None):
    """Pairs won and met, one by one."""
    won = met = 0.0
    for i in range(len(y)):
        for j in range(len(y)):
            if y[i] == 1 and y[j] == 0 and without not in (names[i], names[j]):
                won += 1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0
                met += 1
    return won, met


def test_auc_and_jackknife_against_pairs_counted_one_by_one(study):
    inside = (study.rows.X["meta__site"] == "Bern").to_numpy()
    row = subgroups(study, "m", "meta__site").table.loc["Bern"]
    all_names = study.rows.X.index.get_level_values("patient_id").to_numpy()
    ever, won, met, variances = set(), [], [], []
    for resample, one in zip(study.resamples, study.out_of_bag, strict=True):
        within = inside[resample.test]
        names = all_names[resample.test][within]
        y, scores = one.y_test[within], one.scores["m"][within]
        w, m = plain_pairs(names, y, scores)
        won.append(w)
        met.append(m)
        ever |= set(names)
        left = [np.divide(*plain_pairs(names, y, scores, name)) for name in sorted(set(names))]
        n = len(left)
        variances.append((n - 1) / n * np.sum((left - np.mean(left)) ** 2) * n)
    value = sum(won) / sum(met)
    assert row["auc"] == pytest.approx(value, rel=1e-12)
    se = np.sqrt(np.average(variances, weights=met) / len(ever))
    half = t.ppf(0.975, len(ever) - 1) * se / (value * (1 - value))
    logit = np.log(value / (1 - value))
    expected = [1 / (1 + np.exp(-(logit + sign * half))) for sign in (-1, 1)]
    np.testing.assert_allclose([row["ci_low"], row["ci_high"]], expected, rtol=1e-10)


def test_one_test_set_gives_the_variance_of_delong():
    """Without resamples and repeated patients the jackknife is nearly DeLong's variance."""
    rng = np.random.default_rng(0)
    m, k = 40, 60
    y = np.repeat([1, 0], [m, k])
    score = rng.normal(size=m + k) + 0.9 * y
    found = auc_influence([Pairs.of(np.arange(m + k), y, score)], m + k)
    psi = score[:m, None] > score[m:]
    delong = psi.mean(axis=1).var(ddof=1) / m + psi.mean(axis=0).var(ddof=1) / k
    assert found.value == pytest.approx(auc(y, score))
    assert found.se**2 == pytest.approx(delong, rel=0.03)


def test_a_patient_counted_twice_tells_no_more_than_once():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 50)
    score = rng.normal(size=50) + y
    once = auc_influence([Pairs.of(np.arange(50), y, score)], 50)
    twice = Pairs.of(np.tile(np.arange(50), 2), np.tile(y, 2), np.tile(score, 2))
    doubled = auc_influence([twice], 50)
    assert doubled.value == pytest.approx(once.value)
    assert doubled.se == pytest.approx(once.se)


def test_pairs_within_a_patient_are_left_out_once():
    patients = np.array([0, 0, 1, 2, 2, 3])
    y = np.array([1, 0, 1, 0, 1, 0])
    score = np.array([0.3, 0.5, 0.9, 0.1, 0.2, 0.4])
    names, left = Pairs.of(patients, y, score).without_each()
    for name, one in zip(names, left, strict=True):
        kept = patients != name
        assert one == pytest.approx(auc(y[kept], score[kept]))


def test_counts_and_the_row_of_all(study):
    table = subgroups(study, "m", "meta__site", min_patients=2, min_class=1).table
    X, y = study.rows.X, study.rows.y
    for site in ("Aachen", "Bern", "Chur", "Delft"):
        inside = (X["meta__site"] == site).to_numpy()
        row = table.loc[site]
        assert row["n_lesions"] == inside.sum()
        assert row["n_patients"] == X.index[inside].get_level_values(0).nunique()
        assert row["n_responders"] == y[inside].sum()
    everybody = table.loc["all"]
    assert everybody["n_patients"] == 120
    assert everybody["auc"] == pytest.approx(study.summary().loc["m", "auc_oob"], abs=0.02)


def test_calibration_in_the_large_by_hand(study):
    row = subgroups(study, "m", "meta__site").table.loc["Aachen"]
    scores = study.scores.query("model == 'm'").set_index(["patient_id", "lesion_id"])
    inside = study.rows.X.index[study.rows.X["meta__site"] == "Aachen"]
    per_lesion = scores.groupby(level=[0, 1])[["y", "score"]].mean().reindex(inside)
    assert row["observed"] == pytest.approx(per_lesion["y"].mean())
    assert row["expected"] == pytest.approx(per_lesion["score"].mean())
    assert row["difference"] == pytest.approx(row["observed"] - row["expected"])
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    # a mean of single lesions has the textbook standard error; here some patients have two
    gap = per_lesion["y"] - per_lesion["score"]
    width = row["difference_high"] - row["difference_low"]
    assert width == pytest.approx(2 * 2.0 * gap.std() / np.sqrt(60), rel=0.2)
    # decision values are no probabilities and are not compared with shares
    assert "expected" not in subgroups(study, "svm", "meta__site").table


def test_differences_are_of_disjoint_patients_and_adjusted(study):
    found = subgroups(study, "m", "volume_tertile")
    table, differences = found.table, found.differences
    assert len(differences) == 3
    for _, row in differences.iterrows():
        a, b = table.loc[row["subgroup_a"]], table.loc[row["subgroup_b"]]
        assert row["difference"] == pytest.approx(a["auc"] - b["auc"])
        assert row["adjusted_low"] < row["ci_low"] < row["difference"] < row["ci_high"]
    assert "3 difference(s) between 3 subgroups" in found.caution
    assert "14 %" in found.caution  # 1 - 0.95^3


def test_a_real_difference_is_seen():
    rng = np.random.default_rng(0)
    index = pd.Index([f"P{i:03d}" for i in range(160)], name="patient_id")
    X = pd.DataFrame({"deep__n__0": rng.normal(size=160)}, index=index)
    X["meta__sex"] = ["f", "m"] * 80
    signal = np.where(X["meta__sex"] == "f", 3.0, 0.0)
    chance = 1 / (1 + np.exp(-signal * X["deep__n__0"]))
    y = pd.Series((rng.random(160) < chance).astype(float), index=index)
    result = tr.evaluate({"m": LogisticRegression()}, X, y, tr.Bootstrap632Plus(n_resamples=15))
    row = subgroups(result, "m", "meta__sex").differences.iloc[0]
    assert row["adjusted_low"] > 0.1
    ax = subgroups(result, "m", "meta__sex").plot()
    assert [text.get_text() for text in ax.get_yticklabels()] == ["f", "m", "all"]
    plt.close(ax.figure)


# -- what is not shown ------------------------------------------------------------------------


def test_a_small_site_is_hidden_and_so_is_the_next(study):
    found = subgroups(study, "m", "meta__site")
    table = found.table
    assert table["suppressed"].to_dict() == {
        "Aachen": "",
        "Bern": "",
        "Chur": "hidden, or a small subgroup could be told",
        "Delft": "fewer than 10 patients",
        "all": "",
    }
    numbers = table.drop(columns=["suppressed"])
    assert numbers.loc[["Chur", "Delft"]].isna().all().all()
    assert set(found.differences[["subgroup_a", "subgroup_b"]].to_numpy().ravel()) == {
        "Aachen",
        "Bern",
    }
    ax = found.plot()
    texts = [text.get_text() for text in ax.texts]
    assert "fewer than 10 patients" in texts
    plt.close(ax.figure)


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 30), min_size=2, max_size=6),
    seed=st.integers(0, 50),
    min_patients=st.integers(2, 12),
    min_class=st.integers(1, 5),
)
def test_nobody_hidden_can_be_worked_out(sizes, seed, min_patients, min_class):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    y = rng.integers(0, 2, len(group))
    groups = {str(g): group == g for g in range(len(sizes))}
    hidden = hidden_groups(groups, np.arange(len(group)), y, min_patients, min_class)

    def is_small(inside):
        return (
            inside.sum() < min_patients or min(y[inside].sum(), (1 - y)[inside].sum()) < min_class
        )

    assert {name for name, inside in groups.items() if is_small(inside)} <= set(hidden)
    if hidden and len(hidden) < len(groups):
        together = np.logical_or.reduce([groups[name] for name in hidden])
        assert len(hidden) > 1
        assert not is_small(together)


def test_two_subgroups_of_which_one_is_small_leave_the_whole_alone(study):
    few = pd.Series(np.arange(len(study.rows.X)) < 5, index=study.rows.X.index, name="few")
    found = subgroups(study, "m", few)
    assert (found.table["suppressed"] != "").tolist() == [True, True, False]
    assert found.differences.empty
    assert "no difference to look at" in found.caution


def test_missing_values_are_a_subgroup(study):
    site = study.rows.X["meta__site"].where(study.rows.X["meta__site"] != "Chur")
    table = subgroups(study, "m", site, min_patients=2, min_class=1).table
    assert table.loc["(missing)", "n_patients"] == 23


# -- by what ------------------------------------------------------------------------------------


def test_thirds_are_thirds_with_their_bounds_and_leave_missing_values_missing():
    values = pd.Series([*range(1, 31), np.nan], dtype=float, name="age")
    thirds = tertiles_of(values)
    assert thirds.value_counts().tolist() == [10, 10, 10]
    assert thirds.isna().sum() == 1
    assert thirds.iloc[0].startswith("up to 10")
    with pytest.raises(EvaluationError, match="no thirds"):
        tertiles_of(pd.Series([1.0] * 20 + [2.0], name="flat"))


def test_by_what_it_cannot_be(study):
    X = study.rows.X

    def refused(message, by, code="no_subgroups"):
        with pytest.raises(EvaluationError, match=message) as caught:
            subgroups(study, "m", by)
        assert caught.value.code == code

    refused("no such column. Did you mean 'meta__site'", "site")
    refused("different numbers, which are no subgroups", "deep__n__a")
    refused("all lesions are 'A'", pd.Series("A", index=X.index, name="s"))
    refused(r"3 of \d+ lesions are not in it", X["meta__site"].iloc[3:], "index_mismatch")
    with pytest.raises(EvaluationError, match="No model 'typo'"):
        subgroups(study, "typo", "meta__site")
    with pytest.raises(SettingsError, match="min_patients=1"):
        subgroups(study, "m", "meta__site", min_patients=1)
    # order of a Series does not matter
    shuffled = X["meta__site"].sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(
        subgroups(study, "m", shuffled).table, subgroups(study, "m", "meta__site").table
    )


def test_rates_have_no_responders(study):
    X = study.rows.X
    rate = pd.Series(X["deep__n__a"] * 2 + 1, name="rate").sample(frac=1, random_state=1)
    scheme = tr.Bootstrap632Plus(n_resamples=2)
    result = tr.evaluate(LinearRegression(), X, rate + 0.1, scheme)
    with pytest.raises(EvaluationError, match="predict rate") as caught:
        subgroups(result, "model", "meta__site")
    assert caught.value.code == "task"


def test_perfect_separation_has_an_interval_that_is_no_point():
    index = pd.Index([f"P{i:03d}" for i in range(60)], name="patient_id")
    y = pd.Series(np.tile([0.0, 1.0], 30), index=index)
    X = pd.DataFrame({"deep__n__0": y * 5 + np.linspace(0, 1, 60)}, index=index)
    X["meta__sex"] = np.repeat(["f", "m"], 30)
    result = tr.evaluate({"m": LogisticRegression()}, X, y, tr.Bootstrap632Plus(n_resamples=10))
    row = subgroups(result, "m", "meta__sex").table.loc["f"]
    assert (row["auc"], row["ci_high"], row["ci_method"]) == (1.0, 1.0, "newcombe")
    assert 0.7 < row["ci_low"] < 0.95
