"""Studies without a fault, with all that looks like one: what must not be accused."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tests.planted_faults.cohorts import Cohort, draw
from tests.planted_faults.models import own_pipeline, piped, ridge, sound_model, sound_scheme
from tests.planted_faults.steps import ScaledByTheCohort
from tests.planted_faults.study import Study
from tests.planted_faults.tables import as_extracted
from tumor_response.transformers import CategoryEncoder, MedianImputer

Rng = np.random.Generator


def clean_study(rng: Rng, in_a_table: bool) -> Study:
    """Draw a study: in a feature table, or in a bare frame."""
    cohort = draw(rng)
    chosen = rng.random()
    models = sound_model(rng)
    if chosen < 0.05:  # another seed in every fit
        models = {"forest": piped(last=RandomForestClassifier(8, random_state=None))}
    elif chosen < 0.10:  # numbers of other patients, published with a normal range
        others = draw(rng).X.rename(index=lambda name: f"other {name}", level="patient_id")
        shared = [c for c in cohort.numbers if c in others]
        step = ScaledByTheCohort(others[shared])
        models = {
            "reference": make_pipeline(
                step, CategoryEncoder(), MedianImputer(), StandardScaler(), ridge(rng)[-1]
            )
        }
    elif chosen < 0.20:
        cohort = _clinical_alone(rng, cohort)
        models = {"clinical": tr.make_model("logistic", Cs=(1.0,)), "own": own_pipeline(rng)}
    elif chosen < 0.30:
        cohort = cohort.with_columns(_odd_columns(rng, cohort))
    table = as_extracted(cohort.X) if in_a_table else cohort.X
    if isinstance(table, tr.FeatureTable):
        table = _handled_rightly(rng, table)
        if isinstance(table, tr.FeatureTable) and "volume_only" not in models and chosen > 0.95:
            models = {"volume": tr.make_model("volume_only"), "ridge": ridge(rng)}
    study = Study(models, table, cohort.rate, sound_scheme(rng), tr.ResponderCut("median"))
    return _judged(rng, cohort, study)


def _judged(rng: Rng, cohort: Cohort, study: Study) -> Study:
    """By a cut fitted in the fold, by a fixed one, or by a finished label of a fixed one."""
    chosen = rng.random()
    outcomes = cohort.outcomes if rng.random() < 0.5 else None
    if chosen < 0.5:
        y = cohort.rate if rng.random() < 0.7 else cohort.rate.sample(frac=1.0, random_state=1)
        study = replace(study, y=y, outcomes=outcomes)
        if rng.random() < 0.3:  # follow-ups that did not take place
            y = y.copy()
            y.iloc[rng.choice(len(y), 4, replace=False)] = np.nan
            study = replace(study, y=y, outcomes=None)
        return study
    fixed = 35.0
    shrinkage = cohort.outcomes["shrinkage_percent"]
    if chosen < 0.7:
        rule = tr.ResponderCut(fixed)
        return replace(study, y=shrinkage, label=rule, outcomes=outcomes)
    if chosen < 0.85:
        y = tr.label_responders(cohort.outcomes, by="shrinkage_percent", cut=fixed)
        return replace(study, y=y, label=None, outcomes=outcomes)
    y = (shrinkage > fixed).astype(float).rename("responder")
    return replace(study, y=y, label=None, outcomes=outcomes)


def _clinical_alone(rng: Rng, cohort: Cohort) -> Cohort:
    """A table of few columns, some of them coarse, in which different patients can be equal."""
    kept = [c for c in cohort.X if c.startswith(("clinical__", "meta__"))]
    if rng.random() < 0.5:
        kept = [c for c in kept if c not in ("clinical__volume_cc", "clinical__haemoglobin")]
    X = cohort.X[kept].copy()
    X["clinical__age"] = np.round(X["clinical__age"])
    return cohort.with_columns(X)


def _odd_columns(rng: Rng, cohort: Cohort) -> pd.DataFrame:
    """Innocent columns that look like something: constant, unit ranges, twins, a strong marker."""
    X = cohort.X.copy()
    n = len(X)
    X["radiomics__original__shape_share"] = rng.beta(2, 3, n)
    X["radiomics__original__shape_constant"] = 1.0
    X["radiomics__original__shape_twin"] = X[cohort.image_columns[0]] * (
        1 + 1e-3 * rng.normal(size=n)
    )
    X["radiomics__original__zscore_reference"] = rng.normal(0.1, 1.1, n)
    X["clinical__smoking"] = rng.choice([0.0, 1.0], n)
    z = (cohort.rate - cohort.rate.mean()) / cohort.rate.std()
    X["clinical__marker"] = z + 0.9 * rng.normal(size=n)  # an AUC of about .85
    capped = rng.lognormal(1.0, 1.0, n)
    X["clinical__psa"] = np.clip(capped, 0.3, 8.0)  # limits of detection
    order = [c for c in X if not c.startswith("meta__")]
    return X[[*order, *(c for c in X if c.startswith("meta__"))]]


def _handled_rightly(rng: Rng, table: tr.FeatureTable) -> tr.FeatureTable:
    """What the library offers to do to a table leaves it as believable as it was."""
    chosen = rng.random()
    if chosen < 0.6:
        return table
    if chosen < 0.8:
        return table.select(str(rng.choice(table.blocks)))
    with tempfile.TemporaryDirectory() as folder:
        table.save(folder)
        if chosen < 0.9:
            return tr.FeatureTable.load(folder)
        return tr.FeatureTable.load(folder, blocks=str(rng.choice(table.blocks)))
