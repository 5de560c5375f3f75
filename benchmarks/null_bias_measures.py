"""Measure what every estimate of every figure of merit says where there is nothing to find.

Every seed draws n = 96 patients with p independent normal columns (p = 5 and 1,500) and an outcome
that none of them knows: 48 and 48 classes, or a normal rate. A ridge model (logistic with C = 1, or
linear with alpha = p / 5) is evaluated on 50 bootstrap resamples. The truth beside it is what the
same model, fitted on all 96, reaches on fresh patients; it is computed on 2,000 of them with the
outcome integrated out. The seeds are fixed here.

`632plus_oob_pairs` is the .632+ estimate with the no-information value taken over pairs of
outcomes and out-of-bag predictions instead of those of the fit on all rows: not the published
definition, measured to see where the bias comes from.

Run:  python benchmarks/null_bias_measures.py [--seeds 40]
Writes benchmarks/results/null_bias_measures.csv (mean and standard error over seeds of estimate
less truth) and resumes from benchmarks/results/null_bias_measures_seeds.csv if that is there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation import performance

FIRST_SEED = 7001
N_PATIENTS, N_FRESH, N_RESAMPLES = 96, 2000, 50
RESULTS = Path(__file__).parent / "results" / "null_bias_measures.csv"
SEEDS = RESULTS.with_name("null_bias_measures_seeds.csv")
ESTIMATES = ["apparent", "oob", "632", "632plus", "632plus_oob_pairs"]
MEASURES = {
    "response": ["auc", "average_precision", "brier", "log_loss"],
    "rate": ["r2", "c_index"],
}
PAIRS = {
    "brier": performance.no_information_brier,
    "log_loss": performance.no_information_log_loss,
    "r2": performance.no_information_r2,
}


def model_of(task: str, p: int) -> Pipeline:
    """Return the ridge model."""
    last = LogisticRegression(C=1.0) if task == "response" else Ridge(alpha=p / 5)
    return make_pipeline(StandardScaler(), last)


def truth(task: str, model: Pipeline, X: pd.DataFrame, y: pd.Series, fresh: pd.DataFrame) -> dict:
    """Return what the model reaches on fresh patients, whose outcome knows nothing of it."""
    model.fit(X, y)
    if task == "rate":
        predicted = model.predict(fresh)
        left_over = 1 + np.mean(predicted**2)  # E (y - prediction)^2 with y standard normal
        return {"r2": 1 - left_over / (1 + y.mean() ** 2), "c_index": 0.5}
    p = model.predict_proba(fresh)[:, 1]
    return {
        "auc": 0.5,
        "average_precision": 0.5,
        "brier": np.mean(0.25 + (p - 0.5) ** 2),
        "log_loss": np.mean(-(np.log(p) + np.log1p(-p)) / 2),
    }


def one(seed: int, p: int, task: str) -> pd.DataFrame:
    """Evaluate one null study."""
    rng = np.random.default_rng(seed)
    index = pd.Index([f"P{i:03d}" for i in range(N_PATIENTS)], name="patient_id")
    columns = [f"radiomics__noise__{i:04d}" for i in range(p)]
    X = pd.DataFrame(rng.normal(size=(N_PATIENTS, p)), index=index, columns=columns)
    if task == "response":
        values = rng.permutation(np.repeat([0.0, 1.0], N_PATIENTS // 2))
    else:
        values = rng.normal(size=N_PATIENTS)
    y = pd.Series(values, index=index, name="rate")
    fresh = pd.DataFrame(rng.normal(size=(N_FRESH, p)), columns=columns)
    scheme = tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed)
    result = tr.evaluate({"ridge": model_of(task, p)}, X, y, scheme)
    table = performance.performance_table(result).loc["ridge"]
    true = truth(task, model_of(task, p), X, y, fresh)
    pairs = performance.single_fit_predictions(result, "ridge")
    rows = []
    for measure in MEASURES[task]:
        row = table.loc[measure]
        estimates = {name: row[name] for name in ESTIMATES[:-1]}
        gamma = PAIRS[measure](*pairs) if measure in PAIRS else row["no_information"]
        better = "low" if measure in ("brier", "log_loss") else "high"
        estimates[ESTIMATES[-1]] = performance.estimate_632plus(
            row["apparent"], row["oob"], gamma, better
        )
        rows.append(
            {
                "task": task,
                "p": p,
                "seed": seed,
                "measure": measure,
                "truth": true[measure],
                "no_information": row["no_information"],
                **estimates,
            }
        )
    return pd.DataFrame(rows)


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean truth and, for each estimate, its mean less the truth with its standard error."""
    rows = []
    for (task, p, measure), group in frame.groupby(["task", "p", "measure"], sort=False):
        row = {"task": task, "p": p, "measure": measure, "n_seeds": len(group)}
        row["truth"] = group["truth"].mean()
        row["no_information"] = group["no_information"].mean()
        for estimate in ESTIMATES:
            off = group[estimate] - group["truth"]
            row[f"{estimate}_bias"] = off.mean()
            row[f"{estimate}_se"] = off.std() / np.sqrt(len(off))
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Run the seeds that are not there yet, write the summary, print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    seeds = range(FIRST_SEED, FIRST_SEED + parser.parse_args().seeds)
    done = pd.read_csv(SEEDS) if SEEDS.exists() else pd.DataFrame(columns=["task", "p", "seed"])
    known = set(zip(done["task"], done["p"], done["seed"], strict=True))
    for seed in seeds:
        for task in MEASURES:
            for p in (5, 1500):
                if (task, p, seed) not in known:
                    part = one(seed, p, task)
                    part.round(6).to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)
    frame = pd.read_csv(SEEDS)
    table = summarise(frame[frame["seed"].isin(seeds)])
    table.round(4).to_csv(RESULTS, index=False)
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
