"""What weighs the blocks best, and what clinical-first costs or gains, at a hundred patients.

Studies are drawn in NumPy: n = 100 patients, a clinical block of 5 columns, a radiomics block of
100 and a deep block of 300 that share hidden factors, 400 test patients. What decides the response
differs: ``clinical``, ``radiomics``, ``deep``, ``all`` or ``nothing``. Each block's model is the
named logistic one. Its out-of-fold log-odds are weighed by

- ``non_negative``: ridge logistic regression with weights not negative (what the library does),
- ``ridge``: the same without the constraint,
- ``unpenalised``: non-negative, penalty 1e-6,
- ``standardised``: non-negative ridge on standardised log-odds,
- ``mean``: all alike,

and beside them stand ``early`` (all columns in one logistic model), ``clinical_first`` and
``clinical_only``. The AUC is that on the test patients, the log-loss as well. Seeds are fixed here.

Run:  python benchmarks/late_fusion.py [--seeds 30]
Appends to benchmarks/results/late_fusion.csv (one row per scenario, seed and model; what is there
is not run again) and prints means with standard errors over seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

import tumor_response as tr
from tumor_response.models.fusion import RECIPES
from tumor_response.models.fusion.stacked import StackedBlocks
from tumor_response.models.fusion.weights import logistic_weights

FIRST_SEED = 9001
N_TRAIN, N_TEST = 100, 400
WIDTHS = {"clinical": 5, "radiomics": 100, "deep": 300}
SCENARIOS = ("clinical", "radiomics", "deep", "all", "nothing")
RESULTS = Path(__file__).parent / "results" / "late_fusion.csv"


def simulated(scenario: str, seed: int) -> tuple[pd.DataFrame, pd.Series]:
    """Draw one study, training patients first."""
    rng = np.random.default_rng(seed)
    n = N_TRAIN + N_TEST
    told = np.zeros(n)
    parts = {}
    for block, width in WIDTHS.items():
        factors = rng.normal(size=(n, min(width, 10)))
        loadings = (
            rng.normal(size=(factors.shape[1], width))
            / np.sqrt(1 + np.arange(factors.shape[1]))[:, None]
        )
        values = factors @ loadings + 0.7 * rng.normal(size=(n, width))
        parts |= {f"{block}__{i:03d}": values[:, i] for i in range(width)}
        if scenario in (block, "all"):
            told += factors[:, :3].sum(axis=1) / np.sqrt(3)
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:03d}" for i in range(n)], ["1"] * n], names=["patient_id", "lesion_id"]
    )
    y = pd.Series((told + rng.normal(size=n) > 0).astype(float), index=index)
    return pd.DataFrame(parts, index=index), y


class Heard(StackedBlocks):
    """A stack that keeps what it heard, so that several weighings share the blocks' models."""

    def _meta(self, matrix, target, weight):
        self.heard_ = matrix
        return super()._meta(matrix, target, weight)


def study(scenario: str, seed: int) -> list[dict[str, object]]:
    """Fit all models to one study and score them on its test patients."""
    X, y = simulated(scenario, seed)
    train, test = X.iloc[:N_TRAIN], X.iloc[N_TRAIN:]
    label = y.iloc[:N_TRAIN]
    late = RECIPES["late_fusion", "response"]
    made = late.make(late.settings(), None, 0)
    stack = Heard(made[-1].base).fit(train, label)
    said = np.column_stack(
        [
            stack._said_by(model, test, stack._members[block]) - stack.block_means_[block]
            for block, model in stack.models_.items()
        ]
    )
    heard, t, ones = stack.heard_, label.to_numpy(), np.ones(N_TRAIN)
    spread = heard.std(axis=0)
    free = LogisticRegression(C=1.0, tol=1e-9, max_iter=1000).fit(heard, t)
    weighings = {
        "non_negative": logistic_weights(heard, t, ones, 1.0),
        "ridge": (free.intercept_[0], free.coef_[0]),
        "unpenalised": logistic_weights(heard, t, ones, 1e-6),
        "mean": (stack.intercept_, np.full(heard.shape[1], 1 / heard.shape[1])),
    }
    intercept, weights = logistic_weights(heard / spread, t, ones, 1.0)
    weighings["standardised"] = (intercept, weights / spread)
    scores = {name: b + said @ v for name, (b, v) in weighings.items()}
    first = RECIPES["clinical_first", "response"]
    for name, model in {
        "early": tr.make_model("logistic"),
        "clinical_only": tr.make_model("clinical_only"),
        "clinical_first": first.make(first.settings(), None, 0),
    }.items():
        scores[name] = model.fit(train, label).decision_function(test)
    truth = y.iloc[N_TRAIN:]
    return [
        {
            "scenario": scenario,
            "seed": seed,
            "model": name,
            "auc": roc_auc_score(truth, score),
            "log_loss": log_loss(truth, expit(score)),
        }
        for name, score in scores.items()
    ]


def main() -> None:
    """Run what is not there yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=30)
    asked = parser.parse_args()
    done = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["scenario", "seed"])
    there = set(zip(done["scenario"], done["seed"], strict=True))
    for seed in range(FIRST_SEED, FIRST_SEED + asked.seeds):
        for scenario in SCENARIOS:
            if (scenario, seed) in there:
                continue
            rows = pd.DataFrame(study(scenario, seed)).round({"auc": 4, "log_loss": 4})
            rows.to_csv(RESULTS, mode="a", header=not RESULTS.exists(), index=False)
    table = pd.read_csv(RESULTS)
    for measure in ("auc", "log_loss"):
        by = table.groupby(["model", "scenario"])[measure]
        shown = table.pivot_table(index="model", columns="scenario", values=measure).round(3)
        shown = shown[list(SCENARIOS)]
        print(f"\n{measure}: mean over {table['seed'].nunique()} seeds\n{shown.to_string()}")
        print(f"largest standard error {by.sem().max():.4f}")
        wide = table.pivot_table(index=["scenario", "seed"], columns="model", values=measure)
        paired = wide.sub(wide["non_negative"], axis=0).groupby("scenario")
        print("difference to non_negative / its standard error")
        print((paired.mean() / paired.sem()).round(1).loc[list(SCENARIOS)].T.to_string())


if __name__ == "__main__":
    main()
