"""site_report: planted sites are told, planted confounding is found and said, nulls are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import tumor_response as tr
from tumor_response.evaluation.ridge_readout import bootstrap_weights, weighted_pairs
from tumor_response.evaluation.sites import exact_p, site_report
from tumor_response.exceptions import EvaluationError
from tumor_response.transformers import ComBat, SiteZScore


def study(kind: str, n: int = 120, p: int = 30, seed: int = 0, sites: str = "AB"):
    """A scanner at all sites but A; ``confounded``: B's patients truly have more of the trait."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    code = np.arange(n) % len(sites)
    trait = rng.normal(size=n) + (3.0 * code if kind == "confounded" else 0.0)
    values = 0.4 * np.outer(trait, rng.normal(size=p)) + rng.normal(size=(n, p))
    if kind != "one_scanner":
        for one in range(1, len(sites)):
            values[code == one] += rng.normal(size=p)
    X = pd.DataFrame(values, index).add_prefix("radiomics__")
    X["meta__site"] = np.array(list(sites))[code]
    rate = pd.Series(trait + rng.normal(size=n), index, name="rate_percent_per_day")
    return X, rate


def report(kind: str, **settings):
    X, rate = study(kind, **settings)
    return site_report(X, rate, label=tr.ResponderCut("median"), n_repeats=1)


@pytest.fixture(scope="module")
def confounded():
    return report("confounded")


def test_a_scanner_is_told_before_and_not_after():
    found = report("scanner")
    assert found.site_is_readable
    assert not found.site_is_left
    assert not found.is_confounded
    assert not found.outcome_went_too
    assert found.after.within.ci_low > 0.5
    assert "The features tell the site" in found.verdict
    assert "not shown that site and outcome go together" in found.verdict


def test_one_scanner_for_all_is_not_told():
    found = report("one_scanner")
    assert not found.site_is_readable
    assert "not shown that the features tell the site" in found.verdict


def test_confounding_is_found_and_said(confounded):
    assert confounded.is_confounded
    assert confounded.outcome_went_too
    assert confounded.site_alone.ci_low > 0.6
    assert "The outcome went with the site" in confounded.verdict
    assert "p < .001" in confounded.verdict
    # what is within sites is not the site's, and stays
    assert abs(confounded.after.within.value - confounded.before.within.value) < 0.06
    assert confounded.after.outcome.value < confounded.before.outcome.value - 0.15


def test_the_table_says_what_the_words_say(confounded):
    table = confounded.table()
    assert list(table.index) == [
        "site",
        "outcome",
        "outcome_within_sites",
        "outcome_by_site_alone",
    ]
    assert table["difference"].to_numpy()[:3] == pytest.approx(
        (table["after"] - table["before"]).to_numpy()[:3]
    )
    assert (table["before_low"] <= table["before"]).all()
    assert (table["before"] <= table["before_high"]).all()
    sites = confounded.sites
    assert sites["n_patients"].to_dict() == {"A": 60, "B": 60}
    assert f"{100 * sites.loc['A', 'share']:.0f} % of 60" in confounded.verdict
    assert "120 lesions of 120 patients" in str(confounded)


def test_the_figure_has_a_bar_for_every_figure(confounded):
    ax = confounded.plot()
    assert len([line for line in ax.lines if line.get_marker() == "o"]) == 7
    assert confounded.plot(ax) is ax


def test_three_sites_and_another_step():
    X, rate = study("scanner", sites="ABC")
    found = site_report(X, rate, label=tr.ResponderCut("median"), step=SiteZScore(), n_repeats=1)
    assert found.step == "SiteZScore"
    assert found.before.site.value > 0.8
    assert found.after.site.value < 0.65
    assert len(found.sites) == 3


def test_it_is_the_same_again_and_whatever_the_order_of_the_rows(confounded):
    X, rate = study("confounded")
    again = site_report(X, rate[::-1], label=tr.ResponderCut("median"), n_repeats=1)
    pd.testing.assert_frame_equal(again.table(), confounded.table())


def test_all_of_one_class_at_a_site_is_said():
    X, rate = study("scanner", n=90, sites="ABC")
    y = (rate > rate.median()).astype(int)
    y[X["meta__site"] == "C"] = 1
    found = site_report(X, y, n_repeats=1)
    assert found.sites.loc["C", "finding"] == "one_class"
    assert found.sites.loc["C", "ci_high"] == 1.0
    assert "one class at C" in found.verdict


def test_missing_sites_outcomes_and_small_sites_are_counted():
    X, rate = study("scanner")
    X.iloc[0, X.columns.get_loc("meta__site")] = None
    X.iloc[1:4, X.columns.get_loc("meta__site")] = "small"
    rate.iloc[10:12] = np.nan
    found = site_report(X, rate, label=tr.ResponderCut("median"), n_repeats=1)
    assert found.left_out == {"site_missing": 1, "outcome_missing": 2, "site_too_small": 3}
    assert found.n_lesions == 114
    assert found.sites.loc["small", "n_patients"] == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda X, y: (X.drop(columns="meta__site"), y), "site_column"),
        (lambda X, y: (X.assign(meta__site="A"), y), "one_site"),
        (lambda X, y: (X.assign(meta__site=["B"] + ["A"] * 119), y), "one_site"),
        (lambda X, y: (X, y * 0), "one_class"),
        (lambda X, y: (X, y + 0.5), "y"),
        (lambda X, y: (X.drop(columns="meta__site").assign(meta__site=np.nan), y), "one_class"),
        (lambda X, y: (X.assign(radiomics__y=y), y), "outcome_as_predictor"),
        (lambda X, y: (X.reset_index(drop=True), y), "index"),
    ],
)
def test_bad_input_is_an_error_with_a_code(change, code):
    X, rate = study("scanner")
    X, y = change(X, (rate > rate.median()).astype(float))
    with pytest.raises(EvaluationError) as error:
        site_report(X, y, n_repeats=1)
    assert error.value.code in {code, "no_rows"} if code == "one_class" else {code}


def test_a_patient_of_two_sites_and_refused_covariates_are_errors():
    X, rate = study("scanner")
    y = (rate > rate.median()).astype(float)
    twice = X.rename(index={"P001": "P000"}, level=0)
    twice.index = pd.MultiIndex.from_arrays(
        [twice.index.get_level_values(0), [str(i) for i in range(len(X))]], names=X.index.names
    )
    y_twice = pd.Series(y.to_numpy(), twice.index)
    with pytest.raises(EvaluationError, match="of several sites") as error:
        site_report(twice, y_twice)
    assert error.value.code == "site_column"
    with pytest.raises(EvaluationError, match="outcome"):
        site_report(X.assign(clinical__x=y), y, step=ComBat(covariates=["clinical__x"]))
    with pytest.raises(EvaluationError, match="n_folds"):
        site_report(X, y, n_folds=1)


# fisher.test of R 4.2
@pytest.mark.parametrize(
    ("sizes", "positives", "p"),
    [
        ((10, 10), (9, 1), 0.00109333391067137),
        ((30, 22, 15), (20, 8, 3), 0.00632572368305016),
        ((12, 9, 14, 7), (3, 6, 9, 0), 0.00722718014048706),
        ((25, 40), (25, 31), 0.00997113739108719),
        ((8, 8, 8, 8, 8), (4, 4, 5, 3, 4), 0.987807455041576),
    ],
)
def test_the_exact_test_is_rs(sizes, positives, p):
    found, method = exact_p(np.array(sizes), np.array(positives))
    assert method == "fisher_exact"
    assert found == pytest.approx(p, rel=1e-9)


def test_drawn_tables_agree_with_all_tables(monkeypatch):
    sizes, positives = np.array([30, 22, 15]), np.array([20, 8, 3])
    exact, _ = exact_p(sizes, positives)
    monkeypatch.setitem(exact_p.__globals__, "MOST_TABLES", 10)
    drawn, method = exact_p(sizes, positives)
    assert method == "fisher_drawn"
    assert drawn == pytest.approx(exact, abs=0.003)


def test_weighted_pairs_are_the_auc_of_repeated_rows():
    rng = np.random.default_rng(0)
    y, score = rng.integers(0, 2, 30), rng.normal(size=30).round(1)
    weights = bootstrap_weights(np.arange(30) // 2, 5, 0)
    won, pairs = weighted_pairs(y == 1, score, weights)
    for one, a, b in zip(weights.astype(int), won, pairs, strict=True):
        assert a / b == pytest.approx(roc_auc_score(np.repeat(y, one), np.repeat(score, one)))
