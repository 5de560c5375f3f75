"""Compare the reductions of a wide block where there is something to find, and where there is not.

Tables are drawn in NumPy, 100 patients and 1,000 columns made of 30 hidden factors of falling
strength and noise, as embeddings are: the first components hold most of the variance. What decides
the response differs:

- ``leading``: three factors of large variance (the 4th to the 6th),
- ``tail``: three factors of small variance (the 16th, 21st and 26th),
- ``sparse``: eight single columns,
- ``nothing``: nothing. The true AUC is 0.5.

Each model is ``make_model("logistic", reduction=...)`` with its defaults, on shared resamples. The
seeds are fixed here.

Run:  python benchmarks/reduction.py [--seeds 5] [--null-seeds 10] [--resamples 100] [--n-jobs 2]
Writes benchmarks/results/reduction.csv (one row per scenario, seed and reduction) and prints mean
and standard error over seeds, of the AUC and of its paired difference to no reduction.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr

FIRST_SEED = 8001
N_PATIENTS, N_COLUMNS, N_FACTORS = 100, 1000, 30
SIGNAL = 1.5
SCENARIOS = ("leading", "tail", "sparse", "nothing")
REDUCTIONS = ("none", "pca", "pls", "supervised_pca", "mrmr")
RESULTS = Path(__file__).parent / "results" / "reduction.csv"


def simulated(scenario: str, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw one study."""
    rng = np.random.default_rng(seed)
    strength = 1 / np.sqrt(1 + np.arange(N_FACTORS))
    factors = rng.normal(size=(N_PATIENTS, N_FACTORS))
    loadings = rng.normal(size=(N_FACTORS, N_COLUMNS)) * strength[:, None]
    values = factors @ loadings + 0.7 * rng.normal(size=(N_PATIENTS, N_COLUMNS))
    told = {
        "leading": factors[:, [3, 4, 5]].sum(axis=1),
        "tail": factors[:, [15, 20, 25]].sum(axis=1),
        "sparse": values[:, rng.choice(N_COLUMNS, 8, replace=False)].sum(axis=1),
        "nothing": np.zeros(N_PATIENTS),
    }[scenario]
    told = SIGNAL * told / (told.std() or 1.0)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(N_PATIENTS)], ["1"] * N_PATIENTS],
        names=["patient_id", "lesion_id"],
    )
    columns = [f"deep__simulated__{i:04d}" for i in range(N_COLUMNS)]
    rate = told + rng.normal(size=N_PATIENTS)
    y = pd.Series((rate > np.median(rate)).astype(float), index=index)
    return pd.DataFrame(values, index=index, columns=columns), y


def one(scenario: str, seed: int, n_resamples: int, n_jobs: int) -> list[dict[str, object]]:
    """Evaluate all reductions on one study."""
    table, y = simulated(scenario, seed)
    models = {name: tr.make_model("logistic", reduction=name) for name in REDUCTIONS}
    seconds = {}
    for name, model in models.items():
        start = time.process_time()
        model.fit(table, y)
        seconds[name] = time.process_time() - start
    scheme = tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed)
    summary = tr.evaluate(models, table, y, scheme=scheme, n_jobs=n_jobs).summary()
    return [
        {
            "scenario": scenario,
            "seed": seed,
            "n_resamples": n_resamples,
            "reduction": name,
            "auc_oob": summary.loc[name, "auc_oob"],
            "auc_apparent": summary.loc[name, "auc_apparent"],
            "n_constant": summary.loc[name, "n_constant"],
            "seconds_per_fit": seconds[name],
        }
        for name in REDUCTIONS
    ]


def mean_and_error(values: pd.Series) -> str:
    """Return ``0.712 (0.010)``."""
    return f"{values.mean():.3f} ({values.std() / np.sqrt(len(values)):.3f})"


def main() -> None:
    """Run all seeds, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--null-seeds", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    for number in range(max(arguments.seeds, arguments.null_seeds)):
        for scenario in SCENARIOS:
            wanted = arguments.null_seeds if scenario == "nothing" else arguments.seeds
            if number < wanted:
                seed = FIRST_SEED + number
                rows += one(scenario, seed, arguments.resamples, arguments.n_jobs)
                pd.DataFrame(rows).round(6).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows)
    for scenario, of_scenario in frame.groupby("scenario", sort=False):
        wide = of_scenario.pivot_table(index="seed", columns="reduction", values="auc_oob")
        print(f"\n{scenario}, {len(wide)} seeds: mean (standard error over seeds)")
        for name in REDUCTIONS:
            less = mean_and_error(wide[name] - wide["none"]) if name != "none" else ""
            print(f"  {name:16s} {mean_and_error(wide[name])}   minus none: {less}")
    fit = frame.groupby("reduction", sort=False)["seconds_per_fit"].median()
    print("\nseconds per fit (median):", fit.round(3).to_dict())


if __name__ == "__main__":
    main()
