"""Small images, a predictor of age and volume fitted to some of them, and new lesions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.reporting.patient.made import EXTRACTORS, N_TRAINING, cohort_of, fitted
from tumor_response.table import FeatureTable


@pytest.fixture(scope="session")
def training(tmp_path_factory: pytest.TempPathFactory) -> tuple[FeatureTable, pd.Series]:
    """Thirty tumours that shrink the faster the older the patient is."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("training")
    ages = rng.uniform(40, 80, N_TRAINING).round(1)
    sides = rng.integers(3, 9, N_TRAINING)
    rows = [(f"T{i:03d}", "1", float(ages[i]), int(sides[i])) for i in range(N_TRAINING)]
    table = tr.extract(cohort_of(folder, rows), EXTRACTORS)
    rate = 1.0 + 0.05 * (ages - 60) + rng.normal(0, 0.25, N_TRAINING)
    return table, pd.Series(rate, table.data.index, name="rate_percent_per_day")


@pytest.fixture(scope="session")
def predictor(training: tuple[FeatureTable, pd.Series]) -> tr.ShrinkagePredictor:
    return fitted(training)


@pytest.fixture(scope="session")
def new(tmp_path_factory: pytest.TempPathFactory) -> tr.Cohort:
    """An old, a middling and a young patient, and one far older than any."""
    rows = [("old", "1", 79.0, 6), ("middling", "1", 60.0, 6), ("young", "1", 41.0, 6)]
    rows.append(("ancient", "1", 250.0, 6))
    return cohort_of(tmp_path_factory.mktemp("new"), rows)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return tmp_path / "apart" / "key"
