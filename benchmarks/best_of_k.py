"""What the best of 15 configurations says, and what is left of it after BBC-CV, measured.

Each study has n = 96 patients and 15 blocks of 100 columns, each block with a hidden factor of its
own; a ridge classifier of fixed penalty per block is refitted on 100 bootstrap resamples, as 15
networks on the same scans would be. Signal "none": labels at random, so that every model's AUC on
fresh patients is 0.5. Signal "some": all factors share a part that drives the outcome, so that the
15 are alike and none is better. The truth is the AUC, on fresh patients, of the chosen
configuration fitted to all patients (closed form: scores and latent outcome are jointly normal).
"within fits" compares lesions within a resample, as best_of_k(result) does; "mean scores" gives
best_of_k_from_scores each lesion's mean out-of-bag score. Seeds are fixed here; finished studies
are kept, so that it can be stopped.

Run:  python benchmarks/best_of_k.py [--studies 200]
Writes benchmarks/results/best_of_k_studies.csv (one row per study) and best_of_k.csv.

Quick: --studies 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from comparison_coverage import ridge

import tumor_response as tr
from tumor_response.evaluation.comparison import best_of_k_from_scores
from tumor_response.evaluation.comparison.best_of_k import corrected_best
from tumor_response.evaluation.comparison.out_of_sample import OutOfSample, ScoredFit

RESULTS = Path(__file__).parent / "results"
N, K, P, N_RESAMPLES = 96, 15, 100, 100
SIGNALS = {"none": 0.0, "some": 0.7}


def study(seed: int, signal: str) -> dict[str, float]:
    """Draw one study and return best, corrected and true values."""
    rng = np.random.default_rng([seed, N, K])
    strength = SIGNALS[signal]
    shared = rng.normal(size=N)
    latent = strength * shared + rng.normal(size=N)
    y = (latent > np.median(latent)).astype(np.int64)
    grams, truth = [], []
    for _ in range(K):
        factor = (shared + rng.normal(size=N)) / np.sqrt(2)
        loading = rng.normal(size=P)
        X = np.outer(factor, loading) + 2 * rng.normal(size=(N, P))
        grams.append(X @ X.T)
        weights = X.T @ ridge(grams[-1], np.arange(N), y.astype(float), 4.0 * P)
        along = weights @ loading
        spread = np.sqrt((along**2 + 4 * weights @ weights) * (1 + strength**2))
        rho = along * strength / np.sqrt(2) / spread
        truth.append(0.5 + 2 / np.pi * np.arcsin(rho / np.sqrt(2)))
    fits, total, count = [], np.zeros((N, K)), np.zeros(N)
    for resample in tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed).draw(np.arange(N), y):
        train, test = resample.train, resample.test
        scores = [g[np.ix_(test, train)] @ ridge(g, train, y.astype(float), 4.0 * P) for g in grams]
        fits.append(ScoredFit(test, y[test].astype(float), np.array(scores)))
        total[test] += np.array(scores).T
        count[test] += 1
    names = tuple(map(str, range(K)))
    within = corrected_best(OutOfSample(names, np.arange(N), "auc", tuple(fits)), seed=seed)
    mean = best_of_k_from_scores(
        pd.DataFrame(total / np.maximum(count, 1)[:, None], columns=names), y, seed=seed
    )
    row: dict[str, float] = {}
    for kind, found in (("within fits", within), ("mean scores", mean)):
        row[f"best, {kind}"], row[f"corrected, {kind}"] = found.value, found.corrected
        row[f"low, {kind}"], row[f"high, {kind}"] = found.ci_low, found.ci_high
        row[f"truth, {kind}"] = truth[int(found.name)]
    return row


def main() -> None:
    """Run what is missing, keep it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=200)
    arguments = parser.parse_args()
    kept = RESULTS / "best_of_k_studies.csv"
    done = pd.read_csv(kept) if kept.exists() else pd.DataFrame(columns=["seed", "signal"])
    known = set(map(tuple, done[["seed", "signal"]].to_numpy()))
    for seed in range(8001, 8001 + arguments.studies):
        for signal in SIGNALS:
            if (seed, signal) not in known:
                frame = pd.DataFrame([{"seed": seed, "signal": signal, **study(seed, signal)}])
                frame.round(5).to_csv(kept, mode="a", header=not kept.exists(), index=False)
    studies, rows = pd.read_csv(kept), []
    for signal, group in studies.groupby("signal", sort=False):
        for kind in ("within fits", "mean scores"):
            best, corrected, truth = (
                group[f"{what}, {kind}"] for what in ("best", "corrected", "truth")
            )
            inside = (group[f"low, {kind}"] <= truth) & (truth <= group[f"high, {kind}"])
            rows.append(
                {
                    "signal": signal,
                    "scores": kind,
                    "n_studies": len(group),
                    "best": best.mean(),
                    "corrected": corrected.mean(),
                    "truth": truth.mean(),
                    "bias_of_best": (best - truth).mean(),
                    "bias_of_corrected": (corrected - truth).mean(),
                    "se_of_bias": (corrected - truth).sem(),
                    "coverage": inside.mean(),
                    "width": (group[f"high, {kind}"] - group[f"low, {kind}"]).mean(),
                }
            )
    table = pd.DataFrame(rows).round(4)
    table.to_csv(RESULTS / "best_of_k.csv", index=False)
    print(table.to_string())


if __name__ == "__main__":
    main()
