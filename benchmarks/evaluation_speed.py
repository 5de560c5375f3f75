"""How fast an evaluation of every block combination is, against a plain joblib loop.

    python -P benchmarks/evaluation_speed.py [--resamples 1000] [--plain 20] [--boosted 100]

96 patients, 1,500 columns in three blocks, 7 combinations of blocks, both sides in one run, on the
same resamples, the same cores, one thread in each process, and by turns: a piece of ours, a piece
of the plain loop. The plain loop is what an analyst writes: joblib over resamples, scikit-learn's
imputer, scaler and `LogisticRegression`, for every penalty and every patient-grouped inner fold,
deviance over the held-out rows; for XGBoost (100 rounds on both sides) the same filter and the same
booster. It is run twice
for logistic regression: with scikit-learn's default tolerance, which is how it is written, and with
one that reaches our numbers (`tol=1e-10`), which is how the results are compared.

The plain loop is too slow for a thousand resamples: it is run on the first `--plain` of them, and
the ratio is of seconds per resample (median over the turns, with its range). Writes
`benchmarks/results/evaluation_speed.csv`.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import psutil
from scipy.stats import rankdata
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

import tumor_response as tr
from tumor_response.evaluation.running import Means, run_resamples
from tumor_response.models import PatientKFold, XGBoostSettings
from tumor_response.models.ridge import DEFAULT_CS

RESULTS = Path(__file__).parent / "results" / "evaluation_speed.csv"
N_PATIENTS = 96
BOOSTING = {"early_stopping": "none", "n_estimators": 100}
WIDTHS = {"clinical": 6, "radiomics": 800, "deep": 694}


def simulated() -> tuple[pd.DataFrame, pd.Series]:
    """Return a table of three blocks that share some directions, and a response."""
    rng = np.random.default_rng(20261130)
    shared = rng.normal(size=(N_PATIENTS, 10))
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(N_PATIENTS)], ["1"]], names=["patient_id", "lesion_id"]
    )
    parts = [
        pd.DataFrame(
            shared @ rng.normal(size=(10, width)) + 2 * rng.normal(size=(N_PATIENTS, width)), index
        ).add_prefix(f"{block}__f__")
        for block, width in WIDTHS.items()
    ]
    y = (shared[:, 0] + rng.normal(size=N_PATIENTS) > 0).astype(float)
    return pd.concat(parts, axis=1), pd.Series(y, index, name="response")


def combinations() -> list[list[str]]:
    """Return the seven."""
    names = list(WIDTHS)
    return [list(c) for size in (1, 2, 3) for c in itertools.combinations(names, size)]


def prepared(train: np.ndarray, test: np.ndarray, widths: list[int]) -> tuple[np.ndarray, ...]:
    """Impute, leave out, scale, hold at five deviations, and give blocks equal weight."""
    imputer = SimpleImputer(strategy="median").fit(train)
    train, test = imputer.transform(train), imputer.transform(test)
    middle = np.sort(train, axis=0)[len(train) // 2]
    varies = (train == middle).mean(axis=0) <= 0.95
    block = np.repeat(np.arange(len(widths)), widths)[varies]
    scaler = StandardScaler().fit(train[:, varies])
    weight = 1 / np.sqrt(np.bincount(block)[block])
    return tuple(np.clip(scaler.transform(x[:, varies]), -5, 5) * weight for x in (train, test))


def tuned_logistic(
    X: pd.DataFrame,
    y: np.ndarray,
    widths: list[int],
    train: np.ndarray,
    test: np.ndarray,
    tol: float,
) -> tuple[LogisticRegression, np.ndarray, np.ndarray]:
    """One resample, one combination, by scikit-learn alone; with what it saw of both sides."""
    Z, Z_test = prepared(X.to_numpy()[train], X.to_numpy()[test], widths)
    label = y[train]
    losses = np.zeros(len(DEFAULT_CS))
    for fit, held_out in PatientKFold(5, 0).split(X.iloc[train], label):
        for place, C in enumerate(DEFAULT_CS):
            model = LogisticRegression(C=C, tol=tol, max_iter=100_000).fit(Z[fit], label[fit])
            logit = model.decision_function(Z[held_out])
            losses[place] += (np.logaddexp(0, logit) - label[held_out] * logit).sum()
    C = DEFAULT_CS[int(np.argmin(losses))]
    return LogisticRegression(C=C, tol=tol, max_iter=100_000).fit(Z, label), Z, Z_test


def plain_logistic(
    X: pd.DataFrame,
    y: np.ndarray,
    widths: list[int],
    train: np.ndarray,
    test: np.ndarray,
    tol: float,
) -> float:
    """Score it."""
    model, _, Z_test = tuned_logistic(X, y, widths, train, test, tol)
    return roc_auc_score(y[test], model.decision_function(Z_test))


def boosted_by_hand(
    X: pd.DataFrame,
    y: np.ndarray,
    widths: list[int],
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> tuple[XGBClassifier, np.ndarray, np.ndarray]:
    """One resample, one combination: medians, the 20 best columns of each block, XGBoost.

    A patient drawn k times is a row of weight k, in the order of the patients' names, as ours has
    it: drawing rows for a tree then does not take one copy and leave another.
    """
    values, label = X.to_numpy(), y[train]
    imputer = SimpleImputer(strategy="median").fit(values[train])
    Z, Z_test = imputer.transform(values[train]), imputer.transform(values[test])
    middle = np.sort(Z, axis=0)[len(Z) // 2]
    varies = (middle == Z).mean(axis=0) <= 0.95
    chosen = []
    for columns in np.split(np.arange(Z.shape[1]), np.cumsum(widths)[:-1]):
        columns = columns[varies[columns]]
        ranks = rankdata(Z[:, columns], axis=0)
        n = label.sum()
        u = label @ ranks - n * (n + 1) / 2
        gain = np.abs(u / (n * (len(label) - n)) - 0.5).round(12)
        chosen += sorted(columns[np.argsort(-gain, kind="stable")[:20]])
    s = XGBoostSettings(**BOOSTING)
    model = XGBClassifier(
        n_estimators=s.n_estimators,
        max_depth=s.max_depth,
        learning_rate=s.learning_rate,
        subsample=s.subsample,
        colsample_bytree=s.colsample_bytree,
        reg_lambda=s.reg_lambda,
        min_child_weight=s.min_child_weight,
        max_bin=s.max_bin,
        tree_method="hist",
        device="cpu",
        n_jobs=1,
        random_state=seed,
        seed_per_iteration=True,
    )
    _, first, times = np.unique(train, return_index=True, return_counts=True)
    model.fit(Z[np.ix_(first, chosen)], label[first], sample_weight=times)
    return model, Z[:, chosen], Z_test[:, chosen]


def plain_boosted(
    X: pd.DataFrame,
    y: np.ndarray,
    widths: list[int],
    train: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> float:
    """Score it."""
    model, _, Z_test = boosted_by_hand(X, y, widths, train, test, seed)
    return roc_auc_score(y[test], model.predict_proba(Z_test)[:, 1])


def plain_loop(one, X, y, resamples, jobs, argument) -> np.ndarray:
    """Joblib over resamples, all combinations in each; (n_resamples, 7)."""
    tables = [
        (X[[c for c in X if c.split("__")[0] in blocks]], [WIDTHS[b] for b in blocks])
        for blocks in combinations()
    ]

    def work(resample) -> list[float]:
        return [
            one(frame, y, widths, resample.train, resample.test, argument)
            for frame, widths in tables
        ]

    with joblib.parallel_config("loky", inner_max_num_threads=1):
        found = joblib.Parallel(n_jobs=jobs)(joblib.delayed(work)(one) for one in resamples)
    return np.array(found)


def compare(name: str, models, plain, X, y, n, n_plain, jobs, turns=5) -> list[dict]:
    """By turns: a piece of ours, a piece of the plain loop."""
    scheme = tr.Bootstrap632Plus(n_resamples=n, seed=0)
    start = time.perf_counter()
    ours = tr.evaluate(models, X, y, scheme, n_jobs=jobs)
    whole = time.perf_counter() - start
    aucs = np.array([ours.oob_aucs(m) for m in models]).T
    numbered = list(enumerate(ours.resamples))
    rows = []
    for label, one, argument in plain:
        ratios, differences = [], []
        for turn in range(turns):
            piece = numbered[turn * n_plain // turns : (turn + 1) * n_plain // turns]
            start = time.perf_counter()
            list(run_resamples(ours.rows, piece * 5, Means(jobs)))
            own = (time.perf_counter() - start) / (5 * len(piece))
            start = time.perf_counter()
            theirs = plain_loop(one, X, y.to_numpy(), [r for _, r in piece], jobs, argument)
            other = (time.perf_counter() - start) / len(piece)
            ratios.append(other / own)
            at = [number for number, _ in piece]
            differences.append(np.abs(theirs - aucs[at]).max())
            print(f"{name} | {label}: turn {turn}: {own:.3f} s, {other:.3f} s, {other / own:.1f}x")
        rows.append(
            {
                "model": name,
                "plain_loop": label,
                "n_resamples_ours": n,
                "seconds_ours": round(whole, 1),
                "n_resamples_plain": n_plain,
                "ratio_median": round(float(np.median(ratios)), 2),
                "ratio_min": round(min(ratios), 2),
                "ratio_max": round(max(ratios), 2),
                "largest_difference_of_auc": float(max(differences)),
                "processes": jobs,
            }
        )
    return rows


def memory(X, y, jobs) -> list[dict]:
    """Peak memory of this process by the number of resamples: scores stay, models do not."""
    rows = []
    process = psutil.Process()
    model = {"m": tr.make_model("logistic", Cs=(0.1,))}
    for n in (50, 200, 800):
        with tempfile.TemporaryDirectory() as directory:
            before = process.memory_info().rss
            result = tr.evaluate(
                model, X, y, tr.Bootstrap632Plus(n_resamples=n), directory=directory, n_jobs=jobs
            )
            grown = process.memory_info().rss - before
            rows.append(
                {
                    "model": "memory",
                    "plain_loop": f"resident memory grown by {grown / 1e6:.1f} MB",
                    "n_resamples_ours": len(result.resamples),
                    "processes": jobs,
                }
            )
    return rows


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--plain", type=int, default=20)
    parser.add_argument("--boosted", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    X, y = simulated()
    named = {"+".join(blocks): blocks for blocks in combinations()}
    logistic = {name: tr.make_model("logistic", blocks=b) for name, b in named.items()}
    boosted = {name: tr.make_model("xgboost", blocks=b, **BOOSTING) for name, b in named.items()}
    rows = compare(
        "logistic",
        logistic,
        [
            ("scikit-learn, tol=1e-4 (default)", plain_logistic, 1e-4),
            ("scikit-learn, tol=1e-10", plain_logistic, 1e-10),
        ],
        X,
        y,
        given.resamples,
        given.plain,
        given.jobs,
    )
    rows += compare(
        "xgboost",
        boosted,
        [("scikit-learn and XGBoost", plain_boosted, 0)],
        X,
        y,
        given.boosted,
        min(given.plain, given.boosted),
        given.jobs,
    )
    rows += memory(X, y, given.jobs)
    frame = pd.DataFrame(rows)
    frame.to_csv(RESULTS, index=False)
    print(frame.to_string())


if __name__ == "__main__":
    main()
