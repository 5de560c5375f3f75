"""A cohort of blocks for the tests of fusion."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cohort(n=70, lesions=1, seed=0, clinical=1.0, deep=1.0, p=40):
    """Two clinical columns, ``p`` deep and 10 radiomics ones; the last say nothing."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    shared = np.repeat(rng.normal(size=(n, 2)), lesions, axis=0)
    X = pd.DataFrame(rng.normal(size=(len(index), p + 12)), index=index)
    X.columns = [
        "clinical__age",
        "clinical__volume_cc",
        *[f"deep__n__{i:03d}" for i in range(p)],
        *[f"radiomics__{i}" for i in range(10)],
    ]
    X["clinical__age"] = 60 + 9 * (shared[:, 0] + 0.3 * X["clinical__age"])
    X["clinical__volume_cc"] = np.exp(X["clinical__volume_cc"])
    X.iloc[:, 2 : 2 + p // 2] += shared[:, [1]]
    rate = clinical * shared[:, 0] + deep * shared[:, 1] + rng.normal(size=len(index))
    return X, pd.Series((rate > np.median(rate)).astype(float), index=index), rate


def resampled(X: pd.DataFrame, seed: int = 0) -> np.ndarray:
    """Row positions of a bootstrap sample of patients."""
    rng = np.random.default_rng(seed)
    of = X.index.get_level_values("patient_id")
    drawn = rng.choice(of.unique(), of.nunique())
    return np.concatenate([np.nonzero(of == one)[0] for one in drawn])
