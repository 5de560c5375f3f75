"""Coverage of the interval of a difference of two AUCs, and the size of its p value, measured.

Each study has n patients and two blocks of p columns, each block with a hidden factor of its own
(columns = factor times loading + noise of SD 2). A ridge classifier of fixed penalty per block is
refitted on bootstrap resamples of patients. The truth is the difference of the AUCs, on fresh
patients, of the two models fitted to all n: closed form, since scores and latent outcome are
jointly normal. Signal "none": neither factor has to do with the outcome; "both": both alike;
"one": the first only. Seeds are fixed here; finished studies are kept, so that it can be stopped.

Run:  python benchmarks/comparison_coverage.py [--studies 500] [--patients 100]
Writes benchmarks/results/comparison_coverage_studies.csv (one row per study) and
comparison_coverage.csv (coverage with its 95 % Monte-Carlo interval by cell and method).

Quick: --studies 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm
from scipy.stats import t as student

import tumor_response as tr
from tumor_response.evaluation.comparison.difference import difference_of_influences
from tumor_response.evaluation.comparison.out_of_sample import OutOfSample, ScoredFit
from tumor_response.evaluation.comparison.permutation import paired_permutation
from tumor_response.evaluation.intervals.folds import corrected_resampled_se
from tumor_response.evaluation.intervals.influence import Influence, pair_influence, times_drawn
from tumor_response.evaluation.metrics import auc

RESULTS = Path(__file__).parent / "results"
N_RESAMPLES = 500
SIGNALS = {"none": (0.0, 0.0), "both": (0.6, 0.6), "one": (0.6, 0.0)}
METHODS = ("delta_after_bootstrap", "oob_influence", "corrected_resampled", "oob_percentile")


def ridge(gram: np.ndarray, train: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the dual weights of a ridge regression of the classes on centred columns."""
    of_train = gram[np.ix_(train, train)]
    centre = of_train.mean(axis=0)
    centred = of_train - centre - centre[:, None] + centre.mean()
    dual = np.linalg.solve(centred + penalty * np.eye(len(train)), y[train] - y[train].mean())
    return dual - dual.mean()


def influence(
    sample: OutOfSample, trained: list[np.ndarray], n: int, correlation: float
) -> Influence:
    """Return what each patient adds to the difference."""
    y, rows = [fit.y for fit in sample.fits], [fit.rows for fit in sample.fits]
    drawn = times_drawn(trained, np.arange(n))
    a, b = (
        pair_influence(y, [fit.scores[k] for fit in sample.fits], rows, drawn, np.arange(n))
        for k in (0, 1)
    )
    return difference_of_influences(a, b, correlation)


def study(seed: int, n: int, p: int, signal: str) -> dict[str, float]:
    """Draw one study, evaluate both models, return truth and intervals."""
    rng = np.random.default_rng([seed, n, p])
    factors = rng.normal(size=(2, n))
    strength = np.array(SIGNALS[signal])
    latent = strength @ factors + rng.normal(size=n)
    y = (latent > 0).astype(np.int64)
    penalty = 4.0 * p
    grams, truth = [], []
    for block in range(2):
        loading = rng.normal(size=p) if p > 5 else np.ones(p)
        X = np.outer(factors[block], loading) + 2 * rng.normal(size=(n, p))
        grams.append(X @ X.T)
        weights = X.T @ ridge(grams[-1], np.arange(n), y.astype(float), penalty)
        along = weights @ loading
        rho = (
            along
            * strength[block]
            / np.sqrt((along**2 + 4 * weights @ weights) * (1 + strength @ strength))
        )
        truth.append(0.5 + 2 / np.pi * np.arcsin(rho / np.sqrt(2)))
    fits, trained = [], []
    for resample in tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed).draw(np.arange(n), y):
        train, test = resample.train, resample.test
        scores = [g[np.ix_(test, train)] @ ridge(g, train, y.astype(float), penalty) for g in grams]
        trained.append(train)
        fits.append(ScoredFit(test, y[test].astype(float), np.array(scores)))
    sample = OutOfSample(("a", "b"), np.arange(n), "auc", tuple(fits))
    values = np.array([[auc(f.y, f.scores[k]) for f in fits] for k in (0, 1)])
    paired = values[0] - values[1]
    row: dict[str, float] = {"truth": truth[0] - truth[1], "difference": paired.mean()}
    z, mean = norm.isf(0.025), paired.mean()
    both = influence(sample, trained, n, float(np.corrcoef(values)[0, 1]))
    t = student.isf(0.025, N_RESAMPLES - 1)
    reach = {
        "oob_influence": z * np.sqrt(both.variance_about_target),
        "delta_after_bootstrap": z * np.sqrt(both.variance_of_estimate),
        "corrected_resampled": t * corrected_resampled_se(paired, 0.368 / 0.632),
    }
    for method, half in reach.items():
        row[f"{method}_low"], row[f"{method}_high"] = mean - half, mean + half
    row["oob_percentile_low"], row["oob_percentile_high"] = np.percentile(paired, (2.5, 97.5))
    row["p_permutation"] = paired_permutation(sample, 1999).p_value
    return row


def summarised(studies: pd.DataFrame) -> pd.DataFrame:
    """Return coverage and width by cell and method, and the share of p values up to .05."""
    rows = []
    for cell, group in studies.groupby(["n", "p", "signal"], sort=False):
        for method in METHODS:
            low, high = group[f"{method}_low"], group[f"{method}_high"]
            covered = (low <= group["truth"]) & (group["truth"] <= high)
            rows.append([*cell, method, len(group), int(covered.sum()), (high - low).mean()])
        found = int((group["p_permutation"] <= 0.05).sum())
        rows.append([*cell, "paired permutation, p <= 0.05", len(group), found, np.nan])
    names = ["n", "p", "signal", "what", "n_studies", "count", "mean_width"]
    frame = pd.DataFrame(rows, columns=names)
    share = [
        binomtest(k, m).proportion_ci(0.95, "wilson")
        for k, m in frame[["count", "n_studies"]].to_numpy()
    ]
    frame.insert(6, "share", frame["count"] / frame["n_studies"])
    frame.insert(7, "share_low", [one.low for one in share])
    frame.insert(8, "share_high", [one.high for one in share])
    return frame.round(4)


def main() -> None:
    """Run what is missing, keep it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--patients", type=int, nargs="+", default=[100])
    arguments = parser.parse_args()
    kept = RESULTS / "comparison_coverage_studies.csv"
    done = (
        pd.read_csv(kept) if kept.exists() else pd.DataFrame(columns=["seed", "n", "p", "signal"])
    )
    known = set(map(tuple, done[["seed", "n", "p", "signal"]].to_numpy()))
    for n in arguments.patients:
        for seed in range(7001, 7001 + arguments.studies):
            for p in (5, 1500):
                for signal in SIGNALS:
                    if (seed, n, p, signal) in known:
                        continue
                    row = {
                        "seed": seed,
                        "n": n,
                        "p": p,
                        "signal": signal,
                        **study(seed, n, p, signal),
                    }
                    frame = pd.DataFrame([row]).round(5)
                    frame.to_csv(kept, mode="a", header=not kept.exists(), index=False)
    table = summarised(pd.read_csv(kept))
    table.to_csv(RESULTS / "comparison_coverage.csv", index=False)
    print(table.to_string())


if __name__ == "__main__":
    main()
