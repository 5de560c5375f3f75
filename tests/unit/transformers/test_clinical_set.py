"""The named clinical set: what it finds, how it encodes, what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from tumor_response.exceptions import ModelError
from tumor_response.transformers import BlockScaler, ClinicalSet
from tumor_response.transformers.clinical_codes import FACTORS, bare_name, decoded

FACTOR = {factor.name: factor for factor in FACTORS}


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "clinical__GTV_volume_cc": [10.0, 20.0, np.nan, 40.0],
            "clinical__age_years": [50.0, np.nan, 60.0, 70.0],
            "clinical__cT": ["T1", "cT4a", "Tx", "T2"],
            "clinical__n_stage": pd.Categorical(["N0", "N2b", "N2c", None]),
            "clinical__tumour_site": ["larynx", "tongue", "pharynx", "tongue"],
            "clinical__p16 status": ["positive", "NEG", "unknown", "+"],
            "clinical__chemo": [True, False, True, None],
            "clinical__planned_dose_gy": [70.0, 66.0, 70.0, 60.0],
            "clinical__smoker": [1.0, 0.0, 1.0, 0.0],
        }
    )


def test_every_factor_is_found_and_encoded_as_the_page_says():
    step = ClinicalSet().fit(table())
    assert list(step.found_) == [factor.name for factor in FACTORS]
    assert step.absent_ == []
    assert step.unused_ == ["clinical__smoker"]
    out = step.transform(table()).rename(columns=lambda c: c.removeprefix("clinical__"))
    expected = {
        "log_volume": np.log([10.0, 20.0, 20.0, 40.0]),
        "age": [50.0, 60.0, 60.0, 70.0],
        "t_stage": [1.0, 4.0, 2.0, 2.0],
        "n_stage": [0.0, 2.0, 2.0, 2.0],
        "site=larynx": [1.0, 0.0, 0.0, 0.0],
        "site=pharynx": [0.0, 0.0, 1.0, 0.0],
        "site=tongue": [0.0, 1.0, 0.0, 1.0],
        "hpv": [1.0, 0.0, 2 / 3, 1.0],
        "hpv_unknown": [0.0, 0.0, 1.0, 0.0],
        "chemotherapy": [1.0, 0.0, 1.0, 2 / 3],
        "dose_gy": [70.0, 66.0, 70.0, 60.0],
    }
    assert out.columns.tolist() == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(out[name], values)
    assert out.columns.tolist() == [
        name.removeprefix("clinical__") for name in step.get_feature_names_out()
    ]
    assert step.feature_origins_["clinical__hpv_unknown"] == "clinical__p16 status"


def test_medians_shares_and_levels_are_the_training_rows():
    train, new = table().iloc[:2], table().iloc[2:]
    step = ClinicalSet().fit(train)
    out = step.transform(new).rename(columns=lambda c: c.removeprefix("clinical__"))
    assert out["log_volume"].iloc[0] == pytest.approx(np.log(15))
    assert out["t_stage"].iloc[0] == 2.5
    assert out["hpv"].iloc[0] == 0.5
    assert out["site=tongue"].tolist() == [0.5, 1.0]  # pharynx is in no training row
    assert "site=pharynx" not in out
    assert (
        BlockScaler()
        .fit(step.transform(train))
        .transform(step.transform(new))
        .notna()
        .all(axis=None)
    )


@pytest.mark.parametrize(
    ("factor", "codes"),
    [
        (
            "t_stage",
            {"T1": 1, "t1": 1, "cT2": 2, "T4b": 4, "Tis": 0, "T0": 0, 3: 3, 2.0: 2, "3.0": 3},
        ),
        ("n_stage", {"N0": 0, "cN2a": 2, "N3b": 3, 1: 1, "N2 c": 2}),
        ("hpv", {"yes": 1, "No": 0, 1: 1, 0.0: 0, "True": 1, "p16+": 1, "HPV-": 0, "1.0": 1}),
        ("chemotherapy", {"y": 1, "none": 0, "false": 0}),
        ("dose_gy", {"70": 70, 66.5: 66.5}),
    ],
)
def test_codes_are_read(factor, codes):
    given = pd.Series(list(codes), dtype=object)
    assert decoded(FACTOR[factor], given).tolist() == list(map(float, codes.values()))


@pytest.mark.parametrize("code", [None, np.nan, pd.NA, "", "unknown", "NA", "not tested", "X"])
@pytest.mark.parametrize("factor", ["t_stage", "hpv", "age", "site"])
def test_unknown_is_missing(factor, code):
    assert decoded(FACTOR[factor], pd.Series([code], dtype=object)).isna().all()


@pytest.mark.parametrize(
    ("factor", "code"),
    [
        ("t_stage", "T5"),
        ("t_stage", "N2"),
        ("t_stage", "T1-2"),
        ("t_stage", "T22"),
        ("n_stage", "N4"),
        ("n_stage", "Nis"),
        ("n_stage", 7),
        ("hpv", 2),
        ("hpv", "maybe"),
        ("chemotherapy", "cetuximab"),
        ("age", "sixty"),
        ("age", np.inf),
        ("volume", "large"),
    ],
)
def test_codes_that_are_not_on_the_list_are_refused_by_name(factor, code):
    column = pd.Series([code], dtype=object, name="clinical__c")
    with pytest.raises(ModelError, match=rf"clinical__c.*{factor}") as error:
        decoded(FACTOR[factor], column)
    assert error.value.code == "unknown_code"
    assert str(code) in str(error.value)


def test_a_new_code_in_a_test_row_is_refused_too():
    step = ClinicalSet().fit(table())
    wrong = table()
    wrong["clinical__cT"] = "T9"
    with pytest.raises(ModelError, match="T9"):
        step.transform(wrong)


def test_doses_in_cgy_and_volumes_of_zero_are_refused():
    X = table()
    X["clinical__planned_dose_gy"] *= 100
    with pytest.raises(ModelError, match="cGy") as error:
        ClinicalSet().fit(X)
    assert error.value.code == "dose_unit"
    X = table()
    X.iloc[0, 0] = 0.0
    with pytest.raises(ModelError, match="zero or less") as error:
        ClinicalSet().fit(X)
    assert error.value.code == "not_positive"


def test_two_columns_for_one_factor_are_refused_until_one_is_said():
    X = table().assign(clinical__hpv=[1, 0, 1, 0])
    with pytest.raises(ModelError, match=r"'clinical__p16 status' and 'clinical__hpv'") as error:
        ClinicalSet().fit(X)
    assert error.value.code == "clinical_factor"
    said = ClinicalSet({"hpv": "clinical__hpv"}).fit(X)
    assert said.found_["hpv"] == "clinical__hpv"
    assert "clinical__p16 status" in said.unused_
    left_out = ClinicalSet({"hpv": None}).fit(X)
    assert left_out.absent_ == ["hpv"]
    assert clone(said).columns == {"hpv": "clinical__hpv"}


@pytest.mark.parametrize(
    ("columns", "match"),
    [({"grade": "clinical__smoker"}, "grade"), ({"age": "clinical__alter"}, "clinical__alter")],
)
def test_a_factor_or_column_that_there_is_not_is_refused(columns, match):
    with pytest.raises(ModelError, match=match) as error:
        ClinicalSet(columns).fit(table())
    assert error.value.code == "clinical_factor"


def test_no_factor_at_all_is_an_error():
    with pytest.raises(ModelError, match="none of 'clinical__smoker'"):
        ClinicalSet().fit(table()[["clinical__smoker"]])


def test_a_factor_nobody_is_known_for_is_constant():
    X = table()
    X["clinical__age_years"] = np.nan
    X["clinical__p16 status"] = None
    X["clinical__tumour_site"] = None
    out = ClinicalSet().fit_transform(X)
    assert out.notna().all(axis=None)
    assert np.ptp(out["clinical__age"]) == 0
    assert (out["clinical__hpv_unknown"] == 1).all()
    assert not [c for c in out if "site" in c]


def test_spellings_belong_to_one_factor_each():
    seen = [spelling for factor in FACTORS for spelling in factor.spellings]
    assert len(seen) == len(set(seen))
    assert all(bare_name(spelling) == spelling for spelling in seen)
