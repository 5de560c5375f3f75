"""How the models that are not penalised regressions do beside ridge, and what a fit costs.

The studies are those of ``boosting_rounds.py``: 100 patients, 1,000 image columns, three clinical
ones; what decides the response differs, and in ``nothing`` nothing does. Each model, with its
defaults (the random forest also without its filter), is fitted to bootstrap samples of patients
and scored by the AUC of the patients left out; all models meet the same samples. The seeds are
fixed here.

Run:  python benchmarks/other_models.py [--seeds 4] [--resamples 10]
Appends to benchmarks/results/other_models.csv (a row per scenario, seed and model), goes on where
a stopped run ended, and prints mean and standard error over seeds.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from boosting_rounds import FIRST_SEED, SCENARIOS, simulated
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline

from tumor_response.models import make_model
from tumor_response.models.components import RECIPES as OF_COMPONENTS
from tumor_response.models.foundation import RECIPES as OF_FOUNDATION
from tumor_response.models.kernel import RECIPES as OF_KERNELS
from tumor_response.models.trees import RECIPES as OF_TREES

RECIPES = {**OF_TREES, **OF_KERNELS, **OF_COMPONENTS, **OF_FOUNDATION}
NAMES = (
    "logistic",
    "xgboost",
    "random_forest",
    "random_forest_all",
    "svm",
    "pls_da",
    "gaussian_process",
    "tabular_foundation",
)
RESULTS = Path(__file__).parent / "results" / "other_models.csv"


def made(name: str) -> Pipeline:
    """Return the named model with its defaults."""
    if name == "logistic":
        return make_model("logistic")
    if name == "random_forest_all":
        recipe = RECIPES["random_forest", "response"]
        return recipe.make(recipe.settings(n_columns_per_block=None), None, 0)
    recipe = RECIPES[name, "response"]
    return recipe.make(recipe.settings(), None, 0)


def one(scenario: str, seed: int, name: str, n_resamples: int) -> dict[str, object]:
    """Score one model on one study."""
    table, y = simulated(scenario, seed)
    label = y.to_numpy().astype(int)
    rng = np.random.default_rng(seed)
    aucs, fit_seconds, score_seconds = [], [], []
    while len(aucs) < n_resamples:
        rows = rng.integers(0, len(label), len(label))
        left_out = np.setdiff1d(np.arange(len(label)), rows)
        start = time.process_time()
        model = made(name).fit(table.iloc[rows], label[rows])
        fitted = time.process_time()
        chance = model.predict_proba(table.iloc[left_out])[:, 1]
        score_seconds.append(time.process_time() - fitted)
        fit_seconds.append(fitted - start)
        aucs.append(roc_auc_score(label[left_out], chance))
    return {
        "scenario": scenario,
        "seed": seed,
        "model": name,
        "n_resamples": n_resamples,
        "auc_oob": round(float(np.mean(aucs)), 6),
        "fit_seconds": round(float(np.median(fit_seconds)), 4),
        "score_seconds": round(float(np.median(score_seconds)), 4),
    }


def main() -> None:
    """Run what is missing, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--resamples", type=int, default=10)
    arguments = parser.parse_args()
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    done = {(row["scenario"], row["seed"], row["model"]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
        for scenario in SCENARIOS:
            for name in NAMES:
                if (scenario, seed, name) not in done:
                    rows.append(one(scenario, seed, name, arguments.resamples))
                    pd.DataFrame(rows).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows)
    for scenario, of_scenario in frame.groupby("scenario", sort=False):
        print(f"\n{scenario}: mean AUC (standard error over seeds)")
        for name in NAMES:
            values = of_scenario.loc[of_scenario["model"] == name, "auc_oob"]
            print(f"  {name:20s} {values.mean():.3f} ({values.std() / np.sqrt(len(values)):.3f})")
    seconds = frame.groupby("model")[["fit_seconds", "score_seconds"]].median()
    print(f"\nseconds, one core:\n{seconds.loc[list(NAMES)].round(3)}")


if __name__ == "__main__":
    main()
