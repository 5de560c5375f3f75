"""How fast SHAP values are: the trees' kernel against shap, and a whole explanation out of bag.

    python -P benchmarks/explanation_speed.py [--resamples 1000] [--turns 5] [--piece 10]

The results here, on two cores shared with many others:

    ... --parts explain --models logistic --turns 4 --piece 10
    ... --parts explain --models xgboost --resamples 200 --turns 4 --piece 6
    ... --parts kernel --turns 3
    ... --parts explain --models "xgboost, 100 rounds" --resamples 40 --turns 4 --piece 6

**Kernel**: on the same fitted ensembles, one bootstrap sample of 96 rows as background and the
rows left out of it as rows: `tree_ensemble` and `column_shapley` against `shap.TreeExplainer` with
that background (which reads the ensemble as well); and what shap has not: nested values and
interactions of blocks. One core, by turns.

**Explain**: 96 patients, 1,500 columns in three blocks, out of bag. `tr.explain(result, name)`
against a plain loop by joblib, on the same resamples, the same two cores, one thread in each
process, by turns: a piece of ours, a piece of the plain loop. The plain loop refits and calls
`shap.LinearExplainer` or `shap.TreeExplainer` on the bare estimator; once with our own Pipelines
as the models to refit ("same fits": the difference is explaining alone), once with scikit-learn's
and XGBoost's classes, as an analyst writes it ("own fits"; the loops of `evaluation_speed.py`). It
yields one mean value per lesion and column; ours also whole blocks, families, nested values,
interactions, spreads and ranks, and checks every sum.

**Whole**: `tr.explain` on all resamples, in ten pieces.

Seconds on the clock and of the processor, children included, with the machine's load: on a crowded
machine the former measure the crowd. Every turn is a row of
`benchmarks/results/explanation_speed_turns.csv`, appended, so that a run that was stopped goes on
where it was; `benchmarks/results/explanation_speed.csv` has medians and ratios.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import psutil
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

import tumor_response as tr
from tumor_response.explanation.trees import (
    column_shapley,
    group_interactions,
    nested_owen,
    tree_ensemble,
)
from tumor_response.models import final_estimator

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from evaluation_speed import (  # noqa: E402
    BOOSTING,
    WIDTHS,
    boosted_by_hand,
    simulated,
    tuned_logistic,
)

TURNS = HERE / "results" / "explanation_speed_turns.csv"
SUMMARY = HERE / "results" / "explanation_speed.csv"
KEYS = ["part", "model", "against", "turn"]
TIMES = ["wall_ours", "cpu_ours", "wall_theirs", "cpu_theirs", "cpu_nested_and_pairs"]
COLUMNS = [*KEYS, "n", *TIMES, "largest_difference", "load"]


def clock() -> tuple[float, float]:
    """Return seconds on the clock, and of the processor with all children, living or ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = time.process_time() + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return time.perf_counter(), spent


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what it returns, its seconds on the clock and its processor seconds."""
    wall, spent = clock()
    found = work()
    wall_after, spent_after = clock()
    return found, wall_after - wall, spent_after - spent


def done() -> set[tuple[str, ...]]:
    """Return which turns are there already."""
    if not TURNS.exists():
        return set()
    table = pd.read_csv(TURNS, dtype=str, keep_default_na=False)
    return set(table[KEYS].itertuples(index=False, name=None))


def kept(row: dict[str, Any]) -> None:
    """Append a turn."""
    row = {**row, "load": round(os.getloadavg()[0], 1)}
    pd.DataFrame([row], columns=COLUMNS).to_csv(
        TURNS, mode="a", header=not TURNS.exists(), index=False
    )
    print(row, flush=True)


def by_tree_explainer(model: Any, background: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Shap by hand on the bare estimator: interventional, all of the background."""
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(model, data=masker, feature_perturbation="interventional")
    values = np.asarray(explainer.shap_values(rows, check_additivity=False))
    return values[..., 1] if values.ndim == 3 else values


def kernel(turns: int, over: set[tuple[str, ...]]) -> None:
    """Compare the two on the same ensembles, on one core."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(96, 60)).astype(np.float32).astype(np.float64)
    y = (X[:, 0] * X[:, 1] + X[:, 2] + 0.5 * rng.normal(size=96) > 0).astype(int)
    train = rng.integers(0, 96, 96)
    test = np.setdiff1d(np.arange(96), train)
    column = np.arange(60)
    models = {
        f"XGBoost, 100 trees, depth {depth}": XGBClassifier(
            n_estimators=100, max_depth=depth, learning_rate=0.05, n_jobs=1
        )
        for depth in (2, 4, 6)
    } | {
        "RandomForest, 300 trees, 5 rows a leaf": RandomForestClassifier(
            300, min_samples_leaf=5, random_state=0
        ),
        "RandomForest, 300 trees, full": RandomForestClassifier(300, random_state=0),
        "ExtraTrees, 300 trees, full": ExtraTreesClassifier(300, random_state=0),
    }

    def ours(model: Any) -> np.ndarray:
        return column_shapley(tree_ensemble(model), X[train], X[test])

    def more(model: Any) -> np.ndarray:
        ensemble = tree_ensemble(model)
        group_interactions(ensemble, X[train], X[test], column // 20, 3)
        return nested_owen(ensemble, X[train], X[test], [column // 20, column // 5, column])[2]

    def theirs(model: Any) -> np.ndarray:
        return by_tree_explainer(model, X[train], X[test])

    for name, model in models.items():
        model.fit(X[train], y[train])
        gap = np.abs(ours(model) - theirs(model)).max()
        more(model)  # compiled, or read from disk, before anything is timed
        for turn in range(turns):
            if ("kernel", name, "shap.TreeExplainer", str(turn)) in over:
                continue
            times = [
                timed(lambda work=work, model=model: [work(model) for _ in range(2)])
                for work in (ours, theirs, more)
            ]
            kept(
                {
                    "part": "kernel",
                    "model": name,
                    "against": "shap.TreeExplainer",
                    "turn": turn,
                    "n": 2,
                    "wall_ours": times[0][1],
                    "cpu_ours": times[0][2],
                    "wall_theirs": times[1][1],
                    "cpu_theirs": times[1][2],
                    "cpu_nested_and_pairs": times[2][2],
                    "largest_difference": gap,
                }
            )


def same_fits(model: Any, X: pd.DataFrame, y: np.ndarray, resample: Any) -> np.ndarray:
    """One resample by the Pipeline that is explained, shap on its bare estimator."""
    import shap

    train, test = resample.train, resample.test
    fitted = clone(model).fit(X.iloc[train], y[train])
    behind, rows = X.iloc[train], X.iloc[test]
    for _, step in fitted.steps[:-1]:
        behind, rows = step.transform(behind), step.transform(rows)
    final = final_estimator(fitted)
    if hasattr(final, "booster_"):
        shown = np.flatnonzero(final.support_)
        behind, rows = (np.asarray(side)[:, shown].astype(np.float32) for side in (behind, rows))
        return by_tree_explainer(final.booster_, behind, rows)
    bare = LogisticRegression()
    bare.coef_, bare.intercept_, bare.classes_ = final.coef_, final.intercept_, final.classes_
    masker = shap.maskers.Independent(np.asarray(behind), max_samples=len(behind))
    return shap.LinearExplainer(bare, masker).shap_values(np.asarray(rows))


def own_fits(model: str, X: pd.DataFrame, y: np.ndarray, resample: Any) -> np.ndarray:
    """One resample by scikit-learn or XGBoost alone, and shap."""
    import shap

    given = X, y, list(WIDTHS.values()), resample.train, resample.test
    if model.startswith("xgboost"):
        fitted, behind, rows = boosted_by_hand(*given, 0)
        return by_tree_explainer(fitted, behind.astype(np.float32), rows.astype(np.float32))
    fitted, behind, rows = tuned_logistic(*given, 1e-4)
    masker = shap.maskers.Independent(behind, max_samples=len(behind))
    return shap.LinearExplainer(fitted, masker).shap_values(rows)


def plain_loop(one: Callable[..., np.ndarray], *given: Any, resamples: list, jobs: int) -> float:
    """Joblib over resamples; return the mean |value| summed over columns, to compare."""
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        found = joblib.Parallel(n_jobs=jobs)(joblib.delayed(one)(*given, r) for r in resamples)
    return float(np.mean([np.abs(values).mean(axis=0).sum() for values in found]))


def piece_of(result: Any, which: slice) -> Any:
    """Return the result with some of its resamples alone."""
    return replace(result, resamples=result.resamples[which], out_of_bag=result.out_of_bag[which])


def explanations(given: argparse.Namespace, over: set[tuple[str, ...]]) -> None:
    """Compare whole explanations by turns, then run all resamples in ten pieces."""
    X, y = simulated()
    cases = {
        "logistic": (tr.make_model("logistic"), ["same fits", "own fits"]),
        "xgboost": (tr.make_model("xgboost"), ["same fits"]),
        "xgboost, 100 rounds": (tr.make_model("xgboost", **BOOSTING), ["same fits", "own fits"]),
    }
    for name in given.models:
        model, loops = cases[name]
        scheme = tr.Bootstrap632Plus(n_resamples=given.resamples, seed=0)
        with tempfile.TemporaryDirectory() as place:
            directory = given.scores / name.replace(", ", "_") if given.scores else Path(place)
            result = tr.evaluate(
                {name: model}, X, y, scheme, n_jobs=given.jobs, directory=directory
            )
        first = piece_of(result, slice(0, 4))
        tr.explain(first, name, n_jobs=given.jobs)  # processes started, loops read from disk
        for turn in range(given.turns):
            piece = slice(turn * given.piece, (turn + 1) * given.piece)
            for loop in loops:
                if ("explain", name, loop, str(turn)) in over:
                    continue
                one, first_given = (same_fits, model) if loop == "same fits" else (own_fits, name)
                resamples = result.resamples[piece]

                def plain(one=one, first_given=first_given, resamples=resamples) -> float:
                    label = y.to_numpy()
                    return plain_loop(
                        one, first_given, X, label, resamples=resamples, jobs=given.jobs
                    )

                plain_loop(one, first_given, X, y.to_numpy(), resamples=resamples[:2], jobs=2)
                ours, wall_ours, cpu_ours = timed(
                    lambda piece=piece, name=name, result=result: tr.explain(
                        piece_of(result, piece), name, n_jobs=given.jobs
                    )
                )
                theirs, wall_theirs, cpu_theirs = timed(plain)
                kept(
                    {
                        "part": "explain",
                        "model": name,
                        "against": loop,
                        "turn": turn,
                        "n": len(resamples),
                        "wall_ours": wall_ours,
                        "cpu_ours": cpu_ours,
                        "wall_theirs": wall_theirs,
                        "cpu_theirs": cpu_theirs,
                        "largest_difference": abs(ours.column_mean_abs.sum(axis=1).mean() - theirs),
                    }
                )
        for turn in range(10):
            if ("whole", name, "", str(turn)) in over or name == "xgboost, 100 rounds":
                continue
            at = np.linspace(0, given.resamples, 11).astype(int)
            piece = slice(at[turn], at[turn + 1])
            _, wall, cpu = timed(
                lambda piece=piece, name=name, result=result: tr.explain(
                    piece_of(result, piece), name, n_jobs=given.jobs
                )
            )
            kept(
                {
                    "part": "whole",
                    "model": name,
                    "against": "",
                    "turn": turn,
                    "n": piece.stop - piece.start,
                    "wall_ours": wall,
                    "cpu_ours": cpu,
                }
            )


def summarise() -> None:
    """Write medians and ratios of the turns; of the whole its sums, for 1,000 resamples."""
    table = pd.read_csv(TURNS, keep_default_na=False, na_values=[""])
    table["against"] = table["against"].fillna("")
    rows = []
    for (part, model, against), turns in table.groupby(["part", "model", "against"], sort=False):
        per = {column: turns[column] / turns["n"] for column in TIMES}
        row = {"part": part, "model": model, "against": against, "turns": len(turns)}
        if part == "whole":
            n = turns["n"].sum()
            row["n_resamples"] = n
            row["seconds_for_1000"] = round(turns["wall_ours"].sum() / n * 1000, 1)
            row["cpu_seconds_for_1000"] = round(turns["cpu_ours"].sum() / n * 1000, 1)
        else:
            row["cpu_ms_ours"] = round(1000 * per["cpu_ours"].median(), 2)
            row["cpu_ms_theirs"] = round(1000 * per["cpu_theirs"].median(), 2)
            for clock_name in ("cpu", "wall"):
                ratio = turns[f"{clock_name}_theirs"] / turns[f"{clock_name}_ours"]
                row[f"{clock_name}_ratio_median"] = round(ratio.median(), 2)
                row[f"{clock_name}_ratio_min"] = round(ratio.min(), 2)
                row[f"{clock_name}_ratio_max"] = round(ratio.max(), 2)
            if part == "kernel":
                row["cpu_ms_nested_and_pairs"] = round(
                    1000 * per["cpu_nested_and_pairs"].median(), 2
                )
            row["largest_difference"] = turns["largest_difference"].max()
        row["load_median"] = turns["load"].median()
        rows.append(row)
    summary = pd.DataFrame(rows)
    summary.to_csv(SUMMARY, index=False)
    print(summary.to_string())


def main() -> None:
    """Run what is not there yet, and sum up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--piece", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--parts", nargs="+", default=["kernel", "explain"])
    names = ["logistic", "xgboost", "xgboost, 100 rounds"]
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    parser.add_argument("--scores", type=Path, help="keep the evaluation's scores here")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if "kernel" in given.parts:
        os.sched_setaffinity(0, cores[:1])
        kernel(given.turns, done())
    if "explain" in given.parts:
        os.sched_setaffinity(0, cores[: given.jobs])
        explanations(given, done())
    summarise()


if __name__ == "__main__":
    # shap announces matplotlib's future plans when it makes its colour maps
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    main()
