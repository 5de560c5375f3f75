"""How often selections find something where there is nothing, in bootstrap samples of patients.

Labels are random, columns are noise (those of a patient's lesions alike, with a correlation of 0.8
between lesions), and the rows are a bootstrap sample of patients, as in an evaluation. Counted, per
study:

- ``mann_whitney``: the share of columns with p < 0.05, each lesion tested once,
- ``mann_whitney_on_copies``: the same with the rows taken as they stand,
- ``mann_whitney_fdr``: 1 if any column passes at a false discovery rate of 0.1 (the share of
  studies may be 0.1),
- ``stability``: columns kept (expected at most ``bound``), and ``stability_bound``,
- ``boruta``: columns confirmed (300 columns only; it takes seconds).

Run:  python benchmarks/selection_null.py [--seeds 50]
Appends to benchmarks/results/selection_null.csv (one row per setting, seed and measure; what is
there is not run again) and prints means with standard errors. The seeds are fixed here.

Quick: --seeds 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from tumor_response.transformers import BorutaFilter, MannWhitneyFilter, StabilitySelection
from tumor_response.transformers.mann_whitney import mann_whitney_p_values

FIRST_SEED = 7001
SETTINGS = [(96, 1, 1500), (96, 1, 300), (40, 1, 300), (60, 2, 300), (25, 3, 300)]
BORUTA_SEEDS = 4
RESULTS = Path(__file__).parent / "results" / "selection_null.csv"


def sample(n: int, lesions: int, p: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a study and a bootstrap sample of its patients."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"P{i}" for i in range(n)], [str(k) for k in range(lesions)]],
        names=["patient_id", "lesion_id"],
    )
    values = np.repeat(rng.normal(size=(n, p)), lesions, axis=0)
    values += 0.5 * rng.normal(size=values.shape)
    y = np.repeat(rng.permutation(np.arange(n) % 2), lesions)
    rows = (rng.integers(0, n, n)[:, None] * lesions + np.arange(lesions)).ravel()
    return pd.DataFrame(values[rows], index=index[rows]).add_prefix("noise__"), y[rows]


def measured(n: int, lesions: int, p: int, seed: int) -> dict[str, float]:
    """Select from one sample in all ways."""
    X, y = sample(n, lesions, p, seed)
    tested = MannWhitneyFilter().fit(X, y)
    values = X.to_numpy()
    on_copies = mann_whitney_p_values(values, rankdata(values, axis=0), y.astype(float))
    stable = StabilitySelection().fit(X, y)
    found = {
        "mann_whitney": (tested.p_values_ < 0.05).mean(),
        "mann_whitney_on_copies": (on_copies < 0.05).mean(),
        "mann_whitney_fdr": float((tested.q_values_ <= 0.1).any()),
        "stability": float((stable.shares_ >= stable.threshold).sum()),
        "stability_bound": stable.bounds_["noise"],
    }
    if p == 300 and n in (96, 25) and seed < FIRST_SEED + BORUTA_SEEDS:
        found["boruta"] = float((BorutaFilter().fit(X, y).decision_ == "confirmed").sum())
    return found


def main() -> None:
    """Run what is not there yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=50)
    asked = parser.parse_args()
    keys = ["n", "lesions", "p", "seed"]
    done = pd.read_csv(RESULTS)[keys] if RESULTS.exists() else pd.DataFrame(columns=keys)
    there = set(done.itertuples(index=False, name=None))
    for seed in range(FIRST_SEED, FIRST_SEED + asked.seeds):
        for setting in SETTINGS:
            if (*setting, seed) in there:
                continue
            rows = pd.DataFrame(
                [(*setting, seed, *found) for found in measured(*setting, seed).items()],
                columns=[*keys, "measure", "value"],
            ).round({"value": 5})
            rows.to_csv(RESULTS, mode="a", header=not RESULTS.exists(), index=False)
    by = pd.read_csv(RESULTS).groupby(["n", "lesions", "p", "measure"])["value"]
    print(by.agg(["mean", "sem", "count"]).round(4).to_string())


if __name__ == "__main__":
    main()
