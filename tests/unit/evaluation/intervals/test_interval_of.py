"""Which interval an evaluation gets, and how it behaves on whole evaluations."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import tumor_response as tr
from tumor_response.evaluation import RepeatedKFold, TemporalSplit
from tumor_response.evaluation.intervals import (
    METHODS,
    default_method,
    delong,
    interval_of,
    intervals_of,
)
from tumor_response.exceptions import EvaluationError

BOOTSTRAP = tr.Bootstrap632Plus(n_resamples=60, seed=3)
SCHEMES = {
    "bootstrap": BOOTSTRAP,
    "folds": RepeatedKFold(n_folds=4, n_repeats=3),
    "test_set": TemporalSplit(train_share=0.6),
}


COVERAGE = Path(__file__).parents[4] / "benchmarks" / "results" / "coverage.csv"


def test_what_is_said_of_coverage_is_what_was_measured() -> None:
    table = pd.read_csv(COVERAGE)
    for key, method in METHODS.items():
        for kind, name in (("bootstrap", key), ("folds", f"folds: {key}")):
            measured = 100 * table.loc[table["method"] == name, "coverage"]
            if kind not in method.kinds:
                assert measured.empty, name
                continue
            found = f"{measured.min():.0f} to {measured.max():.0f} %"
            assert found in method.explanation, name
    assert set(table["p"]) == {1, 5, 1500}
    assert (table["studies"] >= 500).all()


def study(
    n: int = 40, p: int = 3, lesions: int = 1, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    X = pd.DataFrame(rng.normal(size=(len(index), p)), index=index).add_prefix("a__x__")
    rate = X["a__x__0"] + rng.normal(size=len(index))
    X["meta__date"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        np.repeat(np.arange(n), lesions), unit="D"
    )
    return X, rate.rename("rate")


@functools.cache
def evaluated(
    task: str = "response", scheme: str = "bootstrap", p: int = 3, lesions: int = 1
) -> tr.EvaluationResult:
    return evaluate(task, SCHEMES[scheme], p, lesions)


def evaluate(
    task: str = "response", scheme: object = BOOTSTRAP, p: int = 3, lesions: int = 1
) -> tr.EvaluationResult:
    X, rate = study(p=p, lesions=lesions)
    classes = {"response": 2, "tertiles": 3}
    y = rate if task == "rate" else pd.qcut(rate, classes[task], labels=False).astype(float)
    model = Ridge() if task == "rate" else LogisticRegression()
    columns = [column for column in X if column.startswith("a__")]
    return tr.evaluate({"m": model}, X, y, scheme, blocks={"a": columns})


@pytest.mark.parametrize("task", ["response", "rate", "tertiles"])
@pytest.mark.parametrize("kind", ["bootstrap", "folds", "test_set"])
def test_every_method_that_serves_gives_limits(task: str, kind: str) -> None:
    result = evaluated(task, kind)
    table = intervals_of(result, "m")
    assert table.index[0] == default_method(result)
    assert set(table.index) == {
        key for key, known in METHODS.items() if kind in known.kinds and task in known.tasks
    }
    made = table["code"].isna()
    # 60 resamples can be too few for the jackknife, which says so
    assert set(table.index[~made]) <= {"jackknife_after_bootstrap"}
    assert set(table["code"].dropna()) <= {"too_few_resamples"}
    assert (table["low"] < table["high"])[made].all()
    headline = result.summary().loc["m", result.headline]
    assert table.iloc[0]["low"] < headline < table.iloc[0]["high"]


@pytest.mark.parametrize("kind", ["bootstrap", "folds", "test_set"])
def test_a_higher_level_holds_a_lower_one(kind: str) -> None:
    result = evaluated(scheme=kind)
    for key in intervals_of(result, "m")["low"].dropna().index:
        narrow, wide = (interval_of(result, "m", key, level) for level in (0.8, 0.99))
        assert wide.low <= narrow.low < narrow.high <= wide.high


def with_scores(result: tr.EvaluationResult, change: object) -> tr.EvaluationResult:
    """The same evaluation as if the model's scores had been others."""

    def value(y: np.ndarray, score: np.ndarray) -> float:
        return float(tr.evaluation.auc(y, score))

    changed = []
    for one in result.out_of_bag:
        score = change(one.scores["m"])
        changed.append(replace(one, scores={"m": score}, values={"m": value(one.y_test, score)}))
    return replace(result, out_of_bag=changed)


RANKS_ALONE = [
    "oob_combined",
    "oob_influence",
    "delta_after_bootstrap",
    "jackknife_after_bootstrap",
    "corrected_resampled",
    "oob_percentile",
]


@pytest.mark.parametrize("method", RANKS_ALONE)
def test_only_the_order_of_scores_counts_and_turning_them_mirrors(method: str) -> None:
    result = evaluated()
    found = interval_of(result, "m", method)
    same = interval_of(with_scores(result, lambda score: np.log(score) ** 3), "m", method)
    turned = interval_of(with_scores(result, lambda score: -score), "m", method)
    assert (same.low, same.high) == pytest.approx((found.low, found.high), abs=1e-12)
    assert (turned.low, turned.high) == pytest.approx((1 - found.high, 1 - found.low), abs=1e-12)


def test_the_default_is_the_wider_of_the_two_it_is_made_of() -> None:
    result = evaluated()
    two = [interval_of(result, "m", key) for key in ("oob_influence", "corrected_resampled")]
    found = interval_of(result, "m")
    assert found.method == "oob_combined"
    assert found.width >= max(one.width for one in two) - 1e-12
    assert found.width <= 1.02 * max(one.width for one in two)  # Student's t instead of z


def test_more_columns_than_patients_are_refused_by_the_shifted_bootstrap() -> None:
    result = evaluated(p=150)
    with pytest.raises(EvaluationError, match="hardly vary") as refusal:
        interval_of(result, "m", "location_shifted")
    assert refusal.value.code == "apparent_hardly_varies"
    table = intervals_of(result, "m")
    shifted = table.index.str.startswith("location_shifted")
    assert (table.loc[shifted, "code"] == "apparent_hardly_varies").all()
    assert table.loc[shifted, ["low", "high"]].isna().all(axis=None)
    assert table.loc[table["code"].isna(), ["low", "high"]].notna().all(axis=None)


def test_one_test_set_is_delong_or_with_several_lesions_obuchowski() -> None:
    single = evaluated(scheme="test_set")
    test, one = single.resamples[0].test, single.out_of_bag[0]
    assert default_method(single) == "delong"
    found = interval_of(single, "m")
    expected = delong(one.y_test, one.scores["m"], test).limits(scale="logit")
    assert (found.low, found.high) == expected
    several = evaluated(scheme="test_set", lesions=2)
    assert default_method(several) == "obuchowski"
    with pytest.raises(EvaluationError) as refusal:
        interval_of(several, "m", "delong")
    assert refusal.value.code == "repeated_patients"


def test_the_jackknife_of_a_test_set_is_near_delong() -> None:
    result = evaluate(scheme=TemporalSplit(train_share=0.4))
    delong_limits, jackknife = interval_of(result, "m"), interval_of(result, "m", "jackknife")
    assert jackknife.width == pytest.approx(delong_limits.width, rel=0.05)


def test_lesions_of_a_patient_are_not_counted_as_so_many_patients() -> None:
    """Every patient's lesion written down three times changes no interval of the bootstrap."""
    X, rate = study()
    y = (rate > rate.median()).astype(float)
    thrice = pd.concat(
        [X.rename(index={"0": str(copy)}, level="lesion_id") for copy in range(3)]
    ).sort_index()
    columns = {"a": [column for column in X if column.startswith("a__")]}
    y_thrice = pd.Series(np.repeat(y.sort_index().to_numpy(), 3), index=thrice.index)
    model = {"m": LogisticRegression(C=1e6, tol=1e-10, max_iter=1000)}
    scheme = tr.Bootstrap632Plus(n_resamples=40)
    one = tr.evaluate(model, X, y, scheme, blocks=columns)
    three = tr.evaluate(model, thrice, y_thrice, scheme, blocks=columns)
    for method in ("oob_influence", "delta_after_bootstrap", "jackknife_after_bootstrap"):
        first, second = interval_of(one, "m", method), interval_of(three, "m", method)
        assert (second.low, second.high) == pytest.approx((first.low, first.high), abs=1e-3)


def test_too_few_resamples_for_the_jackknife() -> None:
    result = evaluate(scheme=tr.Bootstrap632Plus(n_resamples=4))
    with pytest.raises(EvaluationError, match="Take more resamples") as refusal:
        interval_of(result, "m", "jackknife_after_bootstrap")
    assert refusal.value.code == "too_few_resamples"


@pytest.mark.parametrize(
    ("name", "method", "level", "code"),
    [
        ("m", "wald", 0.95, "interval_method"),
        ("m", "delong", 0.95, "interval_method"),
        ("m", None, 95, "level"),
        ("other", None, 0.95, "unknown_model"),
    ],
)
def test_what_is_refused(name: str, method: str | None, level: float, code: str) -> None:
    result = evaluate(scheme=tr.Bootstrap632Plus(n_resamples=4))
    with pytest.raises(EvaluationError) as refusal:
        interval_of(result, name, method, level)
    assert refusal.value.code == code
