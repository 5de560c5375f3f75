"""Tiny studies of images whose texture knows the label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr

KEY = "views__axial__key"


def texture(rng: np.random.Generator, label: int, n_views: int = 2, size: int = 32) -> np.ndarray:
    """Views in 4-D, coarser where the label is 1."""
    step = 4 if label else 1
    small = rng.random((n_views, 1, size // step, size // step))
    return np.kron(small, np.ones((1, 1, step, step))).astype(np.float32)


def study(
    folder: Path, n: int = 20, n_views: int | None = 2, seed: int = 0
) -> tuple[tr.ViewStore, pd.DataFrame, np.ndarray]:
    """A store, its key column by patient, and labels; ``n_views`` None: 1, 2, 3, 1 ..."""
    store, rng = tr.ViewStore(folder / "views"), np.random.default_rng(seed)
    keys, y = [], np.arange(n) % 2
    for i in range(n):
        keys.append(f"{seed:032x}{i:032x}")
        store.put(keys[-1], texture(rng, int(y[i]), n_views or 1 + i % 3))
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(n)], ["1"] * n], names=["patient_id", "lesion_id"]
    )
    return store, pd.DataFrame({KEY: keys}, index=index), y
