"""Encoder, imputer, scalers and filters: values, names, indices and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.metrics import roc_auc_score

from tumor_response.exceptions import ModelError
from tumor_response.transformers import (
    BlockScaler,
    CategoryEncoder,
    LogTransformer,
    MedianImputer,
    NearConstantFilter,
    ToArray,
    UnivariateFilter,
)
from tumor_response.transformers.select import column_aucs

STEPS = [
    CategoryEncoder(),
    MedianImputer(),
    BlockScaler(),
    LogTransformer(),
    NearConstantFilter(),
    UnivariateFilter(2),
]


def table(n: int = 30, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i // 2}" for i in range(n)], [str(i % 2) for i in range(n)]],
        names=["patient_id", "lesion_id"],
    )
    columns = ["clinical__age", "clinical__volume_cc", "deep__a", "deep__b", "deep__c"]
    return pd.DataFrame(rng.uniform(1, 9, size=(n, 5)), index=index, columns=columns)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_every_step_keeps_the_index_and_names_its_columns(step):
    X = table()
    y = np.arange(len(X)) % 2
    step = clone(step).fit(X, y)
    out = step.transform(X.iloc[::-1])
    assert isinstance(out, pd.DataFrame)
    assert out.index.equals(X.index[::-1])
    assert list(out.columns) == list(step.get_feature_names_out())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_every_step_says_which_columns_are_missing(step):
    X = table()
    step = clone(step).fit(X, np.arange(len(X)) % 2)
    with pytest.raises(ModelError, match="deep__b"):
        step.transform(X.drop(columns="deep__b"))
    with pytest.raises(ModelError, match="DataFrame"):
        step.transform(X.to_numpy())
    with pytest.raises(NotFittedError):
        clone(step).transform(X)


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: type(step).__name__)
def test_numeric_steps_refuse_text(step):
    X = table().assign(clinical__note="free text")
    with pytest.raises(ModelError, match="clinical__note"):
        clone(step).fit(X, np.arange(len(X)) % 2)


def test_encoder_makes_what_training_rows_do_not_show_missing_and_not_the_reference():
    train = pd.DataFrame(
        {"c__site": pd.Categorical(["a", "b", "c", "a"]), "c__sex": pd.Categorical(list("mfmf"))}
    )
    test = pd.DataFrame(
        {"c__site": pd.Categorical(["z", None, "c"]), "c__sex": pd.Categorical(["m", None, "x"])}
    )
    encoder = CategoryEncoder().fit(train)
    assert list(encoder.get_feature_names_out()) == [
        "c__site=a",
        "c__site=b",
        "c__site=c",
        "c__sex=m",
    ]
    unknown = np.nan
    np.testing.assert_array_equal(
        encoder.transform(test),
        [[unknown, unknown, unknown, 1], [unknown] * 4, [0, 0, 1, unknown]],
    )
    assert set(encoder.feature_origins_.values()) == {"c__site", "c__sex"}


def test_encoder_columns_are_declared_and_do_not_depend_on_the_rows():
    column = pd.Categorical(["b", "a", "c", "b"], categories=["b", "a", "c"])
    X = pd.DataFrame({"c__x": column})
    for rows in ([0, 1, 2], [0, 1], [1], [0, 3]):
        encoder = CategoryEncoder().fit(X.iloc[rows])
        assert encoder.get_feature_names_out().tolist() == ["c__x=a", "c__x=b", "c__x=c"]
        out = encoder.transform(X)
        shown = X["c__x"].isin(X["c__x"].iloc[rows])
        np.testing.assert_array_equal(out.notna().all(axis=1), shown)
        np.testing.assert_array_equal(out[~shown].isna(), True)
        np.testing.assert_array_equal(out[shown].sum(axis=1), 1)
    one_of_two = CategoryEncoder().fit(pd.DataFrame({"c__x": pd.Categorical(["a"], ["a", "b"])}))
    assert one_of_two.get_feature_names_out().tolist() == ["c__x=b"]


def test_an_unseen_level_is_imputed_by_what_is_usual_in_training():
    train = pd.DataFrame({"c__x": pd.Categorical(["b", "b", "b", "a"], ["a", "b"])})
    new = pd.DataFrame({"c__x": pd.Categorical(["typo"])})
    encoder = CategoryEncoder().fit(train)
    imputer = MedianImputer().fit(encoder.transform(train))
    assert imputer.transform(encoder.transform(new)).iloc[0, 0] == 1


def test_encoded_columns_may_not_take_a_name_that_is_there():
    X = pd.DataFrame({"c__x": pd.Categorical(["a", "b", "c"]), "c__x=b": [1.0, 2.0, 3.0]})
    with pytest.raises(ModelError, match="another's name"):
        CategoryEncoder().fit(X)


def test_encoder_takes_numbers_and_booleans_of_any_width():
    X = pd.DataFrame(
        {
            "a": np.array([1, 2], dtype=np.int8),
            "b": [True, False],
            "c": pd.array([1, None], dtype="Int64"),
        }
    )
    out = CategoryEncoder().fit_transform(X)
    assert (out.dtypes == np.float64).all()
    np.testing.assert_array_equal(out.to_numpy(), [[1, 1, 1], [2, 0, np.nan]])


@pytest.mark.parametrize("column", [["text", "more"], pd.to_datetime(["2020-01-01", "2020-01-02"])])
def test_encoder_refuses_text_and_dates(column):
    with pytest.raises(ModelError, match=r"neither numbers nor categories: 'c__x'"):
        CategoryEncoder().fit(pd.DataFrame({"c__x": column}))


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_medians_equal_scikit_learns(n):
    rng = np.random.default_rng(n)
    values = rng.normal(size=(n, 40))
    values[rng.random(values.shape) < 0.4] = np.nan
    X = pd.DataFrame(values).rename(columns=str)
    expected = SimpleImputer(strategy="median", keep_empty_features=True).fit(values)
    mine = MedianImputer().fit(X)
    np.testing.assert_allclose(mine.transform(X), expected.transform(values), rtol=1e-15)
    new = pd.DataFrame(np.full((1, 40), np.nan), columns=X.columns)
    np.testing.assert_allclose(mine.transform(new), expected.transform(new.to_numpy()))


def test_imputing_does_not_write_into_the_callers_frame():
    X = pd.DataFrame({"a": [1.0, np.nan]})
    MedianImputer().fit_transform(X)
    assert np.isnan(X.iloc[1, 0])


def test_block_scaler_gives_every_block_variance_one():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        rng.normal(3, [1, 50, 2, 8, 0.1], size=(40, 5)),
        columns=["clinical__a", "clinical__b", "deep__a", "deep__b", "deep__c"],
    ).assign(deep__constant=7.7)
    out = BlockScaler().fit_transform(X)
    total = out.var(ddof=0)
    assert total[["clinical__a", "clinical__b"]].sum() == pytest.approx(1)
    assert total.filter(like="deep__").sum() == pytest.approx(1)
    # a constant column stays silent on rows that differ from the training rows, too
    assert (BlockScaler().fit(X).transform(X + 1)["deep__constant"] == 0).all()


@pytest.mark.parametrize("value", [0.0, -2.0])
def test_log_refuses_what_has_no_logarithm(value):
    X = pd.DataFrame({"clinical__volume_cc": [1.0, value]}, index=["P1", "P2"])
    with pytest.raises(ModelError, match="'P2'"):
        LogTransformer().fit(X)


def test_log_keeps_missing_values():
    out = LogTransformer().fit_transform(pd.DataFrame({"v": [np.e, np.nan]}))
    np.testing.assert_allclose(out["v"], [1.0, np.nan])


def test_near_constant_columns_go_and_if_none_is_left_all_stay():
    n = 40
    X = pd.DataFrame(
        {
            "varies": np.arange(n, dtype=float),
            "one_differs": np.r_[5.0, np.zeros(n - 1)],
            "three_differ": np.r_[1.0, 2.0, 3.0, np.zeros(n - 3)],
        }
    )
    kept = NearConstantFilter(0.95).fit(X).get_feature_names_out()
    assert kept.tolist() == ["varies", "three_differ"]
    assert NearConstantFilter().fit(X[["one_differs"]]).support_.all()
    with pytest.raises(ModelError, match="max_share"):
        NearConstantFilter(1.0).fit(X)


def test_column_aucs_equal_scikit_learns_with_and_without_ties():
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=(60, 5)), rng.integers(0, 4, size=(60, 5))])
    rows = rng.integers(0, 60, 60)
    values, y = values[rows], (np.arange(60) % 3 == 0)[rows].astype(int)
    expected = [roc_auc_score(y, column) for column in values.T]
    np.testing.assert_allclose(column_aucs(values, y), expected, rtol=1e-14)


def test_univariate_filter_keeps_the_best_of_each_block():
    rng = np.random.default_rng(1)
    y = np.arange(40) % 2
    X = pd.DataFrame(
        rng.normal(size=(40, 12)),
        columns=["clinical__a", "clinical__b", *[f"deep__{i}" for i in range(10)]],
    )
    X["deep__3"] += 5 * y
    X["deep__7"] -= 5 * y  # strong in the other direction counts as much
    kept = UnivariateFilter(2).fit(X, y).get_feature_names_out().tolist()
    assert kept == ["clinical__a", "clinical__b", "deep__3", "deep__7"]
    with pytest.raises(ModelError, match="two classes"):
        UnivariateFilter(2).fit(X, np.zeros(40))
    with pytest.raises(ModelError, match="n_columns_per_block"):
        UnivariateFilter(0).fit(X, y)


def test_to_array_hands_over_values_and_remembers_names():
    X = table()
    step = ToArray().fit(X)
    out = step.transform(X[X.columns[::-1]])
    assert isinstance(out, np.ndarray)
    np.testing.assert_array_equal(out, X.to_numpy())
    assert step.get_feature_names_out().tolist() == list(X.columns)


def test_channel_that_is_dead_in_all_training_patients_cannot_decide_a_prediction():
    """Rounding noise of 1e-7 in training, one patient out of bag in whom the channel is alive."""
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"deep__n__0": rng.normal(0, 1e-7, 30), "deep__n__1": rng.normal(size=30)})
    alive = pd.DataFrame({"deep__n__0": [0.0113], "deep__n__1": [0.5]})
    scaler = BlockScaler().fit(train)
    shown = scaler.transform(alive).to_numpy()[0] * np.sqrt(2)  # two columns in the block
    assert shown[0] == pytest.approx(5.0)
    assert shown[1] == pytest.approx(
        (0.5 - train["deep__n__1"].mean()) / train["deep__n__1"].std(ddof=0)
    )
