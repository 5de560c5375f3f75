"""Small cohorts and tables that the tests of the predictor fit to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr
from tests.unit import cases

RATE = "rate_percent_per_day"


def table(n_patients: int = 40, n_columns: int = 4, seed: int = 0) -> pd.DataFrame:
    """Every second patient has two lesions; volume, age and a category beside the numbers."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_tuples(
        [(f"P{i}", str(j)) for i in range(n_patients) for j in range(1 + i % 2)],
        names=["patient_id", "lesion_id"],
    )
    n = len(index)
    columns = [f"radiomics__f{at}" for at in range(n_columns)]
    X = pd.DataFrame(rng.normal(size=(n, n_columns)), index, columns)
    X["clinical__volume_cc"] = rng.lognormal(3, 1, size=n)
    X["clinical__sex"] = pd.Categorical(rng.choice(["f", "m"], n))
    return X


def rates(X: pd.DataFrame, seed: int = 1) -> pd.Series:
    noise = np.random.default_rng(seed).logistic(size=len(X))
    return pd.Series(2 * X["radiomics__f0"] + noise, name=RATE)


def cohort(folder: Path, n_patients: int = 16) -> tr.Cohort:
    """Contours of different sizes, which with age and volume alone need no compilation."""
    folder.mkdir()
    frame = cases.cohort_folder(folder, n_patients)[["patient_id", "image", "mask", "age"]]
    frame.to_csv(folder / "manifest.csv", index=False)
    return tr.Cohort.from_csv(folder / "manifest.csv")


def outcomes(of: tr.Cohort) -> pd.Series:
    keys = pd.MultiIndex.from_tuples([c.key for c in of], names=["patient_id", "lesion_id"])
    return pd.Series(np.arange(len(of)) % 3 / 3.0 + 0.1 * np.arange(len(of)), keys, name=RATE)


EXTRACTORS = [tr.ClinicalFactors(["age", "volume_cc"])]
