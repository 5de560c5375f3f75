"""What numbers give away: each fault by its own check, and clean frames by none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

import tumor_response as tr
from tests.unit.evaluation.leakage.planted_faults import cohort
from tumor_response.evaluation.leakage.findings import Checked
from tumor_response.evaluation.leakage.suspected import LookedAt, suspected_findings
from tumor_response.evaluation.leakage.suspected.cuts import cut_findings
from tumor_response.evaluation.leakage.suspected.duplicates import duplicate_findings
from tumor_response.evaluation.leakage.suspected.filled import filled_findings
from tumor_response.evaluation.leakage.suspected.made_rows import made_rows
from tumor_response.evaluation.leakage.suspected.near_outcome import near_outcome_findings
from tumor_response.evaluation.leakage.suspected.same_person import same_person_findings
from tumor_response.evaluation.leakage.suspected.sites import site_findings
from tumor_response.evaluation.leakage.suspected.telling import telling_findings

SCALED = "columns scaled over all rows"
TURNED = "components or residuals of all rows"
FILLED = "gaps filled from all rows"
NEAR = "near-duplicate rows of different patients"
SHARED = "values that two patients share to the last digit"
NAMES = "patients under two names"
LATER = "columns named after the follow-up"
EQUAL = "values equal to an outcome's"
ORDER = "columns in the order of an outcome"
APART = "columns that tell the classes apart all but perfectly"
GIVES = "columns that give the outcome away beside the baseline volume"
SITES = "columns harmonised over all rows"
CUT = "a cut of the outcome that all rows decide"
FLAG = "predictors cut where all rows say"
GAPS = "gaps follow the classes"
MEANS = "values that are the mean outcome of their rows"
BETWEEN = "rows on the straight line between two others"
ALIKE = "patients alike in all that is said of the person"
ENDINGS = "names that look like lesions of a patient"
CHOSEN = "columns chosen, or values changed, before they came here"


def found(
    X: pd.DataFrame,
    outcomes: pd.DataFrame,
    y: pd.Series | None = None,
    given: bool = True,
    is_proven: bool = False,
    by: Callable[[LookedAt], Iterable[Checked]] | None = None,
) -> dict[str, str]:
    """Status by check, the continuous end point being cut in the resamples if ``y`` is None."""
    rate = outcomes["rate_percent_per_day"]
    classes = rate.gt(rate.median()).astype(float) if y is None else y
    study = LookedAt(
        frame=X,
        predictors=[str(name) for name in X if not str(name).startswith("meta__")],
        y=rate if y is None else y,
        classes=classes,
        is_finished=y is not None,
        outcomes=outcomes if given else None,
    )
    findings = suspected_findings(study, is_proven) if by is None else by(study)
    return {one.check: one.status for one in findings}


def faults(*given: Any, **more: Any) -> set[str]:
    return {check for check, status in found(*given, **more).items() if status == "FAULT"}


def features(X: pd.DataFrame) -> list[str]:
    return [name for name in X if name.startswith("radiomics")]


def changed(X: pd.DataFrame, by: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    return X.assign(**dict(zip(features(X), by(X[features(X)].to_numpy()).T, strict=True)))


@pytest.mark.parametrize("seed", range(6))
def test_clean_frames_are_not_accused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, p, lesions = int(rng.integers(30, 120)), int(rng.choice([6, 60, 150])), 1 + seed % 2
    X, outcomes = cohort(n, p, lesions, seed)
    if seed % 3 == 0:
        X = changed(X, lambda v: np.where(rng.random(v.shape) < 0.04, np.nan, v))
    elif seed % 3 == 1:
        X = changed(X, lambda v: np.log(v))  # features about 0, as a simulation may have them
    else:
        X = changed(X, lambda v: np.round(v, 2))
    assert not faults(X, outcomes)
    assert found(X, outcomes)[CHOSEN] == "NOT CHECKABLE"
    assert found(X, outcomes, is_proven=True)[CHOSEN] == "passed"


@pytest.mark.parametrize(
    "scaler",
    [
        StandardScaler(),
        StandardScaler(with_std=False),
        RobustScaler(),
        MinMaxScaler(),
        MaxAbsScaler(),
        PowerTransformer(),
        QuantileTransformer(n_quantiles=60),
        QuantileTransformer(n_quantiles=60, output_distribution="normal"),
    ],
    ids=lambda scaler: f"{type(scaler).__name__}{len(repr(scaler))}",
)
def test_scales_of_all_rows(scaler: Any) -> None:
    X, outcomes = cohort()
    single = isinstance(scaler, (StandardScaler, PowerTransformer))  # as a file may keep them
    scaled = changed(X, lambda v: scaler.fit_transform(v).astype("f4" if single else "f8"))
    assert SCALED in faults(scaled, outcomes)


def test_a_scale_of_the_evaluated_rows_and_a_rounded_one() -> None:
    X, outcomes = cohort()
    scaled = changed(X, lambda v: (v - v[:50].mean(axis=0)) / v[:50].std(axis=0, ddof=1))
    assert SCALED not in faults(scaled, outcomes)
    y = outcomes["rate_percent_per_day"].gt(0.9).astype(float)
    y.iloc[50:] = np.nan
    assert SCALED in faults(scaled, outcomes, y=y)
    rounded = changed(X, lambda v: StandardScaler().fit_transform(v).round(3))
    assert SCALED in faults(rounded, outcomes)


def test_components_and_residuals_of_all_rows() -> None:
    X, outcomes = cohort()
    turned = changed(X, lambda v: PCA().fit_transform(v) + 5.0)
    assert TURNED in faults(turned, outcomes)
    volume = X["clinical__volume_cc"].to_numpy()

    def residuals(v: np.ndarray) -> np.ndarray:
        design = np.column_stack([np.ones(len(v)), volume])
        return v - (design[:, 1:] @ np.linalg.lstsq(design, v, rcond=None)[0][1:])

    assert TURNED in faults(changed(X, residuals), outcomes)


@pytest.mark.parametrize(
    "imputer",
    [SimpleImputer(), SimpleImputer(strategy="median"), KNNImputer(), KNNImputer(n_neighbors=3)],
    ids=["mean", "median", "knn5", "knn3"],
)
def test_gaps_filled_from_all_rows(imputer: Any) -> None:
    X, outcomes = cohort()
    gaps = np.random.default_rng(0).random((60, 12)) < 0.04
    holed = changed(X, lambda v: np.where(gaps, np.nan, v))
    assert found(holed, outcomes)[FILLED] == "passed"
    assert FILLED in faults(changed(holed, imputer.fit_transform), outcomes)
    constant = changed(holed, lambda v: np.where(gaps, -1.0, v))
    assert FILLED not in faults(constant, outcomes)


def test_gaps_filled_by_the_class_give_it_away() -> None:
    X, outcomes = cohort()
    rate = outcomes["rate_percent_per_day"]
    y = rate.gt(rate.median())
    holed = changed(
        X, lambda v: np.where(np.random.default_rng(1).random(v.shape) < 0.1, np.nan, v)
    )
    filled = holed.copy()
    for part in (y, ~y):
        rows = holed.loc[part, features(X)]
        filled.loc[part, features(X)] = rows.fillna(rows.median())
    assert FILLED in faults(filled, outcomes)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_duplicate_patient(noise: float) -> None:
    X, outcomes = cohort(seed=3)
    numbers = X.select_dtypes("number").columns
    spread = X[numbers].quantile(0.75) - X[numbers].quantile(0.25)
    copy = X[numbers].iloc[7] + noise * spread * np.random.default_rng(0).normal(size=len(numbers))
    double = X.copy()
    double.loc[double.index[21], numbers] = copy
    assert NEAR in faults(double, outcomes)
    if not noise:
        assert SHARED in faults(double, outcomes)
    # other units are no other patient
    assert NEAR in faults(changed(double, lambda v: v * 1000.0), outcomes)


def test_a_patient_under_two_names() -> None:
    X, outcomes = cohort(n=40)
    X["clinical__weight_kg"] = np.random.default_rng(0).normal(75, 12, 40)
    X["clinical__height_cm"] = np.random.default_rng(1).normal(170, 9, 40)
    assert SHARED not in faults(X, outcomes)
    own = ["clinical__weight_kg", "clinical__height_cm"]
    two = X.copy()
    two.loc[two.index[5], own] = X.loc[X.index[4], own]
    assert SHARED in faults(two, outcomes)
    for name in ("p001", "P 001", "P001_2", "P1"):
        tuples = [(name if at == 9 else key[0], key[1]) for at, key in enumerate(X.index)]
        index = pd.MultiIndex.from_tuples(tuples, names=X.index.names)
        renamed = [frame.set_axis(index, axis=0) for frame in (X, outcomes)]
        assert NAMES in faults(*renamed), name


def test_columns_that_know_the_outcome() -> None:
    X, outcomes = cohort()
    rng = np.random.default_rng(0)
    rate = outcomes["rate_percent_per_day"]
    label = rate.gt(rate.median()).astype(float)
    flipped = label.where(np.arange(60) != 11, 1 - label)

    def with_column(values: Any, **given: Any) -> set[str]:
        return faults(X.assign(radiomics__original__new=values), outcomes, **given)

    assert EQUAL in with_column(1 - flipped)
    assert APART in with_column(label + rng.normal(0, 0.2, 60))
    assert ORDER in with_column(-3 * rate**3)
    assert GIVES in with_column(outcomes["volume_follow_up_cc"] * rng.normal(1, 0.005, 60))
    diameter = np.cbrt(outcomes["volume_follow_up_cc"])
    assert GIVES in with_column(diameter, given=False, y=label)
    assert EQUAL in with_column(outcomes["interval_days"])
    assert LATER in faults(X.assign(clinical__volume_follow_up=1.0), outcomes)


def test_a_strong_predictor_is_no_copy() -> None:
    X, outcomes = cohort(n=120)
    rate = outcomes["rate_percent_per_day"]
    strong = rate + rate.std() * np.random.default_rng(0).normal(0, 0.6, 120)
    assert abs(np.corrcoef(strong, rate)[0, 1]) > 0.8
    assert not faults(X.assign(radiomics__original__new=strong), outcomes)


def combat(values: np.ndarray, site: np.ndarray) -> np.ndarray:
    """Parametric empirical Bayes (Johnson, Li and Rabinovic 2007), written out slowly."""
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    adjusted = z.copy()
    for s in np.unique(site):
        n, shift = (site == s).sum(), z[site == s].mean(axis=0)
        variance = z[site == s].var(axis=0, ddof=1)
        tau = shift.var(ddof=1)  # over the features of a site
        shrunk = (tau * n * shift + variance * shift.mean()) / (tau * n + variance)
        adjusted[site == s] = (z[site == s] - shrunk) / np.sqrt(variance)
    return adjusted * values.std(axis=0) + values.mean(axis=0)


@pytest.mark.parametrize("how", ["combat", "per site"])
def test_harmonised_sites(how: str) -> None:
    X, outcomes = cohort(n=90, p=40)
    site = X["meta__site"].to_numpy()
    effect = np.exp(np.random.default_rng(0).normal(0.0, 0.7, 40))
    raw = changed(X, lambda v: np.where((site == "A")[:, None], v * effect, v))
    assert SITES not in faults(raw, outcomes)

    def per_site(v: np.ndarray) -> np.ndarray:
        for s in ("A", "B"):
            v = np.where((site == s)[:, None], v - v[site == s].mean(axis=0) + 7.0, v)
        return v

    by = per_site if how == "per site" else lambda v: combat(v, site)
    assert SITES in faults(changed(raw, by), outcomes)
    without = found(raw.drop(columns="meta__site"), outcomes)
    assert without[SITES] == "NOT CHECKABLE"


def test_cuts_of_all_rows() -> None:
    X, outcomes = cohort()
    rate = outcomes["rate_percent_per_day"]
    for cut in ("median", "upper_tertile"):
        label = tr.label_responders(outcomes, cut=cut)
        assert CUT in faults(X, outcomes, y=label)
        assert found(X, outcomes, y=label, given=False)[CUT] == "NOT CHECKABLE"
    # without a word of where the cut comes from, a round number near it is believed as well
    guessed = 0
    for seed in range(5):
        frame, known = cohort(seed=seed, p=6)
        label = tr.label_responders(known)
        label.attrs = {}
        guessed += CUT in faults(frame, known, y=label)
    assert guessed >= 3
    fixed = tr.label_responders(outcomes, by="shrinkage_percent", cut=30.0)
    assert found(X, outcomes, y=fixed)[CUT] == "passed"
    assert found(X, outcomes)[CUT] == "passed"
    feature = X[features(X)[0]]
    flag = feature.gt(feature.median()).astype(float)
    assert FLAG in faults(X.assign(clinical__high=flag), outcomes)
    y = rate.gt(rate.median())
    ordered = np.sort(feature)
    youden = [abs((feature[y] > cut).mean() - (feature[~y] > cut).mean()) for cut in ordered]
    best = feature.gt(ordered[int(np.argmax(youden))]).astype(float)
    assert FLAG in faults(X.assign(clinical__high=best), outcomes)


def test_a_round_cut_between_the_middle_rows_is_no_statistic() -> None:
    X, outcomes = cohort()
    shrinkage = outcomes["shrinkage_percent"]
    middle = shrinkage.sort_values().iloc[29:31].mean()
    moved = outcomes.assign(shrinkage_percent=shrinkage - middle + 35.001)
    label = moved["shrinkage_percent"].gt(35.0).astype(float)
    only = moved.drop(columns=[c for c in moved if c.startswith("log_") or "change" in c])
    assert found(X, only, y=label, by=cut_findings)[CUT] == "NOT CHECKABLE"
    label.attrs = {"cut": 35.0, "by": "shrinkage_percent"}
    assert found(X, moved, y=label, by=cut_findings)[CUT] == "passed"
    label.attrs["cut"] = float(moved["shrinkage_percent"].median())
    assert CUT in faults(X, moved, y=label, by=cut_findings)


@pytest.mark.parametrize(("cut", "status"), [(0.95, "passed"), (0.9371, "NOT CHECKABLE")])
def test_a_cut_given_as_a_number(cut: float, status: str) -> None:
    X, outcomes = cohort()
    rate = outcomes["rate_percent_per_day"]

    def said(number: float) -> str:
        study = LookedAt(
            frame=X,
            predictors=features(X),
            y=rate,
            classes=rate.gt(number).astype(float),
            is_finished=True,
            outcomes=None,
            fixed_cut=number,
        )
        return next(one.status for one in cut_findings(study) if one.check == CUT)

    assert said(cut) == status
    assert said(float(rate.median())) == "FAULT"


def test_the_baseline_volume_gives_no_change_in_cc_away() -> None:
    X, outcomes = cohort(n=100)
    share = 0.01 * outcomes["shrinkage_percent"].clip(22, 34)
    steady = outcomes[["volume_baseline_cc", "rate_percent_per_day"]].assign(
        volume_change_cc=-share * outcomes["volume_baseline_cc"]
    )
    volume = X["clinical__volume_cc"]
    assert volume.corr(steady["volume_change_cc"], method="spearman") < -0.95
    assert not faults(X, steady, by=near_outcome_findings)


def test_limits_of_detection_and_scaled_counts_are_shared_by_chance() -> None:
    X, outcomes = cohort(n=80)
    rng = np.random.default_rng(0)
    marker = rng.lognormal(1.0, 1.0, 80)
    ordered = np.sort(marker)
    clipped = np.clip(marker, ordered[1], ordered[-2])  # two patients at either limit
    assert not faults(X.assign(clinical__marker=clipped), outcomes, by=duplicate_findings)

    def both(study: LookedAt) -> list[Checked]:
        return [*duplicate_findings(study), *filled_findings(study)]

    counts = np.round(np.exp(rng.normal(5.0, 0.6, 80))) * 0.0137
    assert not faults(X.assign(clinical__count=counts), outcomes, by=both)


def test_the_site_of_a_tumour_is_nothing_to_harmonise_by() -> None:
    X, outcomes = cohort(n=90, p=40)
    site = X["meta__site"].to_numpy()

    def alike(v: np.ndarray) -> np.ndarray:
        for s in ("A", "B"):
            v = np.where((site == s)[:, None], v - v[site == s].mean(axis=0) + 7.0, v)
        return v

    same = changed(X, alike)
    assert SITES in faults(same, outcomes, by=site_findings)
    for name in ("clinical__subsite", "clinical__tumour_site"):
        assert SITES not in faults(
            same.rename(columns={"meta__site": name}), outcomes, by=site_findings
        )


def test_gaps_that_follow_the_classes() -> None:
    X, outcomes = cohort()
    rate = outcomes["rate_percent_per_day"]
    good = rate.gt(rate.median()).to_numpy()
    values = np.random.default_rng(0).normal(250, 60, 60).round()
    other = good.copy()
    other[[3, 40]] = ~other[[3, 40]]
    assert GAPS in faults(
        X.assign(clinical__platelets=np.where(other, np.nan, values)), outcomes, by=telling_findings
    )
    some = np.random.default_rng(1).random(60) < np.where(good, 0.6, 0.2)
    with_gaps = X.assign(clinical__platelets=np.where(some, np.nan, values))
    assert GAPS not in faults(with_gaps, outcomes, by=telling_findings)


@pytest.mark.parametrize("of", ["class", "rate"])
def test_categories_replaced_by_mean_outcomes(of: str) -> None:
    X, outcomes = cohort()
    rate = outcomes["rate_percent_per_day"]
    y = rate.gt(rate.median()).astype(float) if of == "class" else rate
    subsite = np.random.default_rng(0).integers(0, 6, 60)
    encoded = y.groupby(subsite).transform("mean")
    assert MEANS in faults(X.assign(clinical__subsite=encoded), outcomes, by=telling_findings)
    half = np.arange(60) % 2 == 0  # means of other patients
    others = pd.Series(subsite, index=X.index).map(y[half].groupby(subsite[half]).mean())
    assert MEANS not in faults(
        X[~half].assign(clinical__subsite=others), outcomes[~half], by=telling_findings
    )


def test_rows_made_between_two_patients() -> None:
    X, outcomes = cohort(n=60, p=30)
    rng = np.random.default_rng(0)
    made = X.copy()
    numbers = X.select_dtypes("number").columns
    for row in (50, 53, 57):
        one, other = rng.choice(40, 2, replace=False)
        way = rng.random()
        between = X[numbers].iloc[one] * (1 - way) + X[numbers].iloc[other] * way
        made.loc[made.index[row], numbers] = between
    assert BETWEEN in faults(made, outcomes, by=lambda study: [made_rows(study)])
    line = np.outer(np.arange(60.0) ** 1.5, np.arange(1.0, 31.0))  # all rows on one line
    assert BETWEEN not in faults(
        changed(X, lambda _: line), outcomes, by=lambda study: [made_rows(study)]
    )


def test_lesions_given_as_patients() -> None:
    X, outcomes = cohort(n=60)
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), [2] * 20 + [1] * 20)
    person = {
        "clinical__age": rng.normal(62, 9, 40).round(1)[of],
        "clinical__haemoglobin": rng.normal(13.5, 1.6, 40).round(1)[of],
        "clinical__stage": rng.integers(1, 5, 40).astype(float)[of],
        "meta__day": rng.integers(0, 2000, 40)[of],
        "meta__site": rng.choice(["A", "B"], 40)[of],
    }
    lesions = X.assign(**person)
    assert ALIKE in faults(lesions, outcomes, by=same_person_findings)
    apart = lesions.assign(meta__day=np.arange(60), clinical__age=rng.normal(62, 9, 60).round())
    assert ALIKE not in faults(apart, outcomes, by=same_person_findings)
    names = [f"HN-{100 + patient:04d}_{1 + at % 2}" for at, patient in enumerate(of)]
    hospitals = [f"H{1 + at % 4}-{at // 4}" for at in range(60)]
    for given, accused in ((names, True), (hospitals, False)):
        index = pd.MultiIndex.from_product([given, ["1"]], names=X.index.names)
        renamed = [frame.set_axis(index, axis=0) for frame in (X, outcomes)]
        assert (ENDINGS in faults(*renamed, by=same_person_findings)) == accused


def test_gaps_filled_by_site() -> None:
    X, outcomes = cohort(n=80)
    gaps = np.random.default_rng(0).random((80, 12)) < 0.25
    holed = changed(X, lambda v: np.where(gaps, np.nan, v))
    of_site = holed.groupby("meta__site")[features(X)].transform("median")
    assert FILLED in faults(holed.fillna(of_site), outcomes, by=filled_findings)


def test_what_nobody_can_know_is_said() -> None:
    statuses = found(*cohort())
    for check in ("whether two names are one person", "settings chosen beforehand"):
        assert statuses[check] == "NOT CHECKABLE"
