"""Tables of sites whose scanners do what is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd


class Scanned(NamedTuple):
    """A table, what it was before the scanners, and what they did."""

    X: pd.DataFrame
    truth: pd.DataFrame
    added: dict[str, np.ndarray]
    factor: dict[str, np.ndarray]


def scanned(
    sizes: dict[str, int] | None = None, n_columns: int = 60, seed: int = 0, block="radiomics"
) -> Scanned:
    """Columns of mean 10 and SD 2; each site but the first adds and multiplies (around 10)."""
    sizes = sizes or {"A": 60, "B": 40}
    rng = np.random.default_rng(seed)
    sites = np.repeat(list(sizes), list(sizes.values()))
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(len(sites))], ["1"]], names=["patient_id", "lesion_id"]
    )
    names = [f"{block}__f{i}" for i in range(n_columns)]
    truth = pd.DataFrame(10 + 2 * rng.normal(size=(len(sites), n_columns)), index, names)
    values = truth.to_numpy(copy=True)
    added, factor = {}, {}
    for place, site in enumerate(sizes):
        at = sites == site
        added[site] = rng.normal(3, 1, n_columns) if place else np.zeros(n_columns)
        factor[site] = np.exp(rng.normal(0.3, 0.3, n_columns)) if place else np.ones(n_columns)
        values[at] = 10 + factor[site] * (values[at] - 10) + added[site]
    X = pd.DataFrame(values, index, names)
    X["clinical__age"] = rng.integers(40, 80, len(sites)).astype(float)
    X["meta__site"] = sites
    return Scanned(X, truth, added, factor)
