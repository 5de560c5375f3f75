"""A small table of three blocks, the middle one of two families, and models with interactions."""

from __future__ import annotations

import numpy as np
import pandas as pd

COLUMNS = ["clinical__age", "image__f__0", "image__f__1", "image__g__0", "deep__n__0"]
BLOCK, FAMILY = [0, 1, 1, 1, 2], [0, 1, 1, 2, 3]
LEVELS = [BLOCK, FAMILY]


def small(n: int = 40, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(n, 5)), index, COLUMNS)
    driver = X["image__f__0"] * X["deep__n__0"] + X["clinical__age"] + 0.5 * rng.normal(size=n)
    return X, (driver > 0).astype(int)


def sums(values: np.ndarray, group: list[int]) -> np.ndarray:
    """Return the sum of the columns of each group."""
    return np.column_stack([values[:, np.equal(group, g)].sum(axis=1) for g in sorted(set(group))])
