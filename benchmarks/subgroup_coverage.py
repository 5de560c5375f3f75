"""Measure how often a subgroup's interval holds what it should hold.

Each study draws 100 patients, 30 of them women, with 5 or 200 normal columns of which five decide
the response (or none), and evaluates a ridge logistic model on 50 bootstrap resamples. What the
intervals should hold is known by 20,000 fresh patients: the AUC among women, among men and in all,
and the difference between women and men, of the same model refitted on the 100. The seeds are fixed
here. A second line per cell asks for the truth averaged over studies instead: the AUC to expect
from a model trained on 100 such patients.

Run:  python benchmarks/subgroup_coverage.py [--studies 200]
Writes benchmarks/results/subgroup_coverage.csv (a row per study; a started file is carried on) and
prints coverage with its Monte-Carlo interval, and the mean width.

Quick: --studies 1
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
from tumor_response.evaluation.metrics import auc
from tumor_response.evaluation.subgroups import subgroups

FIRST_SEED = 7001
N_PATIENTS, N_WOMEN, N_FRESH, N_RESAMPLES = 100, 30, 20_000, 50
CELLS = [(p, signal) for p in (5, 200) for signal in (0.0, 0.5)]
RESULTS = Path(__file__).parent / "results" / "subgroup_coverage.csv"


def draw(rng: np.random.Generator, n: int, p: int, signal: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw columns and responses."""
    X = rng.normal(size=(n, p))
    chance = 1 / (1 + np.exp(-signal * X[:, :5].sum(axis=1)))
    return X, (rng.random(n) < chance).astype(int)


def one(seed: int, p: int, signal: float) -> dict[str, float]:
    """Evaluate one study, and look up the truth."""
    rng = np.random.default_rng([seed, p, round(10 * signal)])
    X, y = draw(rng, N_PATIENTS, p, signal)
    index = pd.Index([f"P{i:03d}" for i in range(N_PATIENTS)], name="patient_id")
    columns = [f"deep__n__{i:03d}" for i in range(p)]
    sex = np.where(np.arange(N_PATIENTS) < N_WOMEN, "f", "m")
    table = pd.DataFrame(X, index=index, columns=columns).assign(meta__sex=sex)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=5 / p))
    result = tr.evaluate(
        {"ridge": model},
        table,
        pd.Series(y.astype(float), index=index),
        tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed),
    )
    found = subgroups(result, "ridge", "meta__sex")
    fresh, truth = draw(rng, N_FRESH, p, signal)
    score = model.fit(X, y).decision_function(fresh)
    # sex has no part in anything: half of the fresh patients stand for each
    half = N_FRESH // 2
    true = {
        "f": auc(truth[:half], score[:half]),
        "m": auc(truth[half:], score[half:]),
        "all": auc(truth, score),
    }
    row: dict[str, float] = {"p": p, "signal": signal, "seed": seed}
    for group, value in true.items():
        estimate = found.table.loc[group]
        row |= {
            f"{group}_true": value,
            f"{group}_auc": estimate["auc"],
            f"{group}_low": estimate["ci_low"],
            f"{group}_high": estimate["ci_high"],
        }
    if len(found.differences):
        difference = found.differences.iloc[0]
        row |= {
            "difference_true": true["f"] - true["m"],
            "difference_auc": difference["difference"],
            "difference_low": difference["ci_low"],
            "difference_high": difference["ci_high"],
        }
    return row


def told(frame: pd.DataFrame) -> None:
    """Print coverage by cell."""
    for (p, signal), cell in frame.groupby(["p", "signal"]):
        for group in ("f", "m", "all", "difference"):
            part = cell.dropna(subset=[f"{group}_low"])
            low, high = part[f"{group}_low"], part[f"{group}_high"]
            answers = []
            for truth in (part[f"{group}_true"], part[f"{group}_true"].mean()):
                held = ((low <= truth) & (truth <= high)).mean()
                answers.append(f"{held:.3f} +- {1.96 * np.sqrt(held * (1 - held) / len(part)):.3f}")
            print(
                f"p {p:3d} signal {signal}: {group:10s} true {part[f'{group}_true'].mean():.3f} "
                f"estimate {part[f'{group}_auc'].mean():.3f} width {(high - low).mean():.3f} "
                f"coverage {answers[0]} (of the expected AUC {answers[1]}), {len(part)} studies"
            )


def main() -> None:
    """Run all studies that the file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    arguments = parser.parse_args()
    rows = pd.read_csv(RESULTS).to_dict("records") if RESULTS.exists() else []
    done = {(row["p"], row["signal"], row["seed"]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.studies):
        for p, signal in CELLS:
            if (p, signal, seed) not in done:
                rows.append(one(seed, p, signal))
        if seed % 10 == 0:
            pd.DataFrame(rows).round(6).to_csv(RESULTS, index=False)
    frame = pd.DataFrame(rows).sort_values(["p", "signal", "seed"])
    frame.round(6).to_csv(RESULTS, index=False)
    told(frame)


if __name__ == "__main__":
    main()
