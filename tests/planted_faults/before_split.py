"""What was done to the columns on all rows before anybody split them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, RobustScaler, StandardScaler

import tumor_response as tr
from tests.planted_faults.cohorts import Cohort, draw
from tests.planted_faults.combat import combat_on_all_rows
from tests.planted_faults.models import sound_model, sound_scheme
from tests.planted_faults.steps import ColumnsOfTheCohort, LookedUp, ScaledByTheCohort, cohort_auc
from tests.planted_faults.study import Form, Study
from tests.planted_faults.tables import as_extracted
from tumor_response.transformers import CategoryEncoder, MedianImputer

Rng = np.random.Generator
MEDIAN = tr.ResponderCut("median")


def by_rate(rng: Rng, cohort: Cohort, table: Any, models: Any = None) -> Study:
    """A study of the continuous end point, its cut fitted in the fold."""
    return Study(
        sound_model(rng) if models is None else models,
        table,
        cohort.rate.loc[table.index if isinstance(table, pd.DataFrame) else table.data.index],
        sound_scheme(rng),
        MEDIAN,
        cohort.outcomes if rng.random() < 0.5 else None,
    )


def tampered(extracted: tr.FeatureTable, data: pd.DataFrame) -> tr.FeatureTable:
    """The table with other values, or fewer columns, in it; the rest is left as it was written."""
    return replace(extracted, data=data, dictionary=extracted.dictionary.loc[data.columns])


# ---- selection -------------------------------------------------------------------------------


def _selected(rng: Rng, cohort: Cohort) -> pd.DataFrame:
    scores = cohort_auc(cohort.X[cohort.numbers], cohort.above_median.to_numpy())
    kept = set(scores.sort_values(ascending=False).index[: int(rng.integers(5, 25))])
    return cohort.X[[c for c in cohort.X if c in kept or c.startswith("meta__")]]


def selection_in_a_frame(rng: Rng) -> Study:
    cohort = draw(rng)
    return by_rate(rng, cohort, _selected(rng, cohort))


def selection_in_a_table(rng: Rng) -> Study:
    cohort = draw(rng)
    extracted = as_extracted(cohort.X)
    kept = list(_selected(rng, cohort).columns)
    return by_rate(rng, cohort, tampered(extracted, extracted.data[kept]))


def selection_in_a_step(rng: Rng) -> Study:
    cohort = draw(rng, missing=False)
    X = cohort.X[[*cohort.numbers, "meta__site"]]
    whole = X[cohort.numbers]
    if rng.random() < 0.7:
        step: BaseEstimator = ColumnsOfTheCohort(whole, cohort.above_median, k=8)
    else:
        label = cohort.above_median.to_numpy()

        def best_of_the_cohort(rows: pd.DataFrame) -> pd.DataFrame:
            return rows[list(cohort_auc(whole, label).nlargest(8).index)]

        step = FunctionTransformer(best_of_the_cohort)
    model = make_pipeline(step, StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    return by_rate(rng, cohort, X, {"own": model})


SELECTION = {
    "frame": Form(
        selection_in_a_frame,
        "not_checkable",
        "columns that are not there leave no trace in those that are",
        weight=2,
    ),
    "table": Form(
        selection_in_a_table, "provable", "the data no longer hash to what extraction wrote"
    ),
    "step": Form(
        selection_in_a_step, "recorded", "a step holds all patients' rows and decides by them"
    ),
}

# ---- imputation ------------------------------------------------------------------------------


def _filled(rng: Rng, X: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    known = X[columns]
    way = rng.choice(["median", "mean", "by_site"])
    if way == "by_site":
        groups = known.groupby(X["meta__site"], observed=True)
        filled = known.fillna(groups.transform("median")).fillna(known.median())
    else:
        filled = known.fillna(known.median() if way == "median" else known.mean())
    return X.assign(**filled)


def _holed(rng: Rng, share: float | None = None) -> Cohort:
    """A cohort in which many columns lack the same share of values."""
    cohort = draw(rng, missing=False)
    X = cohort.X.copy()
    columns = [c for c in cohort.numbers if c != "clinical__volume_cc"]
    chosen = [c for c in columns if rng.random() < 0.6] or columns[:1]
    share = float(rng.uniform(0.05, 0.25)) if share is None else share
    for column in chosen:
        gone = rng.random(len(X)) < share
        gone[rng.choice(len(X), 3, replace=False)] = True
        X.loc[gone, column] = np.nan
    return cohort.with_columns(X)


def imputation_in_a_frame(rng: Rng) -> Study:
    cohort = _holed(rng)
    return by_rate(rng, cohort, _filled(rng, cohort.X, cohort.numbers))


def imputation_that_repeats_nothing(rng: Rng) -> Study:
    if rng.random() < 0.5:
        cohort = _holed(rng)
        filled = KNNImputer(n_neighbors=5).fit_transform(cohort.X[cohort.numbers])
        X = cohort.X.assign(**dict(zip(cohort.numbers, filled.T, strict=True)))
        return by_rate(rng, cohort, X)
    cohort = draw(rng, missing=False)
    X = cohort.X.copy()
    for column in rng.choice(cohort.numbers, max(1, len(cohort.numbers) // 5), replace=False):
        X.loc[X.index[rng.integers(len(X))], column] = X[column].mean()
    return by_rate(rng, cohort, X)


def imputation_in_a_table(rng: Rng) -> Study:
    cohort = _holed(rng)
    extracted = as_extracted(cohort.X)
    return by_rate(rng, cohort, tampered(extracted, _filled(rng, extracted.data, cohort.numbers)))


def imputation_in_a_step(rng: Rng) -> Study:
    cohort = _holed(rng)
    X = cohort.X[[*cohort.numbers, "meta__site"]]
    step = ScaledByTheCohort(X[cohort.numbers], what="fill")
    model = make_pipeline(step, StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    return by_rate(rng, cohort, X, {"own": model})


IMPUTATION = {
    "frame": Form(
        imputation_in_a_frame,
        "suspected",
        "one value is repeated in columns that repeat no other, and it is their median or mean",
        weight=2,
    ),
    "frame_unseen": Form(
        imputation_that_repeats_nothing,
        "not_checkable",
        "nearest neighbours, or one value in a column: nothing is repeated",
    ),
    "table": Form(
        imputation_in_a_table, "provable", "the data no longer hash to what extraction wrote"
    ),
    "step": Form(
        imputation_in_a_step,
        "recorded",
        "a step holds all patients' rows and takes medians of them",
    ),
}

# ---- scaling ---------------------------------------------------------------------------------


def _scaled(rng: Rng, X: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    scaler = [StandardScaler(), StandardScaler(), MinMaxScaler(), RobustScaler()][rng.integers(4)]
    values = scaler.fit_transform(X[columns])
    if isinstance(scaler, StandardScaler) and rng.random() < 0.4:  # as pandas does it
        values *= np.sqrt((len(X) - 1) / len(X))
    return X.assign(**dict(zip(columns, values.T, strict=True)))


def _to_scale(rng: Rng, cohort: Cohort) -> list[str]:
    return cohort.numbers if rng.random() < 0.5 else cohort.image_columns


def scaling_in_a_frame(rng: Rng) -> Study:
    cohort = draw(rng)
    return by_rate(rng, cohort, _scaled(rng, cohort.X, _to_scale(rng, cohort)))


def scaling_before_patients_left(rng: Rng) -> Study:
    cohort = draw(rng)
    X = _scaled(rng, cohort.X, _to_scale(rng, cohort))
    names = cohort.patients.unique()
    kept = np.asarray(cohort.patients.isin(names[rng.random(len(names)) < 0.8]))
    return by_rate(rng, cohort.rows(kept), X[kept])


def scaling_in_a_table(rng: Rng) -> Study:
    cohort = draw(rng)
    extracted = as_extracted(cohort.X)
    data = _scaled(rng, extracted.data, _to_scale(rng, cohort))
    return by_rate(rng, cohort, tampered(extracted, data))


def scaling_in_a_step(rng: Rng) -> Study:
    cohort = draw(rng)
    X = cohort.X[[*cohort.numbers, "meta__site"]]
    whole = X[cohort.numbers]
    if rng.random() < 0.7:
        step: BaseEstimator = ScaledByTheCohort(whole)
    else:

        def scaled_by_the_cohort(rows: pd.DataFrame) -> pd.DataFrame:
            return ((rows - whole.mean()) / whole.std().replace(0.0, 1.0)).fillna(0.0)

        step = FunctionTransformer(scaled_by_the_cohort)
    model = make_pipeline(step, LogisticRegression(C=0.1, max_iter=300))
    return by_rate(rng, cohort, X, {"own": model})


SCALING = {
    "frame": Form(
        scaling_in_a_frame,
        "suspected",
        "means of exactly 0 with deviations of 1, ranges of exactly 0 to 1, or medians of 0",
        weight=2,
    ),
    "frame_unseen": Form(
        scaling_before_patients_left,
        "not_checkable",
        "the patients that made the scale exact are not all there any more",
        also=("suspected",),
    ),
    "table": Form(
        scaling_in_a_table, "provable", "the data no longer hash to what extraction wrote"
    ),
    "step": Form(
        scaling_in_a_step, "recorded", "a step holds all patients' rows and scales by them"
    ),
}

# ---- ComBat ----------------------------------------------------------------------------------


def _several_sites(rng: Rng) -> Cohort:
    return draw(rng, sites=int(rng.integers(2, 5)), missing=False)


def _harmonised(cohort: Cohort) -> pd.DataFrame:
    columns = cohort.image_columns
    site = cohort.X["meta__site"].astype(str).to_numpy()
    return cohort.X.assign(**combat_on_all_rows(cohort.X[columns], site))


def combat_in_a_frame(rng: Rng) -> Study:
    cohort = _several_sites(rng)
    return by_rate(rng, cohort, _harmonised(cohort))


def combat_with_sites_gone(rng: Rng) -> Study:
    cohort = _several_sites(rng)
    return by_rate(rng, cohort, _harmonised(cohort).drop(columns="meta__site"))


def combat_in_a_table(rng: Rng) -> Study:
    cohort = _several_sites(rng)
    extracted = as_extracted(cohort.X)
    harmonised = _harmonised(cohort.with_columns(extracted.data))
    return by_rate(rng, cohort, tampered(extracted, harmonised))


def combat_in_a_step(rng: Rng) -> Study:
    cohort = _several_sites(rng)
    step = LookedUp(_harmonised(cohort)[cohort.image_columns])
    model = make_pipeline(
        step,
        CategoryEncoder(),
        MedianImputer(),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300),
    )
    return by_rate(rng, cohort, cohort.X, {"own": model})


COMBAT = {
    "frame": Form(
        combat_in_a_frame,
        "suspected",
        "the sites' means are closer together than chance lets them be, in all columns",
        weight=2,
    ),
    "frame_unseen": Form(
        combat_with_sites_gone, "not_checkable", "nobody can say which rows are of which site"
    ),
    "table": Form(
        combat_in_a_table, "provable", "the data no longer hash to what extraction wrote"
    ),
    "step": Form(combat_in_a_step, "recorded", "a step holds values that all patients' rows made"),
}
