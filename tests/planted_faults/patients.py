"""One patient on both sides: as two lesions, as two patients, as copies in inner folds."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, StackingClassifier
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tests.planted_faults.before_split import MEDIAN, by_rate
from tests.planted_faults.cohorts import draw
from tests.planted_faults.models import bootstrap, piped, sound_model
from tests.planted_faults.steps import SplitBoosting, WatchedBoosting
from tests.planted_faults.study import Form, Study
from tests.planted_faults.tables import as_extracted
from tumor_response.evaluation.sampling import Resample, Scheme, SchemeRows
from tumor_response.transformers import CategoryEncoder, MedianImputer

Rng = np.random.Generator


class RowFolds(Scheme):
    """Folds of lesions instead of patients."""

    kind: ClassVar[str] = "folds"
    n_folds: int = 3
    seed: int = 0

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        folds = StratifiedKFold(self.n_folds, shuffle=True, random_state=self.seed)
        return [
            Resample(train, test, fold=fold)
            for fold, (train, test) in enumerate(folds.split(rows.X, rows.balance))
        ]


class RowBootstrap(Scheme):
    """Draws lesions with replacement instead of patients."""

    kind: ClassVar[str] = "bootstrap"
    n_resamples: int = 3
    seed: int = 0

    def resamples(self, rows: SchemeRows) -> list[Resample]:
        found: list[Resample] = []
        rng = np.random.default_rng(self.seed)
        while len(found) < self.n_resamples:
            train = rng.integers(0, len(rows.X), len(rows.X))
            test = np.setdiff1d(np.arange(len(rows.X)), train)
            if rows.is_usable(train, test):
                found.append(Resample(train, test))
        return found


# ---- two lesions -----------------------------------------------------------------------------


def lesions_in_a_scheme(rng: Rng) -> Study:
    cohort = draw(rng, lesions=True)
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    scheme = [RowFolds, RowBootstrap][rng.integers(2)](seed=int(rng.integers(1000)))
    return Study(sound_model(rng), table, cohort.rate, scheme, MEDIAN)


def lesions_in_inner_folds(rng: Rng) -> Study:
    cohort = draw(rng, lesions=True, largest_p=200)
    search = GridSearchCV(
        piped(StandardScaler()),
        {"logisticregression__C": [0.01, 1.0]},
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
    )
    scheme = tr.RepeatedKFold(n_folds=3, n_repeats=1, seed=int(rng.integers(1000)))
    return Study({"search": search}, cohort.X, cohort.rate, scheme, MEDIAN)


def _as_patients(rng: Rng, index: pd.MultiIndex, unlike: bool) -> pd.MultiIndex:
    names = [f"{patient}_{lesion}" for patient, lesion in index]
    if unlike:
        drawn = rng.permutation(len(names))
        names = [f"ANON{k:05d}" for k in 17 * drawn + 1003]
    return pd.MultiIndex.from_arrays(
        [pd.Index(names, dtype="str"), pd.Index(["1"] * len(names), dtype="str")],
        names=["patient_id", "lesion_id"],
    )


def lesions_as_patients(rng: Rng) -> Study:
    cohort = draw(rng, lesions=True)
    index = _as_patients(rng, cohort.X.index, unlike=rng.random() < 0.5)
    X, rate = cohort.X.set_axis(index), cohort.rate.set_axis(index)
    table = X if rng.random() < 0.5 else as_extracted(X)
    return Study(sound_model(rng), table, rate, bootstrap(rng), MEDIAN)


def lesions_without_a_trace(rng: Rng) -> Study:
    cohort = draw(rng, lesions=True, clinical=False)
    index = _as_patients(rng, cohort.X.index, unlike=True)
    X = cohort.X.drop(columns=["meta__day", "meta__slice_thickness_mm"]).set_axis(index)
    return Study(sound_model(rng), X, cohort.rate.set_axis(index), bootstrap(rng), MEDIAN)


LESIONS = {
    "scheme": Form(
        lesions_in_a_scheme, "recorded", "a resample has a patient in training and in test rows"
    ),
    "inner": Form(
        lesions_in_inner_folds, "recorded", "an inner fold has a patient on both of its sides"
    ),
    "ids": Form(
        lesions_as_patients,
        "suspected",
        "different patients have the same age, scan day, stage, sex and haemoglobin",
    ),
    "ids_unseen": Form(
        lesions_without_a_trace,
        "not_checkable",
        "new ids, no clinical columns: lesions of one patient are merely alike",
        also=("suspected",),
    ),
}

# ---- a duplicate patient ---------------------------------------------------------------------


def _doubled(rng: Rng, how: str) -> Study:
    cohort = draw(rng)
    several = [p for p in cohort.patients.unique() if (cohort.patients == p).sum() == 1]
    chosen = rng.choice(several, int(rng.integers(1, 5)), replace=False)
    rows = np.asarray(cohort.patients.isin(chosen))
    copies = cohort.X[rows].copy()
    if how == "recontoured":
        names = cohort.image_columns
        copies[names] *= 1 + 0.01 * rng.normal(size=(len(copies), len(names)))
        copies["clinical__volume_cc"] *= 1 + 0.01 * rng.normal(size=len(copies))
    elif how == "corrected":
        copies["clinical__age"] += 1.0
        copies["clinical__haemoglobin"] = np.round(rng.normal(13.5, 1.6, len(copies)), 1)
        copies["meta__day"] += 3.0
    index = pd.MultiIndex.from_tuples(
        [(f"ZZ{100 + i}", "1") for i in range(len(copies))], names=["patient_id", "lesion_id"]
    )
    X = pd.concat([cohort.X, copies.set_axis(index)])
    rate = pd.concat([cohort.rate, cohort.rate[rows].set_axis(index)])
    order = rng.permutation(len(X))
    X, rate = X.iloc[order], rate.iloc[order]
    table = X if rng.random() < 0.5 else as_extracted(X)
    return Study(sound_model(rng), table, rate, bootstrap(rng), MEDIAN)


DUPLICATE = {
    "exact": Form(
        lambda rng: _doubled(rng, "exact"), "suspected", "two patients agree in every column"
    ),
    "recontoured": Form(
        lambda rng: _doubled(rng, "recontoured"),
        "suspected",
        "two patients agree in all clinical columns and to one per cent in the others",
    ),
    "corrected": Form(
        lambda rng: _doubled(rng, "corrected"),
        "suspected",
        "two patients agree in every image column",
    ),
}

# ---- copies in inner tuning ------------------------------------------------------------------


def _small_grid() -> dict[str, list[float]]:
    return {"logisticregression__C": [0.01, 1.0]}


def _ungrouped(rng: Rng) -> dict[str, object]:
    seed = int(rng.integers(100))
    folds = [3, KFold(3, shuffle=True, random_state=seed), StratifiedKFold(3)][rng.integers(3)]
    scaled = piped(StandardScaler())
    makers = [
        lambda: GridSearchCV(scaled, _small_grid(), cv=folds),
        lambda: RandomizedSearchCV(scaled, _small_grid(), n_iter=2, cv=folds, random_state=seed),
        lambda: GridSearchCV(
            scaled, _small_grid(), cv=StratifiedShuffleSplit(2, random_state=seed)
        ),
        lambda: piped(
            StandardScaler(),
            last=LogisticRegressionCV(
                Cs=[0.01, 1.0],
                cv=3,
                max_iter=300,
                l1_ratios=(0.0,),
                scoring="neg_log_loss",
                use_legacy_attributes=False,
            ),
        ),
        lambda: piped(StandardScaler(), last=CalibratedClassifierCV(GaussianNB(), cv=3)),
        lambda: piped(
            StandardScaler(),
            last=StackingClassifier(
                [("bayes", GaussianNB()), ("ridge", LogisticRegression(C=0.01, max_iter=300))],
                final_estimator=LogisticRegression(max_iter=300),
                cv=3,
            ),
        ),
        lambda: piped(
            StandardScaler(),
            RFECV(
                LogisticRegression(C=0.1, max_iter=300), step=0.5, min_features_to_select=5, cv=3
            ),
        ),
    ]
    return {"own": makers[rng.integers(len(makers))]()}


def copies_in_folds(rng: Rng) -> Study:
    cohort = draw(rng, largest_p=150)
    table = cohort.X if rng.random() < 0.6 else as_extracted(cohort.X)
    return Study(_ungrouped(rng), table, cohort.rate, bootstrap(rng), MEDIAN)


def copies_in_stopping(rng: Rng) -> Study:
    cohort = draw(rng, largest_p=150)
    seed = int(rng.integers(100))
    models = [
        lambda: make_pipeline(CategoryEncoder(), MedianImputer(), SplitBoosting(seed)),
        lambda: piped(
            last=HistGradientBoostingClassifier(
                max_iter=12, early_stopping=True, n_iter_no_change=3, random_state=seed
            )
        ),
        lambda: piped(
            StandardScaler(),
            last=SGDClassifier(
                "log_loss", early_stopping=True, n_iter_no_change=3, random_state=seed, tol=1e-2
            ),
        ),
    ]
    model = models[rng.integers(len(models))]()
    return Study({"own": model}, cohort.X, cohort.rate, bootstrap(rng), MEDIAN)


INNER_COPIES = {
    "folds": Form(
        copies_in_folds, "recorded", "inner folds have copies of a patient on both sides", weight=2
    ),
    "stopping": Form(
        copies_in_stopping,
        "recorded",
        "copies of a patient are among the rows that stop the training and those trained on",
    ),
}

# ---- test rows in early stopping -------------------------------------------------------------


def _stopped(rng: Rng, others_only: bool) -> Study:
    cohort = draw(rng, missing=False, lesions=False, largest_p=150)
    X = cohort.X[cohort.numbers]
    model = WatchedBoosting(X, cohort.above_median, others_only)
    study = by_rate(rng, cohort, X, {"xgboost": model})
    return Study(study.models, X, study.y, bootstrap(rng), MEDIAN, study.outcomes)


EARLY_STOPPING = {
    "all_rows": Form(
        lambda rng: _stopped(rng, others_only=False),
        "recorded",
        "the rows that stop the training are those of all patients",
    ),
    "test_rows": Form(
        lambda rng: _stopped(rng, others_only=True),
        "recorded",
        "the rows that stop the training are those the model is judged on",
    ),
}
