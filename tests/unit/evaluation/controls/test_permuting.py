"""Outcomes move between patients as blocks; columns keep their marginals and lose the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tumor_response.evaluation.controls.permuting import permuted_columns, permuted_rows
from tumor_response.exceptions import EvaluationError


def test_lesions_of_a_patient_stay_together_and_in_order():
    patients = np.array([3, 3, 5, 7, 7, 9, 9, 9, 1])
    seen = set()
    for seed in range(60):
        source = permuted_rows(patients, np.random.default_rng(seed))
        assert sorted(source) == list(range(9))
        for name in np.unique(patients):
            rows = source[patients == name]
            assert len(set(patients[rows])) == 1
            assert (np.diff(rows) > 0).all()
            assert (patients == patients[rows[0]]).sum() == len(rows)
        seen.add(tuple(source))
    assert len(seen) == 4  # two pairs of equal size change places, or do not


def test_every_arrangement_is_equally_likely():
    patients = np.arange(3)
    rng = np.random.default_rng(0)
    drawn = [tuple(permuted_rows(patients, rng)) for _ in range(1200)]
    counts = pd.Series(drawn).value_counts()
    assert len(counts) == 6
    assert counts.min() > 150


def test_patients_of_different_sizes_cannot_exchange():
    with pytest.raises(EvaluationError) as told:
        permuted_rows(np.array([0, 1, 1, 2, 2, 2]), np.random.default_rng(0))
    assert told.value.code == "nothing_to_permute"


def test_random_columns_keep_shape_marginals_and_missing_values():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 4)), columns=["a__1", "a__2", "b__1", "b__2"])
    X["a__2"] = X["a__1"]
    X.loc[:9, "b__1"] = np.nan
    X.insert(1, "clinical__sex", pd.Categorical(rng.choice(["f", "m"], 80)))
    X.loc[3:8, "clinical__sex"] = np.nan
    X["meta__site"] = "A"
    X.loc[::2, "meta__site"] = "B"
    used = ["a__1", "a__2", "b__1", "clinical__sex"]
    random = permuted_columns(X, used, np.random.default_rng(1))
    assert list(random.columns) == list(X.columns)
    assert random.index.equals(X.index)
    assert (random.dtypes == X.dtypes).all()
    for name in used:
        assert random[name].isna().sum() == X[name].isna().sum()
        assert (
            random[name].value_counts()
            == X[name].value_counts().reindex(random[name].value_counts().index)
        ).all()
        assert not random[name].equals(X[name])
    assert abs(random["a__1"].corr(random["a__2"])) < 0.3
    pd.testing.assert_frame_equal(random[["b__2", "meta__site"]], X[["b__2", "meta__site"]])
