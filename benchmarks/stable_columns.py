"""Columns chosen by their repeatability: on all patients beforehand, in the fold, or not at all.

A study of 60 patients and 500 columns. Every column has a true value per patient and an error of
measurement, drawn anew for each of 10 repeats, that gives it a true ICC between 0.4 and 0.95; half
of the columns are log-normal, as sizes and energies are. The label is random (``nothing``), or
made of a cause that 60 columns know something of (``signal``). Ridge regression is evaluated by
patient-grouped cross-validation

- ``all_columns``: without a choice,
- ``all_rows``: with the columns whose ICC over the repeats of *all* patients is 0.75 or more,
- ``in_fold``: with those whose ICC over the repeats of the training patients is,

and, fitted to all 60, on 2,000 new patients (``transported``; ``all_rows`` and ``in_fold`` are one
model then). ``bias`` is the cross-validated AUC less the transported one. ``jaccard`` says how far
the columns of a fold are those of all rows, ``held_out_share`` which share of the columns chosen
has an ICC of 0.75 or more in the patients that are held out.

Run:  python -P benchmarks/stable_columns.py [--seeds 40]
Appends to benchmarks/results/stable_columns.csv (what is there is not run again) and prints means
with standard errors over the seeds; the differences are paired.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.evaluation import auc
from tumor_response.features.repeats import keep_repeats
from tumor_response.repeatability import icc
from tumor_response.transformers import StableColumns

FIRST_SEED = 8101
N, N_NEW, P, N_REPEATS, N_SIGNAL = 60, 2000, 500, 10, 60
MIN_ICC = 0.75
RESULTS = Path(__file__).parent / "results" / "stable_columns.csv"
KEY = "views__repeats__key"
COLUMNS = [f"radiomics__{number:03d}" for number in range(P)]


def study(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values (patients, 1 + repeats, columns) and labels; the first 60 are the study's."""
    rng = np.random.default_rng(seed)
    true_icc = rng.uniform(0.4, 0.95, P)
    truth = rng.normal(size=(N + N_NEW, P))
    chosen = rng.choice(P, N_SIGNAL, replace=False)
    cause = rng.normal(size=len(truth))
    truth[:, chosen] = 0.5 * cause[:, None] + np.sqrt(0.75) * truth[:, chosen]
    logit = cause * (2.5 if kind == "signal" else 0.0)
    label = (logit + rng.logistic(size=len(logit)) > 0).astype(int)
    skewed = np.arange(P) % 2 == 0
    truth[:, skewed] = np.exp(truth[:, skewed])
    error = np.sqrt(1.0 / true_icc - 1.0) * truth.std(axis=0)
    shape = (N + N_NEW, 1 + N_REPEATS, P)
    noise = rng.standard_normal(shape, dtype=np.float32)
    return truth[:, None] + error * noise, label


def table(values: np.ndarray, first: int = 0) -> pd.DataFrame:
    """Return the unaltered rows."""
    index = pd.MultiIndex.from_product(
        [[f"P{first + number:04d}" for number in range(len(values))], ["1"]],
        names=["patient_id", "lesion_id"],
    )
    return pd.DataFrame(values[:, 0], index=index, columns=COLUMNS)


def measured(kind: str, seed: int, folder: str) -> list[dict[str, object]]:
    """Evaluate one study in all ways."""
    values, label = study(kind, seed)
    X, new = table(values[:N]), table(values[N:], N)
    X[KEY] = keep_repeats(tr.ViewStore(folder), values[:N], COLUMNS)
    y = pd.Series(label[:N], X.index, name="response")
    of_all = dict(zip(COLUMNS, icc(values[:N]).value.tolist(), strict=True))
    models = {
        "all_columns": tr.make_model("logistic"),
        "all_rows": tr.make_model("logistic", stable=StableColumns(MIN_ICC, icc=of_all)),
        "in_fold": tr.make_model("logistic", stable=StableColumns(MIN_ICC, store=folder)),
    }
    result = tr.evaluate(models, X, y, tr.RepeatedKFold(n_folds=5, n_repeats=4, seed=seed))
    transported = {
        name: auc(label[N:], models[name].fit(X, y).predict_proba(new)[:, 1])
        for name in ("all_columns", "all_rows")
    }
    passing = np.array(list(of_all.values())) >= MIN_ICC
    overlap, held_out = [], []
    for resample in result.resamples:
        chosen = StableColumns(MIN_ICC, store=folder).fit(X.iloc[resample.train]).support_
        overlap.append((chosen & passing).sum() / (chosen | passing).sum())
        stays = icc(values[resample.test]).value >= MIN_ICC
        held_out.append((stays[chosen].mean(), stays[passing].mean()))
    summary = result.summary()
    return [
        {
            "kind": kind,
            "seed": seed,
            "way": name,
            "auc": summary.loc[name, "auc_cv"],
            "transported": transported["all_columns" if name == "all_columns" else "all_rows"],
            "n_columns": P if name == "all_columns" else int(passing.sum()),
            "jaccard": np.mean(overlap) if name == "in_fold" else 1.0,
            "held_out_share": {
                "all_columns": np.nan,
                "all_rows": np.mean([one[1] for one in held_out]),
                "in_fold": np.mean([one[0] for one in held_out]),
            }[name],
        }
        for name in models
    ]


def printed(found: pd.DataFrame) -> None:
    """Print means, and the paired difference that the leak makes."""
    found = found.assign(bias=found["auc"] - found["transported"])
    measures = ["auc", "transported", "bias", "n_columns", "jaccard", "held_out_share"]
    for statistic in ("mean", "sem"):
        print(statistic)
        print(found.groupby(["kind", "way"])[measures].agg(statistic).round(4).to_string())
    for kind, of_kind in found.groupby("kind"):
        wide = of_kind.pivot_table(index="seed", columns="way", values="auc")
        gap = wide["all_rows"] - wide["in_fold"]
        print(f"{kind}: all_rows - in_fold {gap.mean():+.4f} +- {gap.sem():.4f} (n = {len(gap)})")


def main() -> None:
    """Run what is not there yet, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40)
    asked = parser.parse_args()
    done = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["kind", "seed"])
    there = set(done[["kind", "seed"]].itertuples(index=False, name=None))
    for seed in range(FIRST_SEED, FIRST_SEED + asked.seeds):
        for kind in ("nothing", "signal"):
            if (kind, seed) in there:
                continue
            with tempfile.TemporaryDirectory() as folder:
                rows = pd.DataFrame(measured(kind, seed, folder)).round(5)
            rows.to_csv(RESULTS, mode="a", header=not RESULTS.exists(), index=False)
    printed(pd.read_csv(RESULTS))


if __name__ == "__main__":
    main()
