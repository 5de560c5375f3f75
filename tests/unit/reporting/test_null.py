"""Page one of studies with nothing to find: what chance puts above 0.5 is put in its place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

import tumor_response as tr
from tumor_response.evaluation.comparison import BestOfK
from tumor_response.reporting.evidence import Evidence
from tumor_response.reporting.given import Given
from tumor_response.reporting.headline import BASELINES, describe_headline
from tumor_response.reporting.looked import Explained
from tumor_response.reporting.wording import Interval, shared_by_chance

CLAIM = "better than"


def lucky(seed: int, *names: str, n_models: int):
    """Return an evaluation of noise in which the models named are lucky, as some seeds will be.

    The luck is planted: their columns are shifted by the outcome of the 60 patients, so far that
    an interval lies above 0.5.
    """
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:02d}" for i in range(60)], name="patient_id")
    y = pd.Series(rng.permutation(np.arange(60) % 2).astype(float), index=index)
    columns = {f"m{k}": rng.normal(size=60) for k in range(n_models)}
    columns |= {"volume_only": rng.normal(size=60), "age": rng.normal(size=60)}
    for name in names:
        columns[name] = columns[name] + 0.62 * y.to_numpy()
    table = pd.DataFrame({f"{name}__x": columns[name] for name in columns if name[0] == "m"})
    table["clinical__volume_cc"] = np.exp(2 + 0.5 * columns["volume_only"])
    table["clinical__age"] = columns["age"]
    models = {name: tr.make_model(name) for name in BASELINES}
    for k in range(n_models):
        models[f"m{k}"] = tr.make_model("logistic", [f"m{k}"], Cs=(1.0,))
    scheme = tr.Bootstrap632Plus(n_resamples=100, seed=seed)
    return tr.evaluate(models, table.set_axis(index), y, scheme)


def page_one(result, headline: str, **given):
    return describe_headline(result, headline, Given(Evidence(result.models), Explained(), **given))


@pytest.fixture(scope="module")
def lucky_model():
    result = lucky(0, "m1", "m2", "m3", n_models=6)
    assert result.summary().loc["m1", "ci_low"] > 0.5  # or there is nothing to test here
    return result


@pytest.fixture(scope="module")
def lucky_volume():
    result = lucky(1, "volume_only", n_models=1)
    assert result.summary().loc["volume_only", "ci_low"] > 0.5
    return result


def test_a_baseline_above_chance_by_itself_is_spoken_of(lucky_volume) -> None:
    front = page_one(lucky_volume, "m0")
    assert front.conclusions.verdict == "null"
    (remark,) = (text for text in front.remarks if "The interval of “volume_only”" in text)
    assert "It is one of 3 that could have" in remark
    assert "Bonferroni" in remark
    assert CLAIM not in " ".join([front.conclusions.may, front.conclusions.may_not, remark])


def test_a_headline_chosen_after_the_fact_is_paid_for(lucky_model) -> None:
    front = page_one(lucky_model, "m1")
    assert front.best is not None
    assert front.best.name == "m1"
    assert front.conclusions.verdict == "null"
    assert "it is the best of 6 configurations, and less what that choice is worth" in (
        front.conclusions.may
    )
    assert CLAIM not in front.conclusions.may + front.conclusions.may_not


def plan(primary: str, before: int):
    return SimpleNamespace(
        plan=SimpleNamespace(primary=(primary, "volume_only")), n_evaluations_before=before
    )


@pytest.mark.parametrize(
    ("primary", "before", "verdict"),
    [("m1", 0, "separates"), ("m1", 1, "null"), ("m2", 0, "null")],
)
def test_only_a_plan_that_came_first_takes_the_choice_away(
    lucky_model, primary: str, before: int, verdict: str
) -> None:
    front = page_one(lucky_model, "m1", plan=plan(primary, before))
    assert front.conclusions.verdict == verdict


def test_the_lucky_one_among_others_is_no_finding_of_the_headline(lucky_model) -> None:
    front = page_one(lucky_model, "m4")
    assert front.conclusions.verdict == "null"
    assert any("“m1”" in remark and "one of 8" in remark for remark in front.remarks)
    strip = dict(front.strip.rows)
    assert "corrected for the choice" in strip["Configurations tried"]


def test_the_choice_is_paid_for_by_what_it_is_worth() -> None:
    from tumor_response.reporting.headline import _paid_for

    def best(name: str, corrected: float) -> BestOfK:
        return BestOfK(name, 0.7, corrected, 0.4, 0.8, 0.95, 9, 100, 0, "auc", {}, {})

    auc = Interval(0.7, 0.55, 0.85)
    assert _paid_for(auc, "m", None, None) == ""
    assert _paid_for(auc, "m", best("other", 0.5), None) == ""
    assert _paid_for(auc, "m", best("m", 0.66), None) == ""  # 0.55 - 0.04 is above 0.5
    assert "(0.06) the interval reaches 0.5" in _paid_for(auc, "m", best("m", 0.64), None)
    assert _paid_for(auc, "m", best("m, entry 3", 0.64), None) != ""


share = st.floats(0.5, 1, allow_nan=False, exclude_min=True)


@drawn(st.tuples(share, share, share).map(sorted), st.floats(0, 1), st.integers(2, 50))
def test_no_sentence_on_another_model_is_a_claim(limits, low: float, n_models: int) -> None:
    auc = Interval(limits[1], limits[0], limits[2])
    told = shared_by_chance("m", auc, Interval(auc.value, low, 1.0), n_models)
    assert CLAIM not in told
    assert ("it is no finding" in told) == (not low > 0.5)
    assert auc.auc() in told
