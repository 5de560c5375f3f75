"""Compare ridge, lasso and elastic net at few patients and many columns, and time the lasso's path.

Part 1, ``auc``: the tables of benchmarks/reduction.py (100 patients, 1,000 columns of 30 hidden
factors; the response decided by factors of large variance, of small variance, by eight single
columns, or by nothing). Each model is ``make_model("logistic", penalty=...)`` with its defaults, on
shared resamples; ``lasso_one_se`` takes the strongest penalty within one standard error. Mean
out-of-bag AUC, how many columns are in, and seconds of one fit.

Part 2, ``path``: one fit with its 30 penalties and 5 inner folds on 96 patients and 1,500 columns,
against scikit-learn's ``LogisticRegressionCV`` on the same penalties and folds, solvers saga and
liblinear (which penalises the intercept), at their default tolerance. Seconds of processor time,
and the largest difference of the held-out deviance from the optimum's (saga at tolerance 1e-8).

The seeds are fixed here.

Run:  python benchmarks/penalties.py [--seeds 5] [--null-seeds 10] [--resamples 10]
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
    Cs = model.path_Cs_[:20]
    exact = deviances(X, y, Cs, solver="saga", tol=1e-8, max_iter=1_000_000)
    rows = [_timed_row(seed, "tumor_response", ours, model.path_deviances_[:20] - exact)]
    for solver in ("saga", "liblinear"):
        began = time.process_time()
        theirs = deviances(X, y, model.path_Cs_, solver=solver, max_iter=100_000)
        rows.append(_timed_row(seed, solver, time.process_time() - began, theirs[:20] - exact))
    return rows


def _timed_row(seed: int, what: str, seconds: float, off: np.ndarray) -> dict[str, object]:
    # the first penalty leaves nothing in, and saga stops there before its intercept has settled
    return {"seed": seed, "solver": what, "fit_s": seconds, "deviance_off": np.abs(off[1:]).max()}


def main() -> None:
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--null-seeds", type=int, default=10)
    parser.add_argument("--resamples", type=int, default=10)
    given = parser.parse_args()
    warnings.simplefilter("ignore")  # liblinear and l1_ratio
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
    if not (RESULTS / "penalties_path.csv").exists():
        times = pd.DataFrame([row for seed in range(3) for row in timed(seed)])
        times.to_csv(RESULTS / "penalties_path.csv", index=False, float_format="%.4g")
        print(times.groupby("solver").mean().to_string())


if __name__ == "__main__":
    main()
