"""Rank models on a folder of feature tables with a binary label.

A table is a CSV file (``.csv``, ``.csv.gz``, ``.gz``): one row a lesion, one column the label, the
others features. Every model meets the same bootstrap resamples of a table's patients, everything
fitted inside. A table that cannot be evaluated, or a model that fails on one, is a row in the list
of failures and stops nothing.

Run:  python -P benchmarks/radiomics_tables.py FOLDER_OR_FILE... --out leaderboard.csv
          [--label COLUMN] [--patient COLUMN] [--drop COLUMN...] [--models logistic xgboost]
          [--estimators sklearn.ensemble.RandomForestClassifier ...] [--resamples 100] [--n-jobs 1]

``--label`` names the label's column (default: the last one); two values of any kind are mapped to 0
and 1 in sorted order, which is printed. ``--patient`` names the column of patients (default: every
row is a patient of its own). Estimators given by import path stand behind median imputation and
standardising, with their own defaults and ``random_state=0`` where they have one.

The committed benchmarks/results/radiomics_tables.csv is of one table,
    python -P benchmarks/radiomics_tables.py DATA/tables/hn1_radiomics.csv
        --label label --patient ID --models logistic xgboost svm gaussian_process pls_da
        --estimators sklearn.ensemble.RandomForestClassifier sklearn.svm.SVC
        --out benchmarks/results/radiomics_tables.csv
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tumor_response as tr
from tumor_response.exceptions import TumorResponseError

ENDINGS = (".csv", ".csv.gz", ".gz")
COLUMNS = ["auc_oob", "ci_low", "ci_high", "ci_method", "auc_apparent", "auc_632plus"]


class TableError(Exception):
    """A file that holds no table with a binary label."""


def files_of(paths: list[Path]) -> list[Path]:
    """Return the tables among files and folders, sorted by name."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        found += [file for file in inside if file.name.endswith(ENDINGS)]
    return found


def read_table(
    path: Path, label: str | None, patient: str | None, drop: list[str]
) -> tuple[pd.DataFrame, pd.Series, str]:
    """Return features, 0/1 label and a sentence on how the label was read.

    Raises
    ------
    TableError
        If a named column is missing, the label has missing values or other than two values, or
        there are no features.
    """
    frame = pd.read_csv(path, compression="gzip" if path.name.endswith(".gz") else None)
    label = str(frame.columns[-1]) if label is None else label
    wanted = [name for name in (label, patient, *drop) if name is not None]
    if absent := [name for name in wanted if name not in frame]:
        raise TableError(f"no column {absent}; the last ones are {list(frame.columns[-3:])}")
    values = frame.pop(label)
    if values.isna().any():
        raise TableError(f"{int(values.isna().sum())} rows without a label in {label!r}")
    levels = sorted(values.unique().tolist())
    if len(levels) != 2:
        raise TableError(f"{label!r} has {len(levels)} values, expected two: {levels[:5]}")
    if patient is None:
        names = pd.Series([f"row {i:05d}" for i in range(len(frame))])
    else:
        names = frame.pop(patient).astype(str)
    frame = frame.drop(columns=drop)
    if not frame.shape[1]:
        raise TableError("no feature columns")
    lesion = names.groupby(names).cumcount().astype(str)
    frame.index = pd.MultiIndex.from_arrays([names, lesion], names=["patient_id", "lesion_id"])
    y = pd.Series((values == levels[1]).to_numpy(dtype=float), index=frame.index)
    said = (
        f"{label!r}: {levels[0]!r} = 0 ({int((y == 0).sum())}), {levels[1]!r} = 1 ({int(y.sum())})"
    )
    return frame.add_prefix("features__"), y, said


def by_import_path(path: str) -> BaseEstimator:
    """Make the estimator of a dotted path, behind imputation and standardising."""
    module, _, name = path.rpartition(".")
    estimator = getattr(importlib.import_module(module), name)()
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), estimator)


def ranked(
    files: list[Path],
    models: dict[str, BaseEstimator],
    columns: tuple[str | None, str | None, list[str]],
    scheme: tr.Bootstrap632Plus,
    n_jobs: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate every model on every table; return the rows and the failures."""
    rows, failures = [], []
    for file in files:
        table = file.name.split(".")[0]
        try:
            X, y, said = read_table(file, *columns)
        except (TableError, OSError, ValueError) as error:
            failures.append({"table": table, "model": "", "what": f"{error}"})
            continue
        print(f"{table}: {len(X)} rows, {X.shape[1]} columns, {said}", flush=True)
        for name, model in models.items():
            try:
                result = tr.evaluate({name: model}, X, y, scheme=scheme, n_jobs=n_jobs)
            except TumorResponseError as error:
                failures.append({"table": table, "model": name, "what": f"{error}"})
                continue
            summary = result.summary().loc[name]
            size = {"n": len(X), "p": X.shape[1], "positive": int(y.sum())}
            rows.append({"table": table, **size, "model": name, **summary[COLUMNS]})
    return pd.DataFrame(rows), pd.DataFrame(failures, columns=["table", "model", "what"])


def leaderboard(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model: mean AUC and rank over the tables that every model finished.

    ``less_low`` and ``less_high`` hold the mean paired difference to the best model (95 %,
    Student's t over tables; NaN for one table).
    """
    wide = rows.pivot_table(index="table", columns="model", values="auc_oob").dropna()
    n = len(wide)
    board = pd.DataFrame(
        {
            "tables": n,
            "mean_auc": wide.mean(),
            "mean_rank": wide.rank(axis=1, ascending=False).mean(),
        }
    ).sort_values("mean_auc", ascending=False)
    t = stats.t.ppf(0.975, n - 1) if n > 1 else np.nan
    for prefix, values in (("mean", wide), ("less", wide.sub(wide[board.index[0]], axis=0))):
        half = t * values.std() / np.sqrt(n)
        board[f"{prefix}_low"], board[f"{prefix}_high"] = values.mean() - half, values.mean() + half
    return board


def main() -> None:
    """Read, evaluate, rank, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--label")
    parser.add_argument("--patient")
    parser.add_argument("--drop", nargs="*", default=[])
    parser.add_argument("--models", nargs="*", default=["logistic", "xgboost"])
    parser.add_argument("--estimators", nargs="*", default=[])
    parser.add_argument("--resamples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--n-jobs", type=int, default=1)
    arguments = parser.parse_args()
    models = {name: tr.make_model(name) for name in arguments.models}
    models |= {path.rpartition(".")[2]: by_import_path(path) for path in arguments.estimators}
    rows, failures = ranked(
        files_of(arguments.paths),
        models,
        (arguments.label, arguments.patient, arguments.drop),
        tr.Bootstrap632Plus(n_resamples=arguments.resamples, seed=arguments.seed),
        arguments.n_jobs,
    )
    if len(rows):
        rows.round(4).to_csv(arguments.out, index=False)
        print(rows.round(3).to_string(index=False))
        print(leaderboard(rows).round(3).to_string())
    print(f"{len(failures)} failure(s)")
    for failure in failures.itertuples():
        print(f"  {failure.table} {failure.model}: {failure.what}")


if __name__ == "__main__":
    main()
