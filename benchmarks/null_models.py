"""Measure what every named model and every AUC estimate says where there is nothing to find.

Each seed draws n = 96 patients with p = 1,500 independent columns (5 clinical, 1,495 of images) and
labels that none of them knows (48 and 48), and evaluates the models on the same 15 bootstrap
resamples. The true AUC is 0.5. The seeds are fixed beforehand: 0 to 199 for models that tune
nothing, 0 to 49 for those with an inner search. A model holds if its mean ``auc_oob`` lies within
three standard errors over seeds of 0.5; the .632+ estimates stand beside it with their own bias.

Run:  python -P benchmarks/null_models.py [--models REGEX] [--seeds 200] [--tuned-seeds 50]
(``-P``: this folder has a coverage.py, and numba would import it for the package of that name.)
Appends a row per model and seed to benchmarks/results/null_models.csv, cheap models first (what
stands there is not run again, so a run goes on where it was stopped), and prints a row per model.
"""

from __future__ import annotations

import argparse
import re
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

import tumor_response as tr
from tumor_response.models import MODEL_NAMES, final_estimator

N_PATIENTS, N_RESAMPLES = 96, 15
CLINICAL = ["volume_cc", "age", "t_stage", "n_stage", "smoker"]
N_IMAGE_COLUMNS = 1495
SECONDS = (0.0, 0.04, 0.2, np.inf)
"""Models that fit and score in less than 0.04 s run together first, then those below 0.2 s."""
ESTIMATES = ["auc_oob", "auc_apparent", "auc_632", "auc_632plus", "auc_632plus_per_resample"]
RESULTS = Path(__file__).parent / "results" / "null_models.csv"

VARIANTS: dict[str, dict[str, object]] = {
    "logistic, C = 1": {"Cs": (1.0,)},
    "logistic, pca": {"reduction": "pca"},
    "logistic, pls": {"reduction": "pls"},
    "logistic, supervised_pca": {"reduction": "supervised_pca"},
    "logistic, mrmr": {"reduction": "mrmr"},
    "logistic, lasso": {"penalty": "lasso"},
    "logistic, elastic_net": {"penalty": "elastic_net"},
}
"""Settings of ``logistic`` that make another model of it."""


def named_models() -> dict[str, Pipeline]:
    """Return every named model of a response with its defaults, and the variants."""
    models = {name: tr.make_model(name) for name in MODEL_NAMES}
    return models | {
        name: tr.make_model("logistic", **settings) for name, settings in VARIANTS.items()
    }


def study(seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw one study in which nothing tells the label."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(N_PATIENTS)], ["1"] * N_PATIENTS],
        names=["patient_id", "lesion_id"],
    )
    columns = [f"clinical__{name}" for name in CLINICAL]
    columns += [f"radiomics__noise__{i:04d}" for i in range(N_IMAGE_COLUMNS)]
    table = pd.DataFrame(rng.normal(size=(N_PATIENTS, len(columns))), index=index, columns=columns)
    table["clinical__volume_cc"] = np.exp(3.0 + 0.8 * table["clinical__volume_cc"])
    table["clinical__age"] = 60 + 10 * table["clinical__age"]
    for name, values in (("t_stage", 5), ("n_stage", 4), ("smoker", 2)):
        table[f"clinical__{name}"] = rng.integers(values, size=N_PATIENTS).astype(float)
    y = pd.Series(rng.permutation(np.repeat([0.0, 1.0], N_PATIENTS // 2)), index=index)
    return table, y


def cheap_first(models: dict[str, Pipeline]) -> pd.DataFrame:
    """Fit and score each model once: seconds, and whether it has an inner search."""
    table, y = study(0)
    rows = []
    for name, model in models.items():
        start = time.process_time()
        fitted = model.fit(table, y.astype(int))
        fitted.predict_proba(table)
        seconds = time.process_time() - start
        tuned = bool(getattr(final_estimator(fitted), "tuned_", False))
        rows.append({"model": name, "seconds": seconds, "tuned": tuned})
    return pd.DataFrame(rows).sort_values("seconds").set_index("model")


def one(models: dict[str, Pipeline], seed: int, n_jobs: int) -> pd.DataFrame:
    """Evaluate models on one study."""
    table, y = study(seed)
    scheme = tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed)
    summary = tr.evaluate(models, table, y, scheme=scheme, n_jobs=n_jobs).summary()
    rows = summary[ESTIMATES].round(4)
    rows.insert(0, "seed", seed)
    return rows


def summarised(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean and Monte-Carlo standard error over seeds, and whether 0.5 is within three."""
    groups = frame.groupby("model", sort=False)
    summary = groups[ESTIMATES].mean()
    summary.insert(0, "seeds", groups.size())
    error = groups["auc_oob"].std() / np.sqrt(summary["seeds"])
    summary.insert(2, "se", error)
    summary["holds"] = (summary["auc_oob"] - 0.5).abs() <= 3 * error
    return summary


def main() -> None:
    """Run what is missing, keep the rows, print the means."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=".*", help="regular expression, full match")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--tuned-seeds", type=int, default=50)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    models = {
        name: model
        for name, model in named_models().items()
        if re.fullmatch(arguments.models, name)
    }
    order = cheap_first(models)
    print(order.round(3).to_string(), flush=True)
    done = set()
    if RESULTS.exists():
        done = set(pd.read_csv(RESULTS)[["model", "seed"]].itertuples(index=False, name=None))
    seeds = np.where(order["tuned"], arguments.tuned_seeds, arguments.seeds)
    for low, high in pairwise(SECONDS):
        batch = order["seconds"].between(low, high, inclusive="left")
        for seed in range(max(arguments.seeds, arguments.tuned_seeds)):
            names = order.index[batch & (seed < seeds)]
            missing = {name: models[name] for name in names if (name, seed) not in done}
            if missing:
                rows = one(missing, seed, arguments.n_jobs)
                rows.to_csv(RESULTS, mode="a", header=not RESULTS.exists())
    summary = summarised(pd.read_csv(RESULTS))
    print(summary.round(3).to_string())
    if not summary["holds"].all():
        raise SystemExit(f"not within three standard errors: {list(summary.index[~summary.holds])}")


if __name__ == "__main__":
    main()
