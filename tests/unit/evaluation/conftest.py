"""Small tables with a known signal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest


def make_table(
    n_patients: int = 40, p: int = 6, seed: int = 0, lesions: int = 1, signal: float = 1.0
) -> tuple[pd.DataFrame, pd.Series]:
    """A frame with clinical and deep columns, and a shrinkage rate that deep__n__0 drives."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n_patients)], [str(k + 1) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    n = len(index)
    X = pd.DataFrame(
        rng.normal(size=(n, p)), index=index, columns=[f"deep__n__{i}" for i in range(p)]
    )
    rate = signal * X["deep__n__0"] + rng.normal(size=n)
    X.insert(0, "clinical__volume_cc", rng.lognormal(2, 0.8, n))
    X.insert(1, "clinical__age", rng.normal(60, 10, n))
    X.insert(2, "meta__site", "A")
    return X, rate.rename("rate_percent_per_day")


@pytest.fixture
def table() -> Callable[..., tuple[pd.DataFrame, pd.Series]]:
    return make_table
