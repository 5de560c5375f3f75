"""How the number of boosting rounds is best found at n = 100, and whether to train anew after.

Tables are drawn in NumPy, 100 patients, 1,000 image columns made of 30 hidden factors and noise,
and three clinical ones. What decides the response differs:

- ``factors``: three factors of large variance, ``sparse``: eight single columns,
- ``clinical``: two clinical columns, one of them beyond a threshold only,
- ``nothing``: nothing. The true AUC is 0.5.

Each way of stopping is ``BoostedTreesClassifier`` with otherwise equal settings, on shared
bootstrap resamples. The seeds are fixed here.

Run:  python benchmarks/boosting_rounds.py [--seeds 8] [--resamples 25] [--n-jobs 2]
Writes benchmarks/results/boosting_rounds.csv (a row per scenario, seed and way) and prints mean
and standard error over seeds, also of the paired difference to the default.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tumor_response.models.recipe import numbers
from tumor_response.models.trees import BoostedTreesClassifier

FIRST_SEED = 9001
N_PATIENTS, N_COLUMNS, N_FACTORS = 100, 1000, 30
SCENARIOS = ("factors", "sparse", "clinical", "nothing")
WAYS: dict[str, dict[str, object]] = {
    "folds": {"early_stopping": "folds", "least_rounds": 1},
    "folds, 50 or more": {"early_stopping": "folds", "least_rounds": 50},
    "part": {"early_stopping": "part", "least_rounds": 1},
    "part, no refit": {"early_stopping": "part", "least_rounds": 1, "refit": False},
    "100 rounds": {"early_stopping": "none", "n_estimators": 100},
    "50 rounds": {"early_stopping": "none", "n_estimators": 50},
    "300 rounds": {"early_stopping": "none", "n_estimators": 300},
}
DEFAULT = "folds, 50 or more"
RESULTS = Path(__file__).parent / "results" / "boosting_rounds.csv"


def simulated(scenario: str, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw one study."""
    rng = np.random.default_rng(seed)
    strength = 1 / np.sqrt(1 + np.arange(N_FACTORS))
    factors = rng.normal(size=(N_PATIENTS, N_FACTORS))
    loadings = rng.normal(size=(N_FACTORS, N_COLUMNS)) * strength[:, None]
    values = factors @ loadings + 0.7 * rng.normal(size=(N_PATIENTS, N_COLUMNS))
    clinical = rng.normal(size=(N_PATIENTS, 3))
    told = {
        "factors": factors[:, [3, 4, 5]].sum(axis=1),
        "sparse": values[:, rng.choice(N_COLUMNS, 8, replace=False)].sum(axis=1),
        "clinical": clinical[:, 0] + 2.0 * (clinical[:, 1] > 0.5),
        "nothing": np.zeros(N_PATIENTS),
    }[scenario]
    told = 1.2 * told / (told.std() or 1.0)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(N_PATIENTS)], ["1"] * N_PATIENTS],
        names=["patient_id", "lesion_id"],
    )
    rate = told + rng.normal(size=N_PATIENTS)
    y = pd.Series((rate > np.median(rate)).astype(float), index=index)
    table = pd.DataFrame(
        np.hstack([clinical, values]),
        index=index,
        columns=[f"clinical__c__{i}" for i in range(3)]
        + [f"deep__simulated__{i:04d}" for i in range(N_COLUMNS)],
    )
    return table, y


def one(scenario: str, seed: int, n_resamples: int, n_jobs: int) -> list[dict[str, object]]:
    """Evaluate all ways on one study."""
    table, y = simulated(scenario, seed)
    models = {
        name: Pipeline([*numbers(None, 0.95), ("classify", BoostedTreesClassifier(**way))])
        for name, way in WAYS.items()
    }
    rounds, seconds = {}, {}
    for name, model in models.items():
        start = time.process_time()
        rounds[name] = model.fit(table, y)[-1].n_rounds_
        seconds[name] = time.process_time() - start
    scheme = tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed)
    result = tr.evaluate(models, table, y, scheme=scheme, n_jobs=n_jobs)
    summary = result.summary()
    return [
        {
            "scenario": scenario,
            "seed": seed,
            "n_resamples": n_resamples,
            "way": name,
            "auc_oob": summary.loc[name, "auc_oob"],
            "log_loss_oob": float(
                np.mean([log_loss(part.y_test, part.scores[name]) for part in result.out_of_bag])
            ),
            "auc_apparent": summary.loc[name, "auc_apparent"],
            "n_rounds": rounds[name],
            "seconds_per_fit": seconds[name],
        }
        for name in WAYS
    ]


def main() -> None:
    """Run all seeds, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--resamples", type=int, default=25)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
        for scenario in SCENARIOS:
            rows += one(scenario, seed, arguments.resamples, arguments.n_jobs)
            pd.DataFrame(rows).round(6).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows)
    for scenario, of_scenario in frame.groupby("scenario", sort=False):
        wide = of_scenario.pivot_table(index="seed", columns="way", values="auc_oob")
        losses = of_scenario.pivot_table(index="seed", columns="way", values="log_loss_oob")
        rounds = of_scenario.groupby("way")["n_rounds"].median()
        print(f"\n{scenario}, {len(wide)} seeds: mean (standard error over seeds)")
        for name in WAYS:
            print(
                f"  {name:16s} {_mean(wide[name])}   minus default: "
                f"{_mean(wide[name] - wide[DEFAULT])}   "
                f"log-loss {losses[name].mean():.3f}   rounds {rounds[name]:.0f}"
            )
    print("\nseconds per fit:", frame.groupby("way")["seconds_per_fit"].median().round(3).to_dict())


def _mean(values: pd.Series) -> str:
    return f"{values.mean():.3f} ({values.std() / np.sqrt(len(values)):.3f})"


if __name__ == "__main__":
    main()
