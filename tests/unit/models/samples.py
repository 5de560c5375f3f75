"""Small samples of patients, some with several lesions, drawn as a bootstrap draws them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def cohort(
    n: int = 60, p: int = 40, seed: int = 0, lesions: int = 1, strength: float = 2.0
) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns of one block, and a rate that the first three know."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], [str(j) for j in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    X = pd.DataFrame(rng.normal(size=(n * lesions, p)), index=index).add_prefix("deep__n__")
    rate = strength * X.iloc[:, :3].sum(axis=1).to_numpy() / np.sqrt(3)
    return X, rate + rng.normal(size=len(X))


def resampled(n_rows: int, seed: int = 0) -> np.ndarray:
    """Rows of a bootstrap sample."""
    return np.random.default_rng(seed).integers(0, n_rows, n_rows)


def noise_with_hidden_copies(seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Rows of noise, each twice or so; once with their patients' names, once as if all differed.

    Jitter hides that rows are copies, so that nobody without the names can tell.
    """
    rng = np.random.default_rng(seed)
    n, p = 60, 400
    rows = rng.integers(0, n, 2 * n)
    X = rng.normal(size=(n, p))[rows] / np.sqrt(p) + 1e-9 * rng.normal(size=(2 * n, p))
    named = pd.DataFrame(X, index=pd.Index([f"P{row}" for row in rows], name="patient_id"))
    strangers = pd.Index([f"Q{i}" for i in range(2 * n)], name="patient_id")
    named = named.add_prefix("deep__n__")
    return named, named.set_axis(strangers), rng.integers(0, 2, n)[rows]
