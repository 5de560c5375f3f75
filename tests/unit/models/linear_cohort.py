"""Small cohorts of correlated columns for tests of linear models."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["cohort", "drawn"]


def cohort(
    n: int, p: int, *, signal: float = 1.0, noise: float = 1.0, seed: int = 0
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return columns that share four factors, a class and a rate that the first one moves."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 4))
    values = hidden @ rng.normal(size=(4, p)) + noise * rng.normal(size=(n, p))
    rate = signal * hidden[:, 0] + rng.normal(size=n)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(n)], ["1"] * n], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(
        values * rng.uniform(0.2, 4, p) + 5, index=index, columns=[f"deep__{i}" for i in range(p)]
    )
    return X, (rate > np.median(rate)).astype(int), rate


def drawn(
    X: pd.DataFrame, y: np.ndarray, times: int = 1, seed: int = 0
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a bootstrap sample of rows, ``times`` as large."""
    rows = np.random.default_rng(seed).integers(0, len(X), times * len(X))
    return X.iloc[rows], y[rows]
