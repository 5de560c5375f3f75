"""Faults beyond the usual list, and two that nothing in a study can betray.

Oversampled rows, the mean outcome of a category as a column, steps that remember earlier calls,
steps that look at the batch they predict, values that are missing where the outcome is good; a
signature fitted to all patients, and a penalty tuned on all patients.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

import tumor_response as tr
from tests.planted_faults.before_split import MEDIAN, by_rate, tampered
from tests.planted_faults.cohorts import Cohort, draw
from tests.planted_faults.models import bootstrap, piped, sound_model, sound_scheme
from tests.planted_faults.steps import (
    BatchScaler,
    CachedScaler,
    LevelledClassifier,
    RunningScaler,
    forget,
)
from tests.planted_faults.study import Form, Study
from tests.planted_faults.tables import as_extracted
from tumor_response.transformers import CategoryEncoder, MedianImputer

Rng = np.random.Generator

# ---- oversampling ----------------------------------------------------------------------------


def _oversampled(rng: Rng, interpolated: bool) -> tuple[Cohort, pd.DataFrame, pd.Series]:
    """The rarer class filled up to the size of the other, under ids of their own."""
    cohort = draw(rng, missing=False, lesions=False)
    cut = float(cohort.rate.quantile(rng.uniform(0.65, 0.8)))
    y = (cohort.rate > cut).astype(float).rename("responder")
    rare = np.nonzero(y == 1)[0]
    n_new = int((y == 0).sum() - len(rare))
    first = rng.choice(rare, n_new)
    new = cohort.X.iloc[first].copy()
    if interpolated:  # SMOTE: between a row and one of its five nearest of the same class
        names = cohort.numbers
        values = cohort.X[names].to_numpy()
        z = (values - values.mean(axis=0)) / np.where(values.std(axis=0) > 0, values.std(axis=0), 1)
        apart = ((z[first][:, None] - z[rare][None]) ** 2).sum(axis=2)
        nearest = rare[np.argsort(apart, axis=1)[:, 1:6]]
        second = nearest[np.arange(n_new), rng.integers(0, nearest.shape[1], n_new)]
        way = rng.random((n_new, 1))
        new[names] = values[first] + way * (values[second] - values[first])
    index = pd.MultiIndex.from_tuples(
        [(f"S{1000 + i}", "1") for i in range(n_new)], names=["patient_id", "lesion_id"]
    )
    X = pd.concat([cohort.X, new.set_axis(index)])
    return cohort, X, pd.concat([y, pd.Series(1.0, index, name="responder")])


def oversampled_frame(rng: Rng, interpolated: bool) -> Study:
    _, X, y = _oversampled(rng, interpolated)
    return Study(sound_model(rng), X, y, sound_scheme(rng))


def oversampled_table(rng: Rng) -> Study:
    cohort, X, y = _oversampled(rng, bool(rng.random() < 0.7))
    extracted = as_extracted(cohort.X)
    X.columns = extracted.data.columns
    return Study(sound_model(rng), tampered(extracted, X), y, sound_scheme(rng))


OVERSAMPLED = {
    "copies": Form(
        lambda rng: oversampled_frame(rng, interpolated=False),
        "suspected",
        "many patients agree in every column",
    ),
    "smote": Form(
        lambda rng: oversampled_frame(rng, interpolated=True),
        "suspected",
        "many rows lie on the straight line between two others, in all columns",
    ),
    "table": Form(
        oversampled_table, "provable", "the data no longer hash to what extraction wrote"
    ),
}

# ---- the mean outcome of a category ----------------------------------------------------------


def _encoded(rng: Rng, smooth: bool) -> tuple[Cohort, pd.Series, pd.Series]:
    cohort = draw(rng)
    codes = cohort.X["clinical__subsite"].astype(object).fillna("unknown")
    continuous = rng.random() < 0.5
    y = cohort.rate if continuous else cohort.above_median
    if smooth:
        encoder = TargetEncoder(
            smooth=10.0, target_type="continuous" if continuous else "binary"
        ).fit(codes.to_frame(), y)
        values = pd.Series(encoder.transform(codes.to_frame()).ravel(), index=y.index)
    else:
        values = y.groupby(codes).transform("mean")
    return cohort, values, y


def encoded_in_a_frame(rng: Rng, smooth: bool) -> Study:
    cohort, values, y = _encoded(rng, smooth)
    X = cohort.X.drop(columns="clinical__subsite").assign(clinical__subsite_risk=values)
    label = None if set(y.unique()) <= {0.0, 1.0} else MEDIAN
    return Study(sound_model(rng), X, y, sound_scheme(rng), label)


def encoded_in_a_table(rng: Rng) -> Study:
    cohort, values, y = _encoded(rng, smooth=rng.random() < 0.5)
    extracted = as_extracted(cohort.X)
    data = extracted.data.drop(columns="clinical__subsite").copy()
    dictionary = extracted.dictionary.drop(index="clinical__subsite")
    name = "clinical__subsite_risk"
    data[name] = values
    data.columns = pd.Index(list(data.columns), dtype="str")
    dictionary.loc[name] = extracted.dictionary.loc["clinical__subsite"]
    table = tr.FeatureTable(data, dictionary, extracted.failures, extracted.provenance)
    label = None if set(y.unique()) <= {0.0, 1.0} else MEDIAN
    return Study(sound_model(rng), table, y, sound_scheme(rng), label)


TARGET_ENCODED = {
    "frame": Form(
        lambda rng: encoded_in_a_frame(rng, smooth=False),
        "suspected",
        "each of a column's few values is the mean outcome of the rows that have it",
    ),
    "frame_smoothed": Form(
        lambda rng: encoded_in_a_frame(rng, smooth=True),
        "not_checkable",
        "means drawn towards the whole by an unknown amount: a risk score like others",
        also=("suspected",),
    ),
    "table": Form(
        encoded_in_a_table, "provable", "the data no longer hash to what extraction wrote"
    ),
}

# ---- steps that remember ---------------------------------------------------------------------


def _with_step(rng: Rng, step: object, name: str, last: object = None) -> Study:
    forget(name)
    cohort = draw(rng, largest_p=200)
    model = make_pipeline(
        CategoryEncoder(),
        MedianImputer(),
        step,
        LogisticRegression(C=0.1, max_iter=300) if last is None else last,
    )
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    return Study({"own": model}, table, cohort.rate, sound_scheme(rng), MEDIAN)


def cached_step(rng: Rng) -> Study:
    name = f"cached-{rng.integers(1 << 40)}"
    return _with_step(rng, CachedScaler(name), name)


def running_step(rng: Rng) -> Study:
    name = f"running-{rng.integers(1 << 40)}"
    return _with_step(rng, RunningScaler(name), name)


REMEMBERING = {
    "first_fit": Form(
        cached_step,
        "recorded",
        "the step keeps what its first fit saw, whatever rows it is fitted to later",
    ),
    "running": Form(
        running_step,
        "recorded",
        "the step's means follow from every batch it ever met, those it predicted included",
    ),
}

# ---- steps that look at the batch ------------------------------------------------------------


def batch_step(rng: Rng) -> Study:
    return _with_step(rng, BatchScaler(str(rng.choice(["z", "rank"]))), "")


def batch_classifier(rng: Rng) -> Study:
    return _with_step(rng, StandardScaler(), "", LevelledClassifier())


BATCH_STATISTICS = {
    "step": Form(
        batch_step, "recorded", "a patient's score depends on who else is in the batch", weight=2
    ),
    "classifier": Form(
        batch_classifier, "recorded", "a patient's score depends on who else is in the batch"
    ),
}

# ---- missing where the outcome is good -------------------------------------------------------


def _telling(rng: Rng) -> tuple[Cohort, pd.DataFrame]:
    """A laboratory value that was measured, or kept, in those who did badly."""
    cohort = draw(rng)
    values = pd.Series(np.round(rng.normal(250, 60, len(cohort.X)), 0), index=cohort.X.index)
    good = cohort.above_median == 1
    sharp = rng.random() < 0.6
    share = np.where(good, 1.0 if sharp else 0.97, 0.0 if sharp else 0.03)
    gone = rng.random(len(values)) < share
    values[gone] = np.nan
    X = cohort.X.copy()
    X.insert(1, "clinical__platelets", values)
    return cohort, X


def telling_frame(rng: Rng) -> Study:
    cohort, X = _telling(rng)
    return by_rate(rng, cohort, X)


def telling_table(rng: Rng) -> Study:
    cohort, X = _telling(rng)
    return by_rate(rng, cohort, as_extracted(X))


MISSING_TELLS = {
    "frame": Form(
        telling_frame, "suspected", "whether a column has a value orders the rows as the label does"
    ),
    "table": Form(
        telling_table,
        "suspected",
        "the table is as it was extracted; that gaps follow the label is no proof",
    ),
}

# ---- what nothing can betray -----------------------------------------------------------------


def _signature(rng: Rng) -> tuple[Cohort, pd.Series]:
    """A radiomics score of five columns, chosen and weighted on all patients."""
    cohort = draw(rng, missing=False)
    values = cohort.X[cohort.image_columns]
    z = (values - values.mean()) / values.std().replace(0.0, 1.0)
    y = cohort.above_median
    best = z.apply(lambda column: abs(np.corrcoef(column, y)[0, 1])).nlargest(5).index
    fitted = LogisticRegression(C=0.1, max_iter=300).fit(z[best], y)
    return cohort, pd.Series(fitted.decision_function(z[best]), index=values.index)


def signature_in_a_frame(rng: Rng) -> Study:
    cohort, score = _signature(rng)
    X = cohort.X.drop(columns=cohort.image_columns).assign(radiomics__score=score)
    return by_rate(rng, cohort, X)


def signature_in_a_table(rng: Rng) -> Study:
    cohort, score = _signature(rng)
    table = as_extracted(cohort.X)
    data = table.data.drop(columns=cohort.image_columns).copy()
    data["radiomics__score"] = score
    data.columns = pd.Index(list(data.columns), dtype="str")
    dictionary = table.dictionary.drop(index=cohort.image_columns)
    dictionary.loc["radiomics__score"] = table.dictionary.loc[cohort.image_columns[0]]
    return by_rate(rng, cohort, tr.FeatureTable(data, dictionary, table.failures, table.provenance))


SIGNATURE = {
    "frame": Form(
        signature_in_a_frame,
        "not_checkable",
        "a score is a number like others; who made it, and on whom, does not show",
        also=("suspected",),
        weight=2,
    ),
    "table": Form(
        signature_in_a_table, "provable", "the data no longer hash to what extraction wrote"
    ),
}


def tuned_before(rng: Rng) -> Study:
    cohort = draw(rng, missing=False, largest_p=150)
    y = cohort.above_median
    scores = {
        C: cross_val_score(
            piped(StandardScaler(), last=LogisticRegression(C=C, max_iter=300)),
            cohort.X.drop(columns=[c for c in cohort.X if c.startswith("meta__")]),
            y,
            cv=3,
            scoring="roc_auc",
        ).mean()
        for C in (0.001, 0.03, 1.0)
    }
    best = max(scores, key=scores.__getitem__)
    model = piped(StandardScaler(), last=LogisticRegression(C=best, max_iter=300))
    table = cohort.X if rng.random() < 0.5 else as_extracted(cohort.X)
    return Study({"own": model}, table, cohort.rate, bootstrap(rng), MEDIAN)


TUNED_BEFORE = {
    "model": Form(
        tuned_before, "not_checkable", "a penalty is a number; how it was found does not show"
    ),
}
