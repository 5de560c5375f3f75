"""What holds for every cohort that can be resampled."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.evaluation import Bootstrap632Plus
from tumor_response.models.folds import most_folds, patient_folds


@st.composite
def cohorts(draw) -> tuple[np.ndarray, np.ndarray]:
    """Patients with one to three lesions each, rows in any order, three or more per stratum."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=6, max_size=25))
    patients = np.repeat(np.arange(len(sizes)), sizes)
    responder = np.array(draw(st.lists(st.integers(0, 1), min_size=len(patients), max_size=99)))[
        : len(patients)
    ]
    responder[np.isin(patients, [0, 1, 2])] = 1
    responder[np.isin(patients, [3, 4, 5])] = 0
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(patients))
    return patients[order], responder[order]


@given(cohorts(), st.integers(0, 2**32))
def test_resamples_of_patients(cohort, seed):
    patients, responder = cohort
    resamples = Bootstrap632Plus(n_resamples=3, seed=seed).draw(patients, responder)
    rows_of = Counter(patients.tolist())
    positive = {p for p in rows_of if responder[patients == p].any()}
    for resample in resamples:
        drawn = Counter(patients[resample.train].tolist())
        out = Counter(patients[resample.test].tolist())
        assert not set(drawn) & set(out)
        assert set(drawn) | set(out) == set(rows_of)
        # lesions stay together: all rows of a patient, each as often as the patient was drawn
        assert all(drawn[p] % rows_of[p] == 0 for p in drawn)
        for row, times in Counter(resample.train.tolist()).items():
            assert times == drawn[patients[row]] // rows_of[patients[row]]
        assert all(out[p] == rows_of[p] for p in out)
        assert len(set(resample.test.tolist())) == len(resample.test)
        # as many draws from each stratum as it has patients
        draws = {p: drawn[p] // rows_of[p] for p in drawn}
        assert sum(times for p, times in draws.items() if p in positive) == len(positive)
        assert sum(draws.values()) == len(rows_of)
        for side in (resample.train, resample.test):
            assert set(responder[side].tolist()) == {0, 1}


@given(cohorts(), st.integers(0, 99))
def test_the_first_resamples_do_not_depend_on_how_many_follow(cohort, seed):
    few = Bootstrap632Plus(n_resamples=2, seed=seed).draw(*cohort)
    many = Bootstrap632Plus(n_resamples=5, seed=seed).draw(*cohort)
    for a, b in zip(few, many[:2], strict=True):
        assert a.train.tobytes() == b.train.tobytes()
        assert a.test.tobytes() == b.test.tobytes()


@given(cohorts(), st.integers(2, 3), st.integers(0, 99))
def test_inner_folds_never_split_a_patient_and_keep_both_classes(cohort, n_folds, seed):
    patients, responder = cohort
    folds = patient_folds(patients, responder, n_folds, seed)
    assert all(len(set(folds[patients == p].tolist())) == 1 for p in set(patients.tolist()))
    assert set(folds.tolist()) == set(range(n_folds))
    for fold in range(n_folds):
        assert set(responder[folds != fold].tolist()) == {0, 1}


@given(st.data())
def test_folds_of_patients_with_lesions_of_both_classes(data):
    """Up to as many folds as patients with a row of the rarer class, however they overlap."""
    kinds = data.draw(st.lists(st.sampled_from(["10", "1", "0"]), min_size=2, max_size=25))
    patients = np.repeat(np.arange(len(kinds)), [len(kind) for kind in kinds])
    responder = np.array([int(lesion) for kind in kinds for lesion in kind])
    most = most_folds(patients, responder)
    assert most == min(sum(value in kind for kind in kinds) for value in "01")
    if most < 2:
        return
    n_folds = data.draw(st.integers(2, most))
    folds = patient_folds(patients, responder, n_folds, data.draw(st.integers(0, 99)))
    assert all(len(set(folds[patients == p].tolist())) == 1 for p in set(patients.tolist()))
    for rows in (responder == 1, responder == 0, responder >= 0):
        sizes = [len(set(patients[rows & (folds == fold)].tolist())) for fold in range(n_folds)]
        assert max(sizes) - min(sizes) <= 1
    for fold in range(n_folds):
        assert set(responder[folds != fold].tolist()) == {0, 1}


@given(st.integers(0, 2**20), st.lists(st.integers(0, 1), min_size=4, max_size=40))
def test_folds_of_patients_of_one_class_are_dealt_class_by_class(seed, classes):
    """The plain case spelled out, so that published results of such cohorts can be repeated."""
    responder = np.array(classes)
    responder[:4] = [1, 1, 0, 0]
    rng = np.random.default_rng(seed)
    dealt = [
        *rng.permutation(np.nonzero(responder)[0]),
        *rng.permutation(np.nonzero(1 - responder)[0]),
    ]
    expected = np.empty(len(responder), dtype=int)
    expected[dealt] = np.arange(len(dealt)) % 2
    folds = patient_folds(np.arange(len(responder)), responder, 2, seed)
    np.testing.assert_array_equal(folds, expected)
