"""Measure whether the line finds a signal that is there, and none where there is none.

For each seed a cohort is simulated, the three blocks are extracted, and the out-of-bag AUC of
"all blocks" is compared with "clinical only" on shared resamples. The seeds are fixed here,
before any of them was run. With ``signal=0`` the same patients and the same baseline images get
rates that nothing in them knows.

Run:  python benchmarks/simulated_signal.py --work FOLDER [--seeds 10] [--n-jobs 2]
Writes benchmarks/results/simulated_signal.csv (one row per seed and signal) and prints the means.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

import tumor_response as tr
from tumor_response.evaluation.metrics import auc

FIRST_SEED = 101
N_PATIENTS = 96
N_RESAMPLES = 100
BLOCKS = {
    "clinical": ["clinical"],
    "radiomics": ["radiomics"],
    "deep": ["deep"],
    "all": ["clinical", "radiomics", "deep"],
}
RESULTS = Path(__file__).parent / "results" / "simulated_signal.csv"


def one(seed: int, signal: float, work: Path, n_jobs: int) -> dict[str, float]:
    """Simulate, extract and evaluate one cohort."""
    directory = work / f"cohort_{seed}_{signal:g}"
    shutil.rmtree(directory, ignore_errors=True)
    cohort = tr.simulate_cohort(
        N_PATIENTS, seed=seed, directory=directory, signal=signal, n_jobs=n_jobs
    )
    truth = pd.read_csv(directory / "truth.csv")
    extractors = [
        tr.Radiomics("head_neck_ct"),
        tr.DeepFeatures("tf_efficientnet_lite0"),
        tr.ClinicalFactors(["age", "volume_cc"]),
    ]
    table = tr.extract(cohort, extractors, n_jobs=n_jobs, cache_dir=work / "cache")
    outcomes = tr.shrinkage(cohort)
    models = {name: tr.make_model("logistic", blocks=blocks) for name, blocks in BLOCKS.items()}
    models["xgboost"] = tr.make_model("xgboost", blocks=BLOCKS["all"])
    result = tr.evaluate(
        models,
        table,
        outcomes["rate_percent_per_day"],
        label=tr.ResponderCut("median"),
        scheme=tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed),
        n_jobs=n_jobs,
    )
    shutil.rmtree(directory)
    row = {"seed": seed, "signal": signal}
    for oracle in ("oracle_volume_age", "oracle_full"):
        row[oracle] = auc(truth["label"], truth[oracle])
    return row | result.summary()["auc_oob"].to_dict()


def interval(values: pd.Series) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval (Student's t over seeds)."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std() / np.sqrt(len(values))
    return values.mean(), values.mean() - half, values.mean() + half


def main() -> None:
    """Run all seeds, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    rows = []
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
        for signal in (1.0, 0.0):
            rows.append(one(seed, signal, arguments.work, arguments.n_jobs))
            print({k: round(v, 3) for k, v in rows[-1].items()}, flush=True)
            pd.DataFrame(rows).round(6).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows)
    for signal, group in frame.groupby("signal"):
        print(f"\nsignal = {signal:g}, {len(group)} seeds: mean (95 % interval)")
        for name in [*group.columns[2:]]:
            print("  {:18s} {:.3f} ({:.3f} to {:.3f})".format(name, *interval(group[name])))
        difference = interval(group["all"] - group["clinical"])
        print("  {:18s} {:.3f} ({:.3f} to {:.3f})".format("all - clinical", *difference))


if __name__ == "__main__":
    main()
