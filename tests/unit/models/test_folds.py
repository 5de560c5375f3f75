"""Inner folds: a patient, and every copy of one, is on one side only."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from tumor_response.exceptions import ModelError
from tumor_response.models import PatientKFold, patients_of
from tumor_response.models.folds import most_folds, patient_folds, tuning_folds


def bootstrap_sample(n: int = 40, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """A bootstrap sample of patients with two lesions each, as an evaluation passes it on."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, n, n)
    patients = np.repeat(drawn, 2)
    index = pd.MultiIndex.from_arrays(
        [[f"P{p}" for p in patients], ["1", "2"] * n], names=["patient_id", "lesion_id"]
    )
    return pd.DataFrame(rng.normal(size=(2 * n, 3)), index=index), patients % 2


def leaks(splitter, X, y) -> int:
    ids = X.index.get_level_values("patient_id").to_numpy()
    return sum(len(set(ids[train]) & set(ids[test])) for train, test in splitter.split(X, y))


def test_no_patient_is_on_both_sides_where_an_ungrouped_split_has_many():
    X, y = bootstrap_sample()
    assert leaks(PatientKFold(5), X, y) == 0
    assert leaks(StratifiedKFold(5, shuffle=True, random_state=0), X, y) > 20


def test_every_row_is_validated_once_and_folds_are_balanced():
    X, y = bootstrap_sample()
    folds = list(PatientKFold(5).split(X, y))
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(len(X)))
    ids = X.index.get_level_values("patient_id").to_numpy()
    sizes = [len(set(ids[test])) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    for value in (0, 1):
        of_class = [len(set(ids[test][y[test] == value])) for _, test in folds]
        assert max(of_class) - min(of_class) <= 1


def test_folds_do_not_depend_on_the_order_of_rows():
    X, y = bootstrap_sample()
    order = np.random.default_rng(1).permutation(len(X))
    first = {frozenset(X.index[test]) for _, test in PatientKFold(4).split(X, y)}
    second = {
        frozenset(X.index[order][test])
        for _, test in PatientKFold(4).split(X.iloc[order], y[order])
    }
    assert first == second


def test_the_seed_decides():
    X, y = bootstrap_sample()
    folds = [
        [test.tolist() for _, test in PatientKFold(5, random_state=seed).split(X, y)]
        for seed in (0, 0, 1)
    ]
    assert folds[0] == folds[1] != folds[2]


def test_fewer_folds_for_few_patients_and_none_for_one():
    X, y = bootstrap_sample()
    ids = X.index.get_level_values("patient_id").to_numpy()
    three = np.isin(ids, np.unique(ids[y == 1])[:3]) | (y == 0)
    assert PatientKFold(5).get_n_splits(X[three], y[three]) == 3
    assert len(list(PatientKFold(5).split(X[three], y[three]))) == 3
    one = np.isin(ids, np.unique(ids[y == 1])[:1]) | (y == 0)
    with pytest.raises(ModelError, match=r"only 1 patient\(s\) have a row of the rarer class"):
        list(PatientKFold(5).split(X[one], y[one]))


def mixed_cohort(n: int = 30, lesions: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    """Every patient has responding and other lesions."""
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(len(index), 3)), index=index)
    return X, np.tile([1, 1, 0, 0], n)


def test_patients_with_lesions_of_both_classes_count_for_both():
    X, y = mixed_cohort()
    assert PatientKFold(5).get_n_splits(X, y) == 5
    folds = list(PatientKFold(5).split(X, y))
    assert len(folds) == 5
    assert leaks(PatientKFold(5), X, y) == 0
    assert all(set(y[train]) == set(y[test]) == {0, 1} for train, test in folds)


def test_it_works_in_a_grid_search():
    X, y = bootstrap_sample()
    X = X.rename(columns=str)
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=PatientKFold(3)).fit(X, y)
    assert search.n_splits_ == 3


def test_patients_are_read_as_text_so_that_number_and_text_ids_agree():
    numbers = pd.DataFrame(index=pd.Index([3, 1, 3], name="patient_id"))
    text = pd.DataFrame(index=pd.Index(["3", "1", "3"], name="patient_id"))
    assert patients_of(numbers).tolist() == patients_of(text).tolist() == [1, 0, 1]


def test_without_ids_equal_rows_are_copies_whatever_they_are_made_of():
    rows = [0, 1, 0, 2]
    numbers = pd.DataFrame({"a": [1.5, 2.5, 3.5]}).iloc[rows]
    mixed = numbers.assign(b=np.array(["x", "y", "z"], dtype=object)[rows])
    for X in (numbers, mixed, numbers.astype("float32")):
        first, second, third, fourth = patients_of(X.reset_index(drop=True))
        assert first == third
        assert len({first, second, fourth}) == 3


def three_classes(seed: int, n: int = 40, lesions: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Patients of one to three lesions, each of any class, the third class rare."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n), rng.integers(1, lesions + 1, n))
    return patients, rng.choice(3, len(patients), p=[0.5, 0.4, 0.1])


@pytest.mark.parametrize("seed", range(8))
def test_three_classes_are_balanced_and_none_is_missing_outside_a_fold(seed):
    patients, y = three_classes(seed)
    n_folds = min(5, most_folds(patients, y))
    folds = patient_folds(patients, y, n_folds, seed)
    assert all(len(np.unique(folds[patients == patient])) == 1 for patient in np.unique(patients))
    for value in range(3):
        of_class = [len(np.unique(patients[(folds == f) & (y == value)])) for f in range(n_folds)]
        assert max(of_class) - min(of_class) <= 2
        assert max(of_class) < sum(of_class)
    np.testing.assert_array_equal(folds, tuning_folds(patients, y, 5, seed))


def test_pure_patients_of_three_classes_differ_by_one_at_most():
    patients, y = np.arange(47), np.arange(47) % 3
    folds = patient_folds(patients, y, 5, 0)
    sizes = np.bincount(folds)
    assert sizes.max() - sizes.min() <= 1
    for value in range(3):
        of_class = np.bincount(folds[y == value], minlength=5)
        assert of_class.max() - of_class.min() <= 1


def test_a_class_of_one_patient_leaves_nothing_to_tune_with():
    y = np.r_[np.zeros(10), np.ones(10), 2]
    assert most_folds(np.arange(21), y) == 1
    assert tuning_folds(np.arange(21), y, 5, 0) is None
    assert tuning_folds(np.arange(20), np.zeros(20), 5, 0) is None


@pytest.mark.parametrize("seed", range(4))
def test_folds_of_a_rate_are_balanced_by_it(seed):
    rng = np.random.default_rng(seed)
    patients, rate = np.arange(60), rng.lognormal(size=60)
    folds = patient_folds(patients, rate, 5, seed)
    assert np.bincount(folds).tolist() == [12] * 5
    ranks = rate.argsort().argsort()
    at_random = [ranks[rng.permutation(60)[:12]].mean() for _ in range(200)]
    assert np.std([ranks[folds == f].mean() for f in range(5)]) < 0.4 * np.std(at_random)
    # each fold has one of every five neighbours
    assert all(sorted(ranks[folds == f] // 5) == list(range(12)) for f in range(5))


def test_folds_of_a_rate_keep_patients_whole_whatever_their_order_and_copies():
    X, _ = bootstrap_sample()
    rate = (
        X.iloc[:, 0].to_numpy() * 0
        + np.random.default_rng(0).normal(size=40)[X.index.get_level_values(0).str[1:].astype(int)]
    )
    rate[::2] += 0.1  # two lesions of a patient are not the same
    assert leaks(PatientKFold(5), X, rate) == 0
    assert PatientKFold(5).get_n_splits(X, rate) == 5
    patients = patients_of(X)
    folds = patient_folds(patients, rate, 5, 0)
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(80), 3))
    again = patient_folds(patients[order], rate[order], 5, 0)
    np.testing.assert_array_equal(again, folds[order])
    names = np.array([f"r{value:.3f}" for value in rate])  # outcomes without numbers work, too
    assert np.bincount(patient_folds(patients, names, 5, 0)).min() > 0
