"""ComBat in the fold: recovery of known scanners, new sites, gaps, copies, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tests.unit.transformers.harmonise.tables import scanned
from tumor_response.exceptions import ModelError
from tumor_response.transformers import ComBat, MComBat, SiteQuantile, SiteZScore

STEPS = [
    ComBat(),
    ComBat(prior="non_parametric"),
    ComBat(mean_only=True),
    ComBat(reference="A"),
    MComBat("A"),
    SiteZScore(),
    SiteQuantile(),
]
each_step = pytest.mark.parametrize("step", STEPS, ids=repr)


def columns(frame: pd.DataFrame) -> np.ndarray:
    return frame.filter(like="radiomics__").to_numpy()


@pytest.mark.parametrize(
    "step",
    [ComBat(reference="A"), ComBat(reference="A", prior="non_parametric"), MComBat("A")],
    ids=repr,
)
def test_what_a_scanner_did_is_undone(step):
    X, clean, *_ = scanned({"A": 400, "B": 400})
    truth = clean.to_numpy()
    found = columns(step.fit_transform(X))
    at_a, at_b = (X["meta__site"] == "A").to_numpy(), (X["meta__site"] == "B").to_numpy()
    np.testing.assert_array_equal(found[at_a], truth[at_a])  # the reference stays as it is
    wrong_before = np.abs(columns(X)[at_b] - truth[at_b]).mean()
    # the truth is known up to the difference between two samples of 400
    assert np.abs(found[at_b] - truth[at_b]).mean() < 0.25 < 2.5 < wrong_before


def test_recovered_shifts_and_scales_are_the_scanners():
    X, _, added, factor = scanned({"A": 500, "B": 500})
    parameters = ComBat(reference="A").fit(X).site_parameters_["B"]
    assert np.corrcoef(parameters["shift"], added["B"])[0, 1] > 0.98
    assert np.corrcoef(1 / parameters["scale"], factor["B"])[0, 1] > 0.98


def test_shrinking_helps_a_small_site():
    errors = {}
    for prior in ("none", "parametric", "non_parametric"):
        total = []
        for seed in range(5):
            X, truth, *_ = scanned({"A": 80, "B": 6}, seed=seed)
            found = columns(ComBat(prior=prior, reference="A").fit_transform(X))
            total.append(np.abs(found - truth)[80:].mean())
        errors[prior] = np.mean(total)
    assert errors["parametric"] < errors["none"]
    assert errors["non_parametric"] < errors["none"]


@each_step
def test_rows_that_are_transformed_change_nothing(step):
    X = scanned().X
    step = clone(step).fit(X.iloc[::2])
    whole = step.transform(X)
    one_by_one = pd.concat([step.transform(X.iloc[[i]]) for i in range(8)])
    pd.testing.assert_frame_equal(one_by_one, whole.iloc[:8])


@each_step
def test_only_the_training_rows_are_looked_at(step):
    X = scanned().X
    noise = X.copy()
    test = np.arange(len(X)) % 3 == 0
    noise.iloc[test, :60] = np.random.default_rng(1).normal(size=(test.sum(), 60))
    first, second = clone(step).fit(X[~test]), clone(step).fit(noise[~test])
    pd.testing.assert_frame_equal(first.transform(X), second.transform(X))


@each_step
def test_other_columns_pass_as_they_came(step):
    X = scanned().X
    X["deep__kind"] = pd.Categorical(["x", "y"] * 50)
    X["views__axial__key"] = "k"
    out = clone(step).fit_transform(X)
    assert list(out.columns) == list(X.columns)
    assert out.index.equals(X.index)
    untouched = ["clinical__age", "meta__site", "deep__kind", "views__axial__key"]
    pd.testing.assert_frame_equal(out[untouched], X[untouched])
    assert list(clone(step).fit(X).get_feature_names_out()) == list(X.columns)
    assert not np.allclose(columns(out), columns(X))


@each_step
def test_copies_of_lesions_and_the_order_of_rows_change_nothing(step):
    X = scanned().X
    drawn = np.concatenate([np.arange(len(X))[::-1], np.arange(0, len(X), 3), [5, 5, 5]])
    first, second = clone(step).fit(X), clone(step).fit(X.iloc[drawn])
    pd.testing.assert_frame_equal(first.transform(X), second.transform(X), check_exact=True)


@each_step
def test_an_affine_change_of_one_sites_columns_is_taken_out(step):
    # a stronger scanner is the same tumours; shrinking makes it nearly, the others exactly so
    X = scanned({"A": 200, "B": 200}).X
    changed = X.copy()
    at_b = (X["meta__site"] == "B").to_numpy()
    changed.iloc[at_b, :60] = 7 + 3 * X.iloc[at_b, :60]
    if getattr(step, "mean_only", False):
        changed.iloc[at_b, :60] = 7 + X.iloc[at_b, :60]
    reference = getattr(step, "reference", None)
    first, second = (columns(clone(step).fit_transform(table)) for table in (X, changed))
    a, b = first[at_b], second[at_b]
    if reference or isinstance(step, SiteZScore):
        assert np.abs(a - b).max() < 0.6
    correlation = [np.corrcoef(x, z)[0, 1] for x, z in zip(a.T, b.T, strict=True)]
    assert min(correlation) > 0.99


@each_step
def test_the_unit_of_a_column_does_not_matter(step):
    X = scanned().X
    rng = np.random.default_rng(2)
    factor, shift = np.exp(rng.normal(0, 3, 60)), rng.normal(0, 100, 60)
    other = X.copy()
    other.iloc[:, :60] = factor * X.iloc[:, :60] + shift
    found, expected = (columns(clone(step).fit_transform(table)) for table in (other, X))
    if not isinstance(step, SiteZScore):
        expected = factor * expected + shift
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-9)


def test_a_new_site_with_a_reference_is_adapted_as_if_it_had_been_there():
    X = scanned({"A": 60, "B": 40, "C": 30}).X
    at_c = (X["meta__site"] == "C").to_numpy()
    together = ComBat(reference="A").fit(X)
    adapted = ComBat(reference="A").fit(X[~at_c]).adapted(X[at_c])
    pd.testing.assert_frame_equal(adapted.transform(X), together.transform(X))


def test_adapting_needs_no_outcome_and_leaves_the_fitted_step_alone():
    X = scanned({"A": 60, "B": 40}).X
    at_b = (X["meta__site"] == "B").to_numpy()
    step = ComBat(unseen="own_rows").fit(X[~at_b])
    adapted = step.adapted(X[at_b])
    assert list(step.site_parameters_) == ["A"]
    assert adapted.n_patients_ == {"A": 60, "B": 40}
    # own_rows is the same sample, taken from the rows themselves
    pd.testing.assert_frame_equal(adapted.transform(X[at_b]), step.transform(X[at_b]))
    found = columns(adapted.transform(X))
    gap = found[at_b].mean(axis=0) - found[~at_b].mean(axis=0)
    assert np.abs(gap).max() < 1
    with pytest.raises(ModelError, match="all rows are of sites that were there") as error:
        adapted.adapted(X)
    assert error.value.code == "no_rows"


@each_step
def test_a_site_not_seen_is_refused_or_too_small(step):
    X = scanned({"A": 30, "B": 20, "C": 4}).X
    at_c = (X["meta__site"] == "C").to_numpy()
    fitted = clone(step).fit(X[~at_c])
    with pytest.raises(ModelError, match="site 'C' was not there at fit") as error:
        fitted.transform(X[at_c])
    assert error.value.code == "unknown_site"
    for attempt in (
        fitted.adapted,
        clone(step).set_params(unseen="own_rows").fit(X[~at_c]).transform,
    ):
        with pytest.raises(ModelError, match="4 patient") as error:
            attempt(X[at_c])
        assert error.value.code == "site_too_small"


@each_step
def test_bad_sites_are_errors_with_codes(step):
    X = scanned({"A": 30, "B": 20}).X
    cases = {
        "site_column": [X.drop(columns="meta__site"), X.assign(meta__site=[None] + ["A"] * 49)],
        "site_too_small": [X.assign(meta__site=["B"] + ["A"] * 49)],
    }
    if not getattr(step, "reference", None):
        cases["one_site"] = [X[:30]]
    if getattr(step, "mean_only", False):
        del cases["site_too_small"]
    for code, tables in cases.items():
        for table in tables:
            with pytest.raises(ModelError) as error:
                clone(step).fit(table)
            assert error.value.code == code
    fitted = clone(step).fit(X)
    with pytest.raises(ModelError) as error:
        fitted.transform(X.assign(meta__site=np.nan))
    assert error.value.code == "site_column"
    with pytest.raises(ModelError) as error:
        fitted.transform(X.drop(columns="radiomics__f3"))
    assert error.value.code == "missing_columns"


def test_two_lesions_of_one_patient_are_no_site():
    X = scanned({"A": 30, "B": 20}).X
    X.loc[X.index[30:], "meta__site"] = "A"
    X = pd.concat([X, X.iloc[[0]].rename(index={"1": "2"}, level=1)])
    X.iloc[[0, -1], X.columns.get_loc("meta__site")] = "B"
    with pytest.raises(ModelError, match="1 patient") as error:
        ComBat().fit(X)
    assert error.value.code == "site_too_small"


@pytest.mark.parametrize("step", [ComBat(), ComBat(prior="non_parametric"), MComBat("A")], ids=repr)
def test_gaps_and_constant_columns_have_reasons(step):
    X = scanned({"A": 40, "B": 30}).X
    clean = clone(step).fit_transform(X)
    holes = X.copy()
    holes.iloc[3, 4] = np.nan
    holes["radiomics__never"] = np.nan
    holes["radiomics__only_a"] = np.where(X["meta__site"] == "A", X["radiomics__f0"], np.nan)
    holes["radiomics__label"] = np.where(X["meta__site"] == "A", 1.0, 5.0)
    holes["radiomics__flat_at_b"] = np.where(X["meta__site"] == "A", X["radiomics__f1"], 7.0)
    holes["radiomics__same"] = 3.0
    fitted = clone(step).fit(holes)
    out = fitted.transform(holes)
    record = fitted.not_harmonised_.set_index(["column", "site"])["reason"]
    assert record.loc["radiomics__only_a"].to_dict() == {"B": "too_few_values"}
    assert record.loc["radiomics__flat_at_b"].to_dict() == {"B": "constant_at_site"}
    assert set(record.loc["radiomics__never"]) == {"too_few_values"}
    assert set(record.loc["radiomics__label"]) == {"constant_at_site"}
    # a gap stays a gap, and elsewhere next to nothing changes
    assert np.isnan(out.iloc[3, 4])
    assert out.iloc[:, :60].isna().to_numpy().sum() == 1
    np.testing.assert_allclose(
        out.iloc[:, :60].drop(index=X.index[3]), clean.iloc[:, :60].drop(index=X.index[3]), atol=0.3
    )
    assert out["radiomics__label"].std() < 1e-9  # no column is left that names the site
    assert (out["radiomics__same"] == 3.0).all()
    # a value where none was in training cannot be harmonised, and is not let through
    later = holes.assign(radiomics__only_a=1.0)
    at_b = later["meta__site"] == "B"
    if not isinstance(step, MComBat):
        assert fitted.transform(later)["radiomics__only_a"].isna().equals(at_b)


@pytest.mark.parametrize(
    ("step", "covariates"),
    [
        (ComBat(prior="none"), []),
        (ComBat(prior="none"), ["clinical__age"]),
        (MComBat("A"), []),
        (MComBat("A"), ["clinical__age"]),
        (SiteZScore(), []),  # it takes no covariates
    ],
)
def test_a_column_with_gaps_is_that_of_the_rows_without_them(step, covariates):
    X = scanned().X
    X.loc[X.index[::7], "radiomics__f2"] = np.nan
    step = clone(step)
    if covariates:
        X["clinical__age"] -= X["clinical__age"][X["radiomics__f2"].notna()].mean()
        step.set_params(covariates=covariates)
    whole = clone(step).fit_transform(X)["radiomics__f2"]
    known = X[X["radiomics__f2"].notna()]
    alone = clone(step).fit_transform(known)["radiomics__f2"]
    np.testing.assert_allclose(whole.dropna(), alone, rtol=1e-9)


def test_m_combat_is_its_formula():
    X = scanned({"A": 30, "B": 20, "C": 10}).X
    found = columns(MComBat("B").fit_transform(X))
    for column in range(3):
        groups = X.groupby("meta__site")[f"radiomics__f{column}"]
        mean, sd = groups.mean(), groups.std()
        for row in range(0, 60, 7):
            site = X["meta__site"].iloc[row]
            value = X.iloc[row, column]
            expected = sd["B"] / sd[site] * (value - mean[site]) + mean["B"]
            assert found[row, column] == pytest.approx(expected, rel=1e-12)


def test_each_block_has_its_own_prior():
    X = scanned().X
    other = scanned(seed=5, block="deep").X.filter(like="deep__").to_numpy() * 1000
    both = X.join(pd.DataFrame(other, X.index).add_prefix("deep__n"))
    alone, together = ComBat().fit_transform(X), ComBat().fit_transform(both)
    np.testing.assert_array_equal(columns(alone), columns(together))
    named = ComBat(blocks=["deep"]).fit_transform(both)
    np.testing.assert_array_equal(columns(named), columns(both))


def test_age_differences_are_kept_with_the_covariate_and_taken_without():
    X, _, *_ = scanned({"A": 200, "B": 200})
    X["clinical__age"] = np.where(X["meta__site"] == "A", 50.0, 65.0) + np.tile(
        np.arange(40) - 20.0, 10
    )
    X.iloc[:, :60] += 0.2 * X[["clinical__age"]].to_numpy()
    at_b = (X["meta__site"] == "B").to_numpy()

    def gap(step):
        found = columns(step.fit_transform(X))
        return (found[at_b].mean(axis=0) - found[~at_b].mean(axis=0)).mean()

    assert abs(gap(ComBat())) < 0.1
    assert gap(ComBat(covariates=["clinical__age"])) == pytest.approx(0.2 * 15, abs=0.15)


def test_the_outcome_is_refused_as_a_covariate_however_it_is_named():
    X = scanned().X
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, len(X))
    rate = y + rng.normal(size=len(X))
    flipped = y.copy()
    flipped[7] = 1 - flipped[7]
    disguised = {
        "itself": y,
        "turned": 1 - 3.0 * y,
        "words": pd.Categorical(np.where(y == 1, "good", "poor")),
        "one_wrong": flipped,
        "ordered": 5.0 * y + 0.1 * rate,
    }
    for name, values in disguised.items():
        with pytest.raises(ModelError, match="is the outcome, or as good as") as error:
            ComBat(covariates=["clinical__x"]).fit(X.assign(clinical__x=values), y)
        assert error.value.code == "covariate", name
    with pytest.raises(ModelError, match="as good as"):
        ComBat(covariates=["clinical__x"]).fit(X.assign(clinical__x=rate**3), rate)
    for name in ("rate_percent_per_day", "responder", "dose_gy_at_follow_up", "delivered_dose"):
        with pytest.raises(ModelError, match="A new patient has none") as error:
            ComBat(covariates=[f"clinical__{name}"]).fit(X.assign(**{f"clinical__{name}": 1.0}))
        assert error.value.code == "covariate"
    # what is known before and predicts well is no outcome
    good = X.assign(clinical__x=y + rng.normal(size=len(X)))
    ComBat(covariates=["clinical__x"]).fit(good, y)


def test_a_dictionary_that_calls_a_column_post_baseline_is_heard():
    from tumor_response.transformers.harmonise import check_baseline

    dictionary = pd.DataFrame({"role": ["post_baseline"]}, index=["clinical__crp"])
    check_baseline(["clinical__crp"], "meta__site")
    with pytest.raises(ModelError, match="post_baseline"):
        check_baseline(["clinical__crp"], "meta__site", dictionary)


def test_covariates_that_cannot_be_used_are_errors():
    X = scanned().X
    at_a = X["meta__site"] == "A"
    for values in (
        np.where(at_a, 1.0, 2.0),  # says the site
        np.where(X["clinical__age"] > 60, np.nan, 1.0),
    ):
        with pytest.raises(ModelError) as error:
            ComBat(covariates=["clinical__x"]).fit(X.assign(clinical__x=values))
        assert error.value.code == "covariate"
    with pytest.raises(ModelError) as error:
        ComBat(covariates=["clinical__nothing"]).fit(X)
    assert error.value.code == "missing_columns"
    kinds = X.assign(clinical__t=pd.Categorical(["T1", "T2"] * 50))
    step = ComBat(covariates=["clinical__t"]).fit(kinds)
    with pytest.raises(ModelError, match="level"):
        step.transform(kinds.assign(clinical__t="T3"))
    with pytest.raises(ModelError, match="expected a list"):
        ComBat(covariates="clinical__age").fit(X)


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ({"reference": "Z"}, "reference_site"),
        ({"prior": "flat"}, "model"),
        ({"unseen": "guess"}, "model"),
        ({"tolerance": 0.0}, "model"),
        ({"min_patients": 1}, "model"),
        ({"blocks": ["deep"]}, "missing_block"),
        ({"blocks": {"r": ["radiomics__f1"]}}, "too_few_columns"),
    ],
)
def test_wrong_settings_are_errors(setting, code):
    with pytest.raises(ModelError) as error:
        ComBat(**setting).fit(scanned().X)
    assert error.value.code == code


def test_thousands_of_columns_take_seconds():
    X = scanned(n_columns=1500).X
    out = ComBat(prior="non_parametric").fit_transform(X)
    assert np.isfinite(columns(out)).all()
