"""Measure the optimism-corrected AUC where there is nothing to find.

Every seed draws n = 96 patients (48 and 48) with p independent normal columns (p = 5, 50 and 1,500)
and evaluates a ridge logistic regression (C = 1) on 50 bootstrap resamples. The true AUC is 0.5.

Run:  python benchmarks/optimism_null.py [--seeds 20]
Writes benchmarks/results/optimism_null.csv, one row per seed and p.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation.performance import optimism_table

FIRST_SEED, N_PATIENTS, N_RESAMPLES = 9001, 96, 50
RESULTS = Path(__file__).parent / "results" / "optimism_null.csv"


def one(seed: int, p: int) -> dict[str, float]:
    """Evaluate one null study."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:02d}" for i in range(N_PATIENTS)], name="patient_id")
    columns = [f"radiomics__noise__{i:04d}" for i in range(p)]
    X = pd.DataFrame(rng.normal(size=(N_PATIENTS, p)), index=index, columns=columns)
    y = pd.Series(rng.permutation(np.repeat([0.0, 1.0], N_PATIENTS // 2)), index=index)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
    scheme = tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed)
    result = tr.evaluate({"m": model}, X, y, scheme)
    found = optimism_table(result).loc["m"]
    return {
        "p": p,
        "seed": seed,
        "auc_apparent": found["apparent"],
        "auc_optimism_corrected": found["corrected"],
        "auc_oob": result.summary().loc["m", "auc_oob"],
    }


def main() -> None:
    """Run all seeds, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    seeds = range(FIRST_SEED, FIRST_SEED + parser.parse_args().seeds)
    frame = pd.DataFrame([one(seed, p) for p in (5, 50, 1500) for seed in seeds])
    frame.round(6).to_csv(RESULTS, index=False)
    means = frame.drop(columns="seed").groupby("p").agg(["mean", "sem"])
    print(means.round(3).to_string())


if __name__ == "__main__":
    main()
