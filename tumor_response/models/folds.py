"""Inner cross-validation that keeps a patient, and every bootstrap copy of one, in one fold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from tumor_response.exceptions import ModelError
from tumor_response.models.watch import tell_folds, tell_patients

__all__ = ["PatientKFold", "most_folds", "patient_folds", "patients_of", "tuning_folds"]

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

MOST_CLASSES = 3
"""An outcome of more different values is a rate: responders are two classes, tertiles three."""


def patients_of(X: npt.ArrayLike | pd.DataFrame) -> IntArray:
    """Return an integer per row of ``X``, the same for rows of one original patient.

    A DataFrame says the patient by the index level ``patient_id``. Without that level (an array,
    a frame of unnamed rows) equal rows count as copies of one patient and others as different
    patients, which is right for one lesion per patient and all that can be known.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples(
    ...     [("P2", "1"), ("P1", "1"), ("P1", "2")], names=["patient_id", "lesion_id"])
    >>> patients_of(pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=index)).tolist()
    [1, 0, 0]
    >>> first, second, copy_of_first = patients_of(np.array([[2.0], [1.0], [2.0]]))
    >>> bool(first == copy_of_first), bool(first == second)
    (True, False)
    """
    if isinstance(X, pd.DataFrame) and "patient_id" in X.index.names:
        names = X.index.get_level_values("patient_id").astype(str).to_numpy(dtype=object)
    else:
        values = np.asarray(X)
        if values.dtype != object:
            values = np.ascontiguousarray(values, dtype=np.float64)
        names = np.empty(len(values), dtype=object)
        # the bytes of an object array are addresses, not values
        names[:] = [repr(row.tolist()) if row.dtype == object else row.tobytes() for row in values]
    place = {name: position for position, name in enumerate(sorted(set(names)))}
    codes = np.array([place[name] for name in names], dtype=np.int64)
    tell_patients(X, codes)
    return codes


def most_folds(patients: IntArray, y: npt.NDArray[np.generic]) -> int:
    """Return the most folds that work: patients with a row of the rarest class, or patients.

    A patient whose lesions are of several classes counts for each. Up to three different values
    are classes; an outcome of more values has none to run out of.
    """
    values, code = np.unique(y, return_inverse=True)
    if len(values) > MOST_CLASSES:
        return len(np.unique(patients))
    if len(values) < 2:
        return 0
    return min(len(np.unique(patients[code == value])) for value in range(len(values)))


def patient_folds(
    patients: IntArray, y: npt.NDArray[np.generic], n_folds: int, random_state: int
) -> IntArray:
    """Assign each row to one of ``n_folds`` folds, patients whole, balanced by outcome, seeded.

    Two classes: strata are patients of positive rows only, of both classes, of negative rows
    only. Within a stratum patients are shuffled and dealt out one by one. Those of both classes
    are dealt in the middle, so that the patients with a positive row follow each other, and so do
    those with a negative one: both differ by one at most between folds, and with at least two of
    each (:func:`most_folds`) no fold holds all of a class.

    Three classes: shuffled patients go, those with a row of the rarest class first, each to the
    fold that holds the smallest share of the patient's classes.

    More values, such as a rate: patients are put in the order of their mean outcome and dealt out
    in rounds, in each round to the folds in a random order.

    The result does not depend on the order of the rows, nor on how often a patient's rows are
    repeated.
    """
    n_values = len(np.unique(y))
    names = np.unique(patients)
    rng = np.random.default_rng(random_state)
    if n_values > MOST_CLASSES:
        fold_of = _dealt_in_order(patients, y, n_folds, rng)
    elif n_values == 3:
        fold_of = _dealt_to_the_emptiest(patients, y, n_folds, rng)
    else:
        fold_of = _dealt_by_stratum(patients, y, n_folds, rng)
    folds: IntArray = fold_of[np.searchsorted(names, patients)]
    tell_folds(patients, folds)
    return folds


def tuning_folds(
    patients: IntArray, y: npt.NDArray[np.generic], n_folds: int, random_state: int
) -> IntArray | None:
    """Return each row's inner fold, at most ``n_folds``; None where too few patients are there.

    Every class has rows outside each fold, so that what is fitted there knows all of them.
    """
    for n in range(min(n_folds, most_folds(patients, y)), 1, -1):
        folds = patient_folds(patients, y, n, random_state)
        if len(np.unique(y)) > MOST_CLASSES or all(
            len(np.unique(folds[y == value])) > 1 for value in np.unique(y)
        ):
            return folds
    return None


def _dealt_by_stratum(
    patients: IntArray, y: npt.NDArray[np.generic], n_folds: int, rng: np.random.Generator
) -> IntArray:
    """Return the fold of each patient, in ascending order, for two classes or one."""
    names, positive, negative = _classes_of_patients(patients, y)
    fold_of = np.empty(len(names), dtype=np.int64)
    dealt = 0
    for stratum in (positive & ~negative, positive & negative, ~positive):
        members = rng.permutation(np.nonzero(stratum)[0])
        # carry on where the other stratum stopped, so that fold sizes differ by one at most
        fold_of[members] = (dealt + np.arange(len(members))) % n_folds
        dealt += len(members)
    return fold_of


def _dealt_to_the_emptiest(
    patients: IntArray, y: npt.NDArray[np.generic], n_folds: int, rng: np.random.Generator
) -> IntArray:
    """Return the fold of each patient, in ascending order, for three classes."""
    names = np.unique(patients)
    has = np.column_stack([np.isin(names, patients[y == value]) for value in np.unique(y)])
    sizes = has.sum(axis=0)
    order = rng.permutation(len(names))
    for column in np.argsort(sizes, kind="stable")[::-1]:
        order = order[np.argsort(~has[order, column], kind="stable")]
    fold_of = np.empty(len(names), dtype=np.int64)
    share = np.zeros((n_folds, has.shape[1]))
    held = np.zeros(n_folds)
    for patient in order:
        # of equally empty folds the smallest, and of those the first
        emptiest = np.lexsort((held, (share[:, has[patient]]).sum(axis=1).round(9)))[0]
        fold_of[patient] = emptiest
        share[emptiest] += has[patient] / sizes
        held[emptiest] += 1
    return fold_of


def _dealt_in_order(
    patients: IntArray, y: npt.NDArray[np.generic], n_folds: int, rng: np.random.Generator
) -> IntArray:
    """Return the fold of each patient, in ascending order, for an outcome of many values."""
    values, code = np.unique(y, return_inverse=True)
    height = values if np.issubdtype(values.dtype, np.number) else np.arange(len(values))
    # each outcome of a patient once, however often it is repeated
    pairs = np.unique(np.column_stack([patients, code]), axis=0)
    place = np.unique(pairs[:, 0], return_inverse=True)[1]
    totals = np.bincount(place, weights=height[pairs[:, 1]].astype(np.float64))
    shuffled = rng.permutation(len(totals))
    order = shuffled[np.argsort((totals / np.bincount(place))[shuffled], kind="stable")]
    fold_of = np.empty(len(order), dtype=np.int64)
    for start in range(0, len(order), n_folds):
        dealt = order[start : start + n_folds]
        fold_of[dealt] = rng.permutation(n_folds)[: len(dealt)]
    return fold_of


def _classes_of_patients(
    patients: IntArray, y: npt.NDArray[np.generic]
) -> tuple[IntArray, BoolArray, BoolArray]:
    """Return the patients, and which have a row of the largest label, and which of another."""
    names = np.unique(patients)
    of_last = y == np.unique(y)[-1]
    return names, np.isin(names, patients[of_last]), np.isin(names, patients[~of_last])


class PatientKFold(BaseEstimator):
    """K-fold cross-validation on patients, for scikit-learn's ``cv=``, inside an evaluation.

    scikit-learn's own splitters see a bootstrap sample as independent rows and put copies of one
    patient on both sides, so that tuning prefers whatever memorises. This one reads the patient
    from the index of ``X`` (see :func:`patients_of`), so it needs no ``groups``. ``y`` may be two
    classes, three, or a rate; folds are balanced by it (:func:`patient_folds`).

    Parameters
    ----------
    n_splits
        Number of folds, default 5; fewer if fewer patients have a row of the rarest class.
    random_state
        Seed of the shuffle, default 0.

    Raises
    ------
    ModelError
        If fewer than two patients have a row of some class, or there are fewer than two.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=PatientKFold(3))
    """

    def __init__(self, n_splits: int = 5, random_state: int = 0) -> None:
        self.n_splits = n_splits
        self.random_state = random_state

    def split(
        self,
        X: npt.ArrayLike | pd.DataFrame,
        y: npt.ArrayLike | None = None,
        groups: object = None,
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield (training rows, validation rows) by position; ``groups`` is not needed."""
        del groups
        patients = patients_of(X)
        labels = np.zeros(len(patients)) if y is None else np.asarray(y)
        most = most_folds(patients, labels) if y is not None else len(np.unique(patients))
        n_folds = min(self.n_splits, most)
        if n_folds < 2:
            raise ModelError(
                f"PatientKFold: only {most} patient(s) have a row of the rarer class; two are "
                "needed, one to train on and one to validate on."
            )
        folds = patient_folds(patients, labels, n_folds, self.random_state)
        for fold in range(n_folds):
            yield np.nonzero(folds != fold)[0], np.nonzero(folds == fold)[0]

    def get_n_splits(
        self,
        X: npt.ArrayLike | pd.DataFrame | None = None,
        y: npt.ArrayLike | None = None,
        groups: object = None,
    ) -> int:
        """Return the number of folds, reduced for few patients if ``X`` and ``y`` are given."""
        del groups
        if X is None or y is None:
            return self.n_splits
        return min(self.n_splits, most_folds(patients_of(X), np.asarray(y)))
