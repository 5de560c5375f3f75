"""Compare estimates of the calibration slope with the slope on fresh patients.

Every seed draws n = 96 patients, p normal columns of which five carry a signal (an oracle AUC of
about 0.75), and evaluates a model on 50 bootstrap resamples. The truth is the slope
of the model fitted on all 96 among 20,000 fresh patients. Estimates: of all out-of-bag predictions
of single fits taken together, of each lesion's mean out-of-bag score (bagged), mean and median of
the resamples' own slopes, apparent, and the apparent one corrected for optimism as
`rms::validate` does.

Run:  python benchmarks/calibration_slopes.py [--seeds 34] [--setting "p = 8, quadratic"]
Writes benchmarks/results/calibration_slopes.csv, one row per setting and estimate; resumes from
benchmarks/results/calibration_slopes_seeds.csv if that is there.

Quick: --seeds 1
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.evaluation import performance
from tumor_response.exceptions import EvaluationError

FIRST_SEED = 8001
N_PATIENTS, N_FRESH, N_RESAMPLES, SIGNAL = 96, 20_000, 50, 0.43
SETTINGS = {  # name: (p, classifier); C = 1e4 is as good as no penalty
    "p = 5, no penalty": (5, LogisticRegression(C=1e4, max_iter=1000)),
    "p = 20, ridge C = 1": (20, LogisticRegression(C=1.0, max_iter=1000)),
    "p = 20, ridge C = 0.05": (20, LogisticRegression(C=0.05, max_iter=1000)),
    "p = 500, ridge C = 0.01": (500, LogisticRegression(C=0.01, max_iter=1000)),
    "p = 8, quadratic": (8, QuadraticDiscriminantAnalysis(reg_param=0.05)),
}
RESULTS = Path(__file__).parent / "results" / "calibration_slopes.csv"
SEEDS = RESULTS.with_name("calibration_slopes_seeds.csv")


def draw(rng: np.random.Generator, n: int, p: int) -> tuple[np.ndarray, np.ndarray]:
    """Return X and y."""
    X = rng.normal(size=(n, p))
    odds = np.exp(SIGNAL * X[:, :5].sum(axis=1))
    return X, (rng.random(n) < odds / (1 + odds)).astype(float)


def slope(y: np.ndarray, p: np.ndarray) -> float:
    """Return the slope, NaN where it has no value."""
    try:
        return performance.recalibration(y, p).slope
    except EvaluationError:
        return np.nan


def corrected(model: Pipeline, X: np.ndarray, y: np.ndarray, result: tr.EvaluationResult) -> float:
    """Return the apparent slope less the optimism."""
    own, whole = [], []
    for resample in result.resamples:
        model.fit(X[resample.train], y[resample.train])
        p = model.predict_proba(X)[:, 1]
        own.append(slope(y[resample.train], p[resample.train]))
        whole.append(slope(y, p))
    p = model.fit(X, y).predict_proba(X)[:, 1]
    pairs = np.array([own, whole])
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    return performance.optimism(slope(y, p), *pairs).corrected if pairs.shape[1] > 1 else np.nan


def one(seed: int, setting: str) -> pd.DataFrame:
    """Evaluate one study."""
    p, classifier = SETTINGS[setting]
    rng = np.random.default_rng(seed)
    X, y = draw(rng, N_PATIENTS, p)
    X_fresh, y_fresh = draw(rng, N_FRESH, p)
    model = make_pipeline(StandardScaler(), classifier)
    index = pd.Index([f"P{i:03d}" for i in range(N_PATIENTS)], name="patient_id")
    table = pd.DataFrame(X, index=index, columns=[f"radiomics__x__{i:04d}" for i in range(p)])
    scheme = tr.Bootstrap632Plus(n_resamples=N_RESAMPLES, seed=seed)
    result = tr.evaluate({"m": model}, table, pd.Series(y, index=index, name="y"), scheme)
    own = [slope(part.y_test, part.scores["m"]) for part in result.out_of_bag]
    fresh = model.fit(X, y).predict_proba(X_fresh)[:, 1]
    inside = (fresh > 0) & (fresh < 1)
    estimates = {
        "single fits": slope(*performance.single_fit_predictions(result, "m")),
        "bagged": slope(*performance.bagged_predictions(result, "m")),
        "mean of resamples": np.nanmean(own),
        "median of resamples": np.nanmedian(own),
        "apparent": slope(*performance.apparent_predictions(result, "m")),
        "optimism-corrected": corrected(model, X, y, result),
    }
    return pd.DataFrame(
        {
            "setting": setting,
            "seed": seed,
            "estimate": list(estimates),
            "value": list(estimates.values()),
            "truth": slope(y_fresh[inside], fresh[inside]),
            "resamples_without": int(np.isnan(own).sum()),
        }
    )


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return means over seeds, bias with its standard error, and root mean squared error."""
    rows = []
    for (setting, estimate), group in frame.groupby(["setting", "estimate"], sort=False):
        off = (group["value"] - group["truth"]).dropna()
        rows.append(
            {
                "setting": setting,
                "estimate": estimate,
                "n_seeds": len(off),
                "truth": group["truth"].mean(),
                "mean": group["value"].mean(),
                "bias": off.mean(),
                "bias_se": off.std() / np.sqrt(len(off)),
                "rmse": np.sqrt(np.mean(off**2)),
                "resamples_without": group["resamples_without"].mean(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Run the seeds that are not there yet, write the summary, print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=34)
    parser.add_argument("--setting", choices=list(SETTINGS), action="append")
    arguments = parser.parse_args()
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    done = pd.read_csv(SEEDS) if SEEDS.exists() else pd.DataFrame(columns=["setting", "seed"])
    known = set(zip(done["setting"], done["seed"], strict=True))
    for seed in seeds:
        for setting in arguments.setting or SETTINGS:
            if (setting, seed) not in known:
                part = one(seed, setting)
                part.round(6).to_csv(SEEDS, mode="a", header=not SEEDS.exists(), index=False)
    frame = pd.read_csv(SEEDS)
    table = summarise(frame[frame["seed"].isin(seeds)])
    table.round(4).to_csv(RESULTS, index=False)
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
