"""Measure what each AUC estimate says where there is nothing to find.

Every seed draws n = 96 patients with p = 1,500 independent normal columns and labels that none of
them knows (48 and 48), and evaluates a model on bootstrap resamples. The true AUC is 0.5. The
seeds are fixed here.

Run:  python benchmarks/null_bias.py [--seeds 40] [--n-jobs 2]
Writes benchmarks/results/null_bias.csv (one row per seed and model) and prints mean and standard
error over seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr

FIRST_SEED = 5001
N_PATIENTS, N_COLUMNS, N_RESAMPLES = 96, 1500, 100
ESTIMATES = ["auc_apparent", "auc_oob", "auc_632", "auc_632plus", "auc_632plus_per_resample"]
RESULTS = Path(__file__).parent / "results" / "null_bias.csv"


def one(seed: int, n_jobs: int) -> pd.DataFrame:
    """Evaluate the models on one null study."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(N_PATIENTS)], ["1"] * N_PATIENTS],
        names=["patient_id", "lesion_id"],
    )
    columns = [f"radiomics__noise__{i:04d}" for i in range(N_COLUMNS)]
    table = pd.DataFrame(rng.normal(size=(N_PATIENTS, N_COLUMNS)), index=index, columns=columns)
    y = pd.Series(rng.permutation(np.repeat([0.0, 1.0], N_PATIENTS // 2)), index=index)
    models = {
        "logistic, tuned": tr.make_model("logistic"),
        "logistic, C = 1": tr.make_model("logistic", Cs=(1.0,)),
        "xgboost": tr.make_model("xgboost"),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed)
    summary = tr.evaluate(models, table, y, scheme=scheme, n_jobs=n_jobs).summary()
    return summary[[*ESTIMATES, "ci_low", "ci_high"]].assign(seed=seed)


def main() -> None:
    """Run all seeds, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    rows = [one(seed, arguments.n_jobs) for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds)]
    frame = pd.concat(rows)
    frame.round(6).to_csv(RESULTS)
    for name, group in frame.groupby(level=0):
        print(f"{name}, {len(group)} seeds: mean (standard error)")
        for estimate in ESTIMATES:
            values = group[estimate]
            error = values.std() / np.sqrt(len(values))
            print(f"  {estimate:26s} {values.mean():.3f} ({error:.3f})")
        holds = ((group["ci_low"] <= 0.5) & (group["ci_high"] >= 0.5)).mean()
        print(f"  intervals that hold 0.5    {holds:.0%}")


if __name__ == "__main__":
    main()
