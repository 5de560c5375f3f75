"""Schemes: patients whole, strata kept, splits as the cohort's columns say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation import (
    ExternalSet,
    LeaveOneSiteOut,
    NestedCV,
    RepeatedKFold,
    TemporalSplit,
)
from tumor_response.evaluation.sampling import SchemeRows
from tumor_response.exceptions import EvaluationError, SettingsError
from tumor_response.models import PatientKFold


def rows_of(
    patients: list[int], balance: list[int], columns: dict[str, list] | None = None
) -> SchemeRows:
    names = np.array(patients)
    y = np.array(balance)

    def is_usable(train, test) -> bool:
        return len(set(y[train])) > 1 and len(set(y[test])) > 1

    return SchemeRows(pd.DataFrame(columns or {}, index=range(len(names))), names, y, is_usable)


@st.composite
def cohorts(draw):
    """Patients with one to three lesions, ten or more of either stratum."""
    n = draw(st.integers(20, 40))
    lesions = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    responds = draw(st.permutations([1] * 10 + [0] * (n - 10)))
    patients = [name for name, times in enumerate(lesions) for _ in range(times)]
    return rows_of(patients, [responds[name] for name in patients])


@given(cohorts(), st.integers(2, 5), st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_folds_hold_whole_patients_and_every_patient_once_in_a_repeat(rows, n_folds, seed):
    scheme = RepeatedKFold(n_folds=n_folds, n_repeats=2, seed=seed)
    resamples = scheme.resamples(rows)
    assert len(resamples) == 2 * n_folds
    for one in resamples:
        assert not set(rows.patients[one.train]) & set(rows.patients[one.test])
    for repeat in range(2):
        tested = np.concatenate([one.test for one in resamples if one.repeat == repeat])
        assert sorted(tested) == list(range(len(rows.patients)))
        responders = [
            len({p for p in rows.patients[one.test] if rows.balance[rows.patients == p].max()})
            for one in resamples
            if one.repeat == repeat
        ]
        assert max(responders) - min(responders) <= 1


@given(cohorts(), st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_the_bootstrap_draws_as_many_patients_of_each_stratum_as_there_are(rows, seed):
    for one in tr.Bootstrap632Plus(n_resamples=3, seed=seed).resamples(rows):
        assert not set(rows.patients[one.train]) & set(rows.patients[one.test])
        times = pd.Series(rows.patients[one.train]).value_counts()
        sizes = pd.Series(rows.patients).value_counts()
        copies = times / sizes[times.index]
        assert (copies == copies.round()).all()
        stratum = pd.Series(rows.balance).groupby(rows.patients).max()
        drawn = copies.groupby(stratum[copies.index]).sum()
        assert drawn.to_dict() == stratum.value_counts().to_dict()


def test_a_repeat_does_not_depend_on_how_many_follow():
    rows = rows_of(list(range(30)), [1] * 12 + [0] * 18)
    few = RepeatedKFold(n_repeats=2, seed=3).resamples(rows)
    many = RepeatedKFold(n_repeats=5, seed=3).resamples(rows)
    assert all((a.test == b.test).all() for a, b in zip(few, many, strict=False))
    other = RepeatedKFold(n_repeats=2, seed=4).resamples(rows)
    assert any(
        len(a.test) != len(b.test) or (a.test != b.test).any()
        for a, b in zip(few, other, strict=True)
    )


def test_more_folds_than_patients_of_a_class_are_refused():
    with pytest.raises(EvaluationError, match="n_folds=3 at most") as caught:
        RepeatedKFold(n_folds=5).resamples(rows_of(list(range(20)), [1] * 3 + [0] * 17))
    assert caught.value.code == "too_few_patients"


def test_each_site_is_left_out_once_in_the_order_of_names():
    site = ["B"] * 6 + ["A"] * 6 + ["C"] * 2
    rows = rows_of(list(range(14)), [0, 1] * 6 + [0, 0], {"meta__site": site})
    resamples = LeaveOneSiteOut().resamples(rows)
    assert [one.name for one in resamples] == ["A", "B", "C"]
    for one in resamples:
        assert {site[row] for row in one.test} == {one.name}
        assert one.name not in {site[row] for row in one.train}


def test_a_site_of_one_class_has_scores_and_no_auc(table):
    X, rate = table(40)
    rate = rate.sort_values()
    X = X.loc[rate.index]
    X["meta__site"] = ["C"] * 8 + ["A", "B"] * 16
    y = (rate > rate.median()).astype(float)
    result = tr.evaluate(tr.make_model("volume_only"), X, y, LeaveOneSiteOut())
    frame = result.by_resample().set_index("name")
    assert np.isnan(frame.loc["C", "value"])
    assert np.isfinite(frame.loc[["A", "B"], "value"]).all()
    row = result.summary().iloc[0]
    assert row["n_undefined"] == 1
    assert row["auc_cv"] == pytest.approx(frame["value"].mean())
    assert result.bagged_scores.notna().all().all()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["A"] * 8, "all evaluated patients are of one site"),
        (["A", "B", None, "A", "B", "A", "B", "A"], "have no value there"),
        (["A", "B", "A", "A", "B", "A", "B", "B"], "lesions with different values"),
    ],
)
def test_sites_that_cannot_be_told_are_refused(column, message):
    patients = [0, 1, 2, 3, 4, 5, 6, 0 if "different" in message else 7]
    with pytest.raises(EvaluationError, match=message):
        LeaveOneSiteOut().resamples(rows_of(patients, [0, 1] * 4, {"meta__site": column}))
    with pytest.raises(EvaluationError, match="no such column"):
        LeaveOneSiteOut(column="meta__ward").resamples(rows_of(patients, [0, 1] * 4))


def test_time_splits_by_a_day_or_by_a_share():
    dates = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-03", "2020-01-05", "2020-01-06"]
    rows = rows_of(list(range(6)), [0, 1, 0, 1, 0, 1], {"meta__date": dates})
    (by_day,) = TemporalSplit(cutoff="2020-01-03").resamples(rows)
    assert (by_day.train.tolist(), by_day.test.tolist()) == ([0, 1], [2, 3, 4, 5])
    (by_share,) = TemporalSplit(train_share=0.5).resamples(rows)
    assert by_share.train.tolist() == [0, 1, 2, 3], "patients of one day stay together"
    with pytest.raises(SettingsError, match="one of cutoff and train_share"):
        TemporalSplit()
    with pytest.raises(EvaluationError, match="a side lacks a class"):
        TemporalSplit(cutoff="2030-01-01").resamples(rows)
    rows.X["meta__date"] = "some day"
    with pytest.raises(EvaluationError, match="not all values are dates"):
        TemporalSplit(train_share=0.5).resamples(rows)


def test_an_external_set_is_what_a_column_says():
    site = ["A", "A", "B", "B", "A", "C"]
    rows = rows_of(list(range(6)), [0, 1, 0, 1, 0, 1], {"meta__site": site})
    (one,) = ExternalSet(values=("B", "C")).resamples(rows)
    assert (one.test.tolist(), one.name) == ([2, 3, 5], "B, C")
    with pytest.raises(EvaluationError, match="no evaluated patient has 'D'"):
        ExternalSet(values=("D",)).resamples(rows)


def test_with_a_fixed_test_set_the_cut_and_the_apparent_auc_know_the_training_rows_alone(table):
    X, rate = table(40)
    X["meta__site"] = ["A"] * 30 + ["B"] * 10
    shifted = rate.where(X["meta__site"] == "A", rate + 100.0)
    mixed = shifted.copy()
    mixed.iloc[30:34] = -100.0
    model = tr.make_model("volume_only")
    result = tr.evaluate(
        model, X, mixed, ExternalSet(values=("B",)), label=tr.ResponderCut("median")
    )
    assert result.out_of_bag[0].cut == pytest.approx(rate.iloc[:30].median())
    assert result.headline == "auc_test"
    scores = result.apparent_scores["model"]
    assert np.isfinite(scores[:30]).all()
    assert np.isnan(scores[30:]).all()


def test_schemes_go_into_json_and_back():
    for scheme in (
        RepeatedKFold(n_folds=3),
        NestedCV(n_inner_folds=4),
        LeaveOneSiteOut(),
        TemporalSplit(cutoff="2021-04-30"),
        ExternalSet(values=("B",)),
    ):
        again = type(scheme).from_json(scheme.to_json())
        assert again == scheme
        assert again.sha256 == scheme.sha256


def test_nested_folds_score_the_choice_as_well(table):
    X, rate = table(50)
    y = (rate > rate.median()).astype(float)
    models = {
        "volume_only": tr.make_model("volume_only"),
        "plain": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    scheme = NestedCV(n_folds=3, n_inner_folds=3, seed=1)
    result = tr.evaluate(models, X, y, scheme)
    assert result.models == ["volume_only", "plain", "selected"]
    # the choice by hand, on each outer training set
    for one, resample in zip(result.out_of_bag, result.resamples, strict=True):
        train = X.iloc[resample.train]
        inner = {}
        for name, model in models.items():
            seen = train if name == "volume_only" else train.drop(columns="meta__site")
            scores = cross_val_score(
                model,
                seen,
                y.loc[train.index].astype(int),
                cv=PatientKFold(3, 1),
                scoring="roc_auc",
            )
            inner[name] = scores.mean()
        winner = max(inner, key=inner.get)
        np.testing.assert_allclose(one.scores["selected"], one.scores[winner], rtol=1e-9)
    with pytest.raises(EvaluationError, match="two or more by name") as caught:
        tr.evaluate(models["plain"], X, y, scheme)
    assert caught.value.code == "nothing_to_select"
