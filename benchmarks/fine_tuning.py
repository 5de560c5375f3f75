"""Measure whether fine-tuning beats the frozen embedding, at 100, 200 and 400 patients.

One cohort of 400 patients is simulated. Seed, settings, models and folds were fixed before the
first run; after it the start of the training was made equal to ``frozen``, which it was meant to
be, and all was run anew. The views (3 slices, 128 pixels) are cut once, and every model sees the
same pixels. The end points are made of the simulation's own truth:

- ``image``: the response field, which shows in the texture alone, with ``image_signal = 2``, and
  noise. Neither volume nor age is in it.
- ``noise``: the noise alone (``signal = 0``).

The 400 patients are four cohorts of 100, two of 200, or one of 400. In each, models are fitted and
scored in the same folds of a stratified five-fold cross-validation over patients, ``--repeats``
times with other folds; adapters, attention and the head at 100 alone. ``frozen`` is the mean
pooled feature of the views, as a block of columns, under ``tr.make_model("logistic")``: what last
stage, adapters and attention start from.

The interval of a difference is the corrected resampled t (Nadeau and Bengio 2003, Machine Learning
52:239): the variance over the folds of a cohort, times 1 / n_folds + 1 / 4, because training sets
overlap; cohorts of one size have no patient in common, and their means are averaged.

Run:  python benchmarks/fine_tuning.py --work FOLDER [--repeats 1] [--jobs 2]
Writes benchmarks/results/fine_tuning_folds.csv (one row per fold and model, as they are finished; a
run that was ended goes on there) and benchmarks/results/fine_tuning.csv, and prints the latter.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy import stats
from sklearn.base import clone

import tumor_response as tr
from tumor_response.evaluation.metrics import auc
from tumor_response.models.folds import patient_folds, patients_of
from tumor_response.models.learned import AttentionPooling, FineTuned
from tumor_response.models.learned.activations import ActivationStore
from tumor_response.models.learned.network import load_network
from tumor_response.parallel.threads import held_threads

SEED, N_PATIENTS, IMAGE_SIGNAL, N_FOLDS = 801, 400, 2.0, 5
BACKBONE, KEY = "tf_efficientnet_lite0", "views__axial__key"
SIZES = (100, 200, 400)
NULL_SIZE = 100
RESULTS = Path(__file__).parent / "results" / "fine_tuning.csv"
FOLDS = RESULTS.with_name("fine_tuning_folds.csv")


def cohort_table(work: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate and cut, unless it is there; return keys with the frozen block, and the truth."""
    directory = work / f"cohort_{SEED}"
    if not (directory / "manifest.csv").exists():
        tr.simulate_cohort(N_PATIENTS, seed=SEED, directory=directory)
    cohort = tr.Cohort.from_csv(directory / "manifest.csv")
    views = tr.Views(tr.ViewSettings(n_slices=3), store=work / f"views_{SEED}", size_px=128)
    keys = tr.extract(cohort, [views], cache_dir=work / "cache").data[[KEY]]
    network = load_network(BACKBONE, "packaged", "cpu")
    pooled = ActivationStore(views.store, network, "pooled", network.module)
    with held_threads(1):
        block = np.array([pooled.get(key).mean(axis=0, dtype=np.float64) for key in keys[KEY]])
    names = [f"deep__{BACKBONE}__{i:04d}" for i in range(block.shape[1])]
    truth = pd.read_csv(directory / "truth.csv", dtype={"patient_id": str, "lesion_id": str})
    frozen = pd.DataFrame(block, index=keys.index, columns=names)
    return keys.join(frozen), truth.set_index(["patient_id", "lesion_id"]).loc[keys.index]


def end_points(truth: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the labels of both end points; the population's medians of both are zero."""
    by_field = truth["oracle_full"] - truth["oracle_volume_age"]
    by_noise = truth["rate_latent_percent_per_day"] - truth["oracle_full"]
    return {
        "image": (IMAGE_SIGNAL * by_field + by_noise > 0).astype(int),
        "noise": (by_noise > 0).astype(int),
    }


def models(work: Path) -> dict[str, Any]:
    """Return what is compared, with every setting at its default."""
    store = work / f"views_{SEED}"
    return {
        "frozen": tr.make_model("logistic", blocks=["deep"]),
        "last_stage": FineTuned(BACKBONE, "last_stage", store=store, device="cpu"),
        "adapters": FineTuned(BACKBONE, "adapters", store=store, device="cpu"),
        "head": FineTuned(BACKBONE, "head", store=store, device="cpu"),
        "attention": AttentionPooling(BACKBONE, store=store, device="cpu"),
    }


class Job(NamedTuple):
    """One fit: a model in one fold of one cross-validation of one cohort."""

    end_point: str
    n: int
    cohort: int
    repeat: int
    model: str
    fold: int


def jobs(n_repeats: int) -> list[Job]:
    """Return what is to be done, the pair that the page is about first."""
    image = [("image", n, number) for n in SIZES for number in range(N_PATIENTS // n)]
    noise = [("noise", NULL_SIZE, number) for number in range(N_PATIENTS // NULL_SIZE)]
    small = [place for place in image if place[1] == SIZES[0]]
    plan = [(name, where) for where in (image, noise) for name in ("frozen", "last_stage")]
    plan += [("attention", small), ("attention", noise), ("head", small), ("adapters", small)]
    return [
        Job(*place, repeat, name, fold)
        for name, where in plan
        for repeat in range(n_repeats)
        for place in where
        for fold in range(N_FOLDS)
    ]


def job_row(job: Job, work: Path, X: pd.DataFrame, y: np.ndarray) -> dict[str, Any]:
    """Fit and score, in a process of its own."""
    test = patient_folds(patients_of(X), y, N_FOLDS, 1000 * job.repeat + job.cohort) == job.fold
    begun = time.process_time()
    with held_threads(1):
        fitted = clone(models(work)[job.model]).fit(X[~test], y[~test])
        score = fitted.predict_proba(X[test])[:, 1]
    return job._asdict() | {
        "auc": round(auc(y[test], score), 6),
        "n_epochs": getattr(fitted, "n_epochs_", None),
        "cpu_seconds": round(time.process_time() - begun, 2),
    }


def fold_rows(work: Path, n_repeats: int, n_jobs: int) -> pd.DataFrame:
    """Do every job that is not in the file yet."""
    table, truth = cohort_table(work)
    labels = end_points(truth)
    done = pd.read_csv(FOLDS) if FOLDS.exists() else pd.DataFrame()
    known = set(done[list(Job._fields)].itertuples(index=False, name=None)) if len(done) else set()
    rows = done.to_dict("records")
    calls = []
    for job in jobs(n_repeats):
        if job not in known:
            members = slice(job.cohort * job.n, (job.cohort + 1) * job.n)
            y = labels[job.end_point].iloc[members].to_numpy()
            calls.append(delayed(job_row)(job, work, table.iloc[members], y))
    for row in Parallel(n_jobs, return_as="generator_unordered", pre_dispatch=n_jobs)(calls):
        rows.append(row)
        pd.DataFrame(rows).sort_values(list(Job._fields)).to_csv(FOLDS, index=False)
        print(*(row[field] for field in Job._fields), flush=True)
    return pd.DataFrame(rows)


def corrected(values: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return mean, standard error and 95 % interval of fold values with a column ``cohort``."""
    per_cohort = values.groupby("cohort")["value"]
    n_folds = per_cohort.size()
    variance = per_cohort.var() * (1 / n_folds + 1 / (N_FOLDS - 1))
    mean, error = per_cohort.mean().mean(), np.sqrt(variance.sum()) / len(variance)
    half = stats.t.ppf(0.975, (n_folds - 1).sum()) * error
    return float(mean), float(error), float(mean - half), float(mean + half)


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return AUC and paired difference from ``frozen``, with intervals, per size and model."""
    where = ["cohort", "repeat", "fold"]
    out = []
    for (end_point, n), group in rows.groupby(["end_point", "n"]):
        base = group[group["model"] == "frozen"].set_index(where)["auc"]
        for name, own in group.groupby("model", sort=False):
            value = own.set_index(where)["auc"]
            paired = (value - base).rename("value").reset_index()
            mean, error, low, high = corrected(value.rename("value").reset_index())
            row = {"end_point": end_point, "n": n, "model": name, "n_fits": len(own)}
            row |= {"auc": mean, "auc_se": error, "auc_low": low, "auc_high": high}
            if name != "frozen":
                difference, _, low, high = corrected(paired)
                row |= {"difference": difference, "ci_low": low, "ci_high": high}
            row |= {"mean_epochs": own["n_epochs"].mean(), "cpu_s": own["cpu_seconds"].mean()}
            out.append(row)
    return pd.DataFrame(out).round(4)


def main() -> None:
    """Run what is missing, write both files, print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    table = summary(fold_rows(arguments.work, arguments.repeats, arguments.jobs))
    table.to_csv(RESULTS, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
