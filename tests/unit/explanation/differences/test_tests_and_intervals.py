"""Tests, effects and intervals against scipy, statsmodels, R and slow plain scripts."""

from __future__ import annotations

import subprocess
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from scipy.stats import mannwhitneyu, rankdata, spearmanr
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

from tumor_response.evaluation.intervals import obuchowski
from tumor_response.explanation.differences import group_differences
from tumor_response.explanation.differences.chance import passing
from tumor_response.explanation.differences.covariates import adjusting_basis, natural_spline
from tumor_response.explanation.differences.partial import PartialRanks
from tumor_response.explanation.differences.superiority import superiority

FEW = 19


def _intercept(n):
    return np.full((n, 1), n**-0.5)


@pytest.mark.parametrize(("n", "decimals", "method"), [(60, 1, "asymptotic"), (14, 9, "exact")])
def test_p_values_are_those_of_scipy(study, n, decimals, method):
    table, y = study(n, decimals=decimals, by_column=0.5, seed=2)
    found = group_differences(table, y, n_permutations=FEW, adjust=()).columns
    for name, row in found.iterrows():
        groups = table[name][y == 1], table[name][y == 0]
        assert row["p_value"] == pytest.approx(mannwhitneyu(*groups, method=method).pvalue)
        wins = np.mean(
            np.sign(groups[0].to_numpy()[:, None] - groups[1].to_numpy()[None, :]) / 2 + 0.5
        )
        assert row["auc"] == pytest.approx(wins)
        assert row["delta"] == pytest.approx(2 * wins - 1)
        assert row["p_method"] == (
            "mann_whitney_exact" if method == "exact" else "mann_whitney_normal"
        )


def test_missing_values_leave_lesions_out_of_their_column_alone(study):
    table, y = study(by_column=1.0)
    whole = group_differences(table, y, n_permutations=FEW).columns
    gone = "deep__n__F0"
    table.loc[table.index[3:17], gone] = np.nan
    table.loc[table.index[:55], "deep__n__F2"] = np.nan
    table["deep__n__flat"] = 1.0
    found = group_differences(table, y, n_permutations=FEW).columns
    there = table[gone].notna()
    expected = mannwhitneyu(
        table[gone][there & (y == 1)], table[gone][there & (y == 0)], method="asymptotic"
    )
    assert found.loc[gone, "p_value"] == pytest.approx(expected.pvalue)
    assert found.loc[gone, ["n_missing", "n_lesions"]].tolist() == [14, 46]
    alone = group_differences(table[there], y[there], n_permutations=FEW).columns.loc[gone]
    assert found.loc[gone, "delta_adjusted"] == pytest.approx(alone["delta_adjusted"])
    assert found.loc["deep__n__F2", "note"] == "too_few_values"
    assert found.loc["deep__n__flat", "note"] == "constant"
    others = whole.index.difference([gone, "deep__n__F2"])
    same = ["auc", "p_value", "p_value_adjusted", "delta_low_adjusted"]
    pd.testing.assert_frame_equal(found.loc[others, same], whole.loc[others, same])


@pytest.mark.parametrize("lesions", [1, 2])
def test_intervals_are_obuchowskis_on_the_logit(study, lesions):
    table, y = study(30, lesions=lesions, by_column=1.0, decimals=1)
    patients = y.index.get_level_values(0)
    found = group_differences(table, y, n_permutations=FEW, level=0.9).columns
    for name in found.index:
        other = obuchowski(y, table[name], patients)
        half = student.ppf(0.95, 28) * np.sqrt(other.variance) / (other.auc * (1 - other.auc))
        limits = expit(logit(other.auc) + np.array([-half, half]))
        assert found.loc[name, ["auc_low", "auc_high"]].tolist() == pytest.approx(limits)


def test_groups_that_do_not_overlap_have_newcombes_interval():
    values, label = np.arange(20.0)[:, None], np.repeat([0.0, 1.0], 10)
    apart = superiority(values, label, np.arange(20))
    turned = superiority(-values, label, np.arange(20))
    assert apart.auc[0] == apart.high[0] == 1
    assert 0.6 < apart.low[0] < 0.9
    assert turned.high[0] == pytest.approx(1 - apart.low[0])


def test_without_covariates_the_adjusted_effect_is_cliffs_delta(study):
    table, y = study(40, by_column=0.8, decimals=1)
    values, label, rows = table.to_numpy(), y.to_numpy(), np.arange(40)
    adjusted = PartialRanks(values, _intercept(40), rows).differences(label)
    plain = superiority(values, label, rows)
    assert adjusted.delta == pytest.approx(2 * plain.auc - 1)
    assert adjusted.low == pytest.approx(2 * plain.low - 1)
    assert adjusted.high == pytest.approx(2 * plain.high - 1)


def test_adjusted_effect_is_the_coefficient_of_a_regression_of_ranks(study):
    table, y = study(50, by_volume=1.0, by_column=0.5)
    found = group_differences(table, y, n_permutations=FEW).columns
    covariates = [
        natural_spline((rankdata(table[name]) - 0.5) / 50, (0.1, 0.5, 0.9))
        for name in ("clinical__age", "clinical__volume_cc")
    ]
    design = sm.add_constant(np.column_stack([y, *covariates]))
    alone = sm.add_constant(np.column_stack(covariates))
    for name, row in found.iterrows():
        ranks = rankdata(table[name])
        slope = sm.OLS(ranks, design).fit().params[1]
        assert row["delta_adjusted"] == pytest.approx(2 * slope / 50)
        of_ranks = sm.OLS(ranks, alone).fit()
        assert row["explained"] == pytest.approx(of_ranks.rsquared)
        # the score, summed by hand
        free = 1 - of_ranks.get_influence().hat_matrix_diag
        products = of_ranks.resid * sm.OLS(y, alone).fit().resid.to_numpy()
        score = products.sum() / np.sqrt((products**2 / free).sum())
        t = score * np.sqrt(49 / (50 - score**2))
        assert row["p_value_adjusted"] == pytest.approx(2 * student.sf(abs(t), 49))


@pytest.mark.parametrize("lesions", [1, 2])
def test_adjusted_interval_is_near_a_jackknife_over_patients(study, lesions):
    table, y = study(70, lesions=lesions, by_volume=0.8, by_column=0.8, p=6)
    found = group_differences(table, y, n_permutations=FEW).columns
    patients = y.index.get_level_values(0)
    left = []
    for patient in patients.unique():
        kept = patients != patient
        covariates = table.loc[kept, ["clinical__age", "clinical__volume_cc"]]
        ranks = PartialRanks(
            table.loc[kept, list(found.index)].to_numpy(),
            adjusting_basis(covariates),
            np.arange(kept.sum()),
        )
        left.append(ranks.effects(ranks.residual_labels(y[kept].to_numpy()[None]))[0])
    left = np.array(left)
    error = np.sqrt(69 / 70 * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    delta = found["delta_adjusted"]
    half = np.arctanh(found["delta_high_adjusted"]) - np.arctanh(delta)
    ours = half * (1 - delta**2) / student.ppf(0.975, 70 - 6)
    assert ours.to_numpy() == pytest.approx(error, rel=0.08)


def test_a_lesion_told_twice_is_no_further_evidence(study):
    table, y = study(40, by_column=0.8, by_volume=0.5)
    once = group_differences(table, y, n_permutations=FEW).columns
    index = pd.MultiIndex.from_tuples(
        [(patient, copy) for patient, _ in table.index for copy in "12"], names=table.index.names
    )
    twice, classes = table.loc[table.index.repeat(2)].set_axis(index), y.repeat(2).set_axis(index)
    again = group_differences(twice, classes, n_permutations=FEW).columns
    assert set(again["p_method"]) == {"rank_score_by_patient"}
    for name in ("auc", "delta_adjusted"):
        assert again[name].to_numpy() == pytest.approx(once[name].to_numpy())
    for name in ("p_value", "p_value_adjusted"):
        assert again[name].to_numpy() == pytest.approx(once[name].to_numpy(), rel=0.15, abs=0.03)
    width = (again["delta_high_adjusted"] - again["delta_low_adjusted"]) / (
        once["delta_high_adjusted"] - once["delta_low_adjusted"]
    )
    assert width.between(0.9, 1.1).all()


def test_what_may_not_matter_does_not(study):
    table, y = study(40, by_column=0.8, by_volume=0.5)
    found = group_differences(table, y, n_permutations=FEW).columns
    bent = table.copy()
    bent["deep__n__F0"] = np.exp(bent["deep__n__F0"])
    bent["clinical__volume_cc"] = np.log(bent["clinical__volume_cc"])
    other = group_differences(bent.sample(frac=1, random_state=1), y, n_permutations=FEW).columns
    numbers = [c for c in found.select_dtypes("number") if not c.startswith("median")]
    pd.testing.assert_frame_equal(found[numbers], other[numbers])
    turned = group_differences(table, 1 - y, n_permutations=FEW).columns
    for name in ("delta", "delta_adjusted"):
        assert turned[name].to_numpy() == pytest.approx(-found[name].to_numpy())
        assert turned[f"{name.replace('delta', 'delta_low')}"].to_numpy() == pytest.approx(
            -found[f"{name.replace('delta', 'delta_high')}"].to_numpy()
        )
    assert turned["p_value_adjusted"].to_numpy() == pytest.approx(
        found["p_value_adjusted"].to_numpy()
    )


def test_a_column_of_the_volume_differs_and_says_nothing_more(study):
    table, y = study(200, by_volume=1.5, seed=1)
    rng = np.random.default_rng(0)
    volume = np.log(table["clinical__volume_cc"])
    table["deep__n__bend"] = volume**2 + 2 * volume + 0.3 * rng.normal(size=200)
    # hidden by the volume: only at equal volume does it go with the class
    table["deep__n__hidden"] = 1.2 * y - 1.6 * volume + 0.5 * rng.normal(size=200)
    table["deep__n__same"] = -volume
    found = group_differences(table, y, n_permutations=FEW).columns
    assert found.loc["deep__n__bend", "p_value"] < 1e-5
    assert found.loc["deep__n__bend", "p_value_adjusted"] > 0.05
    assert (
        found.loc["deep__n__hidden", "delta"] < 0 < found.loc["deep__n__hidden", "delta_adjusted"]
    )
    assert found.loc["deep__n__hidden", "p_value_adjusted"] < 1e-5
    assert found.loc["deep__n__same", "note"] == "said_by_covariates"
    assert np.isnan(found.loc["deep__n__same", "p_value_adjusted"])


def test_categories_are_adjusted_for_and_missing_covariates_counted(study):
    table, y = study(60)
    site = pd.Series(np.where(np.arange(60) % 3 > 0, "A", "B"), table.index)
    table["meta__site"] = site.astype("category")
    table["deep__n__site"] = (site == "A") * 3.0 + np.random.default_rng(0).normal(size=60)
    table.loc[table.index[:4], "clinical__age"] = np.nan
    result = group_differences(table, y, adjust=["meta__site", "clinical__age"], n_permutations=FEW)
    assert result.n_adjusted == 56
    assert result.columns.loc["deep__n__site", "explained"] > 0.5
    assert any("4 lesion(s) without them" in line for line in result.sentences())


def test_q_values_are_those_of_statsmodels_within_families(study):
    table, y = study(60, p=30, by_column=1.0)
    found = group_differences(table, y, n_permutations=FEW).columns
    assert found["family"].nunique() == 3
    for ending in ("", "_adjusted"):
        for _, family in found.groupby("family"):
            expected = multipletests(family[f"p_value{ending}"], method="fdr_bh")[1]
            assert family[f"q{ending}"].to_numpy() == pytest.approx(expected)
        expected = multipletests(found[f"p_value{ending}"], method="fdr_bh")[1]
        assert found[f"q_all{ending}"].to_numpy() == pytest.approx(expected)


def test_passing_is_the_step_of_statsmodels():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=(20, 40)) ** 3
    p[:, 7] = np.nan
    family = np.arange(40) % 3
    found = passing(p, family, 0.1)
    for row, mine in zip(p, found, strict=True):
        for of in range(3):
            at = (family == of) & ~np.isnan(row)
            assert (mine[at] == multipletests(row[at], 0.1, "fdr_bh")[0]).all()
    assert not found[:, 7].any()


@pytest.mark.needs("r")
def test_r_has_the_same_tests_adjustment_and_splines(study, tmp_path):
    table, y = study(90, p=30, by_column=0.6, by_volume=1.0, decimals=1, seed=5)
    exact, classes = study(15, p=30, seed=3, by_column=0.6)
    found = group_differences(table, y, n_permutations=FEW, within="all").columns
    small = group_differences(exact, classes, n_permutations=FEW, adjust=()).columns
    volume = (rankdata(table["clinical__volume_cc"]) - 0.5) / 90
    age = (rankdata(table["clinical__age"]) - 0.5) / 90
    script = """
    suppressMessages(library(rms)); d <- read.csv("x.csv"); k <- read.csv("e.csv")
    say <- function(name, v) cat(name, format(as.numeric(v), digits = 15), "\\n")
    p <- sapply(d[-(1:3)], function(v) suppressWarnings(
      wilcox.test(v[d$y == 1], v[d$y == 0])$p.value))
    say("p", p); say("q", p.adjust(p, "BH"))
    say("e", sapply(k[-1], function(v) wilcox.test(v[k$y == 1], v[k$y == 0])$p.value))
    s <- Hmisc::rcspline.eval(d$v, knots = c(.1, .5, .9), inclx = TRUE)
    a <- Hmisc::rcspline.eval(d$a, knots = c(.1, .5, .9), inclx = TRUE)
    say("s", s[, 2]); y <- d$y; v1 <- s[, 1]; v2 <- s[, 2]; a1 <- a[, 1]; a2 <- a[, 2]
    say("z", sapply(d[3 + seq(1, 30, 2)], function(v) { f <- orm(v ~ y + v1 + v2 + a1 + a2)
      coef(f)["y"] / sqrt(vcov(f)["y", "y"]) }))
    """
    sent = table[list(found.index)]
    sent.insert(0, "y", y)
    sent.insert(1, "v", volume)
    sent.insert(2, "a", age)
    sent.to_csv(tmp_path / "x.csv", index=False)
    other = exact[list(small.index)]
    other.insert(0, "y", classes)
    other.to_csv(tmp_path / "e.csv", index=False)
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    said = {name: [float(value) for value in values] for name, *values in lines}
    assert found["p_value"].to_numpy() == pytest.approx(said["p"])
    assert found["q"].to_numpy() == pytest.approx(said["q"])
    assert small["p_value"].to_numpy() == pytest.approx(said["e"])
    assert natural_spline(volume, (0.1, 0.5, 0.9))[:, 1] == pytest.approx(said["s"])
    # another model of the same question: proportional odds with the same splines
    half = found.iloc[::2]  # a fit of R's takes its time
    ours = np.sign(half["delta_adjusted"]) * student.isf(half["p_value_adjusted"] / 2, 89)
    assert spearmanr(ours, said["z"]).statistic > 0.98
    assert np.abs(ours - np.array(said["z"])).max() < 0.5


def test_a_row_that_the_covariates_determine_is_not_blown_up(study):
    table, y = study(40)
    table["clinical__rare"] = (np.arange(40) == 3).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = group_differences(table, y, adjust=["clinical__rare"], n_permutations=FEW).columns
    numbers = found.drop(index="clinical__age")[["delta_low_adjusted", "delta_high_adjusted"]]
    assert (numbers.diff(axis=1).iloc[:, 1] < 1).all()
