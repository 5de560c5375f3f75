"""Compare ridge, lasso and elastic net at few patients and many columns, and time the lasso's path.

Part 1, ``auc``: the tables of benchmarks/reduction.py (100 patients, 1,000 columns of 30 hidden
factors; the response decided by factors of large variance, of small variance, by eight single
columns, or by nothing). Each model is ``make_model("logistic", penalty=...)`` with its defaults, on
shared resamples; ``lasso_one_se`` takes the strongest penalty within one standard error. Mean
out-of-bag AUC, how many columns are in, and seconds of one fit.

Part 2, ``path``: one fit with its 30 penalties and 5 inner folds on 96 patients and 1,500 columns,
against the held-out deviances of scikit-learn's ``LogisticRegression`` on the same penalties and
folds, solver liblinear at its default tolerance, each fit started at the one before. liblinear
penalises the intercept as well; saga does not, and takes seconds for a single penalty.
Seconds of processor time, and how far the deviance is from ours at most.

The seeds are fixed here.

Run:  python benchmarks/penalties.py auc [--seeds 5] [--null-seeds 10] [--resamples 10]
      python benchmarks/penalties.py path [--seeds 5]
Writes benchmarks/results/penalties.csv and penalties_path.csv; finished rows are kept.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from reduction import FIRST_SEED, SCENARIOS, simulated
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.models import PatientKFold, PenalisedLogistic, final_estimator

RESULTS = Path(__file__).parent / "results"
MODELS: dict[str, dict[str, str]] = {
    "ridge": {},
    "elastic_net": {"penalty": "elastic_net"},
    "lasso": {"penalty": "lasso"},
    "lasso_one_se": {"penalty": "lasso", "rule": "one_se"},
}


def compared(scenario: str, seed: int, n_resamples: int) -> list[dict[str, object]]:
    """Evaluate all penalties on one study."""
    X, y = simulated(scenario, seed)
    models = {name: tr.make_model("logistic", **settings) for name, settings in MODELS.items()}
    scheme = tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed)
    summary = tr.evaluate(models, X, y, scheme).summary()
    rows = []
    for name, model in models.items():
        began = time.process_time()
        fitted = model.fit(X, y)
        rows.append(
            {
                "scenario": scenario,
                "seed": seed,
                "model": name,
                "auc_oob": summary.loc[name, "auc_oob"],
                "n_columns": int((final_estimator(fitted).coef_ != 0).sum()),
                "fit_s": time.process_time() - began,
            }
        )
    return rows


def correlated(seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw a bootstrap sample of 96 patients with 1,500 columns of eight factors."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(96, 8))
    X = hidden @ rng.normal(size=(8, 1500)) + rng.normal(size=(96, 1500))
    rate = hidden[:, 0] + rng.normal(size=96)
    rows = rng.integers(0, 96, 96)
    index = pd.Index([f"P{row:02d}" for row in rows], name="patient_id")
    values = StandardScaler().fit_transform(X[rows])
    return pd.DataFrame(values, index=index).add_prefix("c"), (rate > np.median(rate))[rows] * 1


def deviances(X: pd.DataFrame, y: np.ndarray, Cs: np.ndarray, **how: object) -> np.ndarray:
    """Return scikit-learn's held-out deviances along the path, each fit started at the last."""
    total = np.zeros(len(Cs))
    for train, test in PatientKFold(5).split(X, y):
        model = LogisticRegression(l1_ratio=1.0, warm_start=True, random_state=0, **how)
        for place, C in enumerate(Cs):
            model.set_params(C=C).fit(X.to_numpy()[train], y[train])
            chance = model.predict_proba(X.to_numpy()[test])[np.arange(len(test)), y[test]]
            total[place] -= 2 * np.log(chance).sum()
    return total / len(y)


def timed(seed: int) -> list[dict[str, object]]:
    """Time one tuned lasso, ours and scikit-learn's."""
    X, y = correlated(seed)
    PenalisedLogistic().fit(X, y)  # compiled, or read from disk
    began = time.process_time()
    model = PenalisedLogistic().fit(X, y)
    ours = time.process_time() - began
    rows = [{"seed": seed, "solver": "tumor_response", "fit_s": ours, "deviance_off": 0.0}]
    began = time.process_time()
    theirs = deviances(X, y, model.path_Cs_, solver="liblinear", max_iter=100_000)
    took = time.process_time() - began
    off = np.abs(theirs - model.path_deviances_).max()
    rows.append({"seed": seed, "solver": "liblinear", "fit_s": took, "deviance_off": off})
    return rows


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["auc", "path"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--null-seeds", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=10)
    given = parser.parse_args()
    if given.part == "path":
        warnings.simplefilter("ignore")  # liblinear and its intercept
        times = pd.DataFrame([row for seed in range(given.seeds) for row in timed(seed)])
        times.to_csv(RESULTS / "penalties_path.csv", index=False, float_format="%.4g")
        print(times.groupby("solver", sort=False).mean().to_string())
        return
    path = RESULTS / "penalties.csv"
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["scenario", "seed"])
    for scenario in SCENARIOS:
        n_seeds = given.null_seeds if scenario == "nothing" else given.seeds
        for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
            if ((table["scenario"] == scenario) & (table["seed"] == seed)).any():
                continue
            rows = pd.DataFrame(compared(scenario, seed, given.resamples))
            table = pd.concat([table, rows], ignore_index=True) if len(table) else rows
            table.to_csv(path, index=False, float_format="%.5g")
    of_model = table.groupby(["scenario", "model"], sort=False)[["auc_oob", "n_columns", "fit_s"]]
    print(of_model.agg(["mean", "sem"]).round(3).to_string())


if __name__ == "__main__":
    main()
