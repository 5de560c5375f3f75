"""What the comparison of groups keeps of what it promises: levels, coverage, false discoveries.

``columns``: studies of 24, 48 or 96 patients with one lesion each or two, 200 columns. Class 1
follows from nothing, or from the volume ("confounded"), on which the columns then depend as well,
in a curve. With effect 1 the columns are a standard deviation of their noise higher in class 1.
Measured: how often p is 0.05, 0.01, 0.001 or less where nothing is to be found, and how often the
intervals hold the value that 60,000 patients have. Beside the interval that is used stand the plain
one of DeLong or Obuchowski (normal quantile, cut at 0 and 1) and Newcombe's, which knows nothing of
several lesions.

``tables``: 96 patients and 1,500 columns in 60 clusters of 25 that correlate by 0.64, in 12
families of five clusters. The class follows from nothing, or from the factors of three clusters
(5 % of the columns); confounded: from the volume as well, and so do two of three columns.
Measured: the share of false discoveries at q of 0.1 within families and over all columns, the
share of true columns found, studies with anything found, and how often the count's own p value is
0.05 or less. Unadjusted, a column that follows the volume does differ where confounded, so that
only the adjusted test has a level there.

``blocks``: 400 studies of 40 or 96 patients and a block of 200 columns in 20 clusters that says
nothing at equal volume; how often the p values of the block and of its largest effect are 0.05 or
less.

Run:  python -P benchmarks/group_differences.py columns
      python -P benchmarks/group_differences.py tables
      python -P benchmarks/group_differences.py blocks
Appends to benchmarks/results/group_differences_{columns,tables,blocks}.csv, a row per batch of
studies; goes on where it stopped. ``show`` prints the tables of the docs; ``figures`` draws those
of one simulated table: 1,000 texture columns, 50 of which say something beyond volume and
300 of which follow it, and 500 deep columns, a third of which follow the volume.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

import tumor_response as tr
from tumor_response.evaluation.intervals import obuchowski
from tumor_response.evaluation.planning.precision import newcombe_limits
from tumor_response.explanation.differences import beyond_volume_and_age, group_differences
from tumor_response.explanation.differences.block_tests import block_tests
from tumor_response.explanation.differences.comparing import differences_of_rows
from tumor_response.explanation.differences.covariates import adjusting_basis
from tumor_response.explanation.differences.partial import PartialRanks
from tumor_response.explanation.differences.prepared import compared_rows
from tumor_response.style import figure_of

RESULTS = Path(__file__).parent / "results"
FIGURES = Path(__file__).parents[1] / "docs" / "_figures"
LEVELS = (0.05, 0.01, 0.001)
N_COLUMNS, STUDIES_PER_BATCH, BATCHES = 200, 25, 4
TABLE_STUDIES, TABLE_BATCHES = 10, 20
BLOCK_STUDIES, BLOCK_BATCHES = 100, 4
FEWEST = 5

FloatArray = npt.NDArray[np.float64]


def study(
    n: int, lesions: int, confounded: bool, effect: float, p: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.Series]:
    """Return one study's table and classes."""
    m, who = n * lesions, np.repeat(np.arange(n), lesions)
    several = float(lesions > 1)
    volume, age = rng.normal(size=m), rng.normal(size=n)[who]
    patient = several * rng.normal(size=n)[who]
    y = (confounded * volume + patient + rng.logistic(size=m) > 0).astype(float)
    columns = effect * y[:, None] + rng.normal(size=(m, p))
    columns += several * rng.normal(size=(n, p))[who]
    columns += confounded * (0.8 * volume + 0.4 * volume**2)[:, None]
    names = ["patient_id", "lesion_id"]
    index = pd.MultiIndex.from_arrays(
        [[f"P{i:06d}" for i in who], [str(i % lesions) for i in range(m)]], names=names
    )
    table = pd.DataFrame(columns, index).add_prefix("deep__n__")
    table["clinical__volume_cc"], table["clinical__age"] = np.exp(volume), 60 + 9 * age
    return table, pd.Series(y, index)


def truth(lesions: int, confounded: bool, effect: float) -> tuple[float, float]:
    """Return the AUC and the adjusted effect in 60,000 patients."""
    found = []
    for seed in range(3):
        table, y = study(20_000, lesions, confounded, effect, 8, np.random.default_rng([9, seed]))
        values, label = table.iloc[:, :8].to_numpy(), y.to_numpy()
        rows = np.arange(len(label))
        one = []
        for covariates in (table.iloc[:, :0], table.iloc[:, 8:]):
            ranks = PartialRanks(values, adjusting_basis(covariates), rows)
            one.append(ranks.effects(ranks.residual_labels(label[None])).mean())
        found.append(one)
    delta, adjusted = np.mean(found, axis=0)
    return (1 + delta) / 2, adjusted


def batch_of_columns(setting: dict, rng: np.random.Generator) -> dict[str, float]:
    """Return the measures of one batch of studies."""
    auc, adjusted = truth(setting["lesions"], setting["confounded"], setting["effect"])
    rows = []
    while len(rows) < STUDIES_PER_BATCH:
        table, y = study(**setting, p=N_COLUMNS, rng=rng)
        by_patient = y.groupby("patient_id")
        if min(by_patient.max().sum(), (1 - by_patient.min()).sum()) < FEWEST:
            continue
        found = group_differences(table, y, n_permutations=19).columns
        row = {"auc": auc, "adjusted": adjusted}
        if not setting["effect"]:
            for level in LEVELS:
                row[f"adjusted_p_{level}"] = (found["p_value_adjusted"] <= level).mean()
                if not setting["confounded"]:
                    row[f"p_{level}"] = (found["p_value"] <= level).mean()
        row["cover"] = held(found["auc_low"], auc, found["auc_high"])
        low, high = found["delta_low_adjusted"], found["delta_high_adjusted"]
        row["cover_adjusted"] = held(low, adjusted, high)
        row["no_interval_adjusted"] = low.isna().mean()
        patients = y.index.get_level_values(0)
        classes = (int(y.sum()), int((1 - y).sum()))
        others = []
        for name in found.index[:10]:  # the two others are slow
            variance = obuchowski(y, table[name], patients)
            others.append([*variance.limits(), *newcombe_limits(variance.auc, *classes)])
        limits = np.array(others).T
        row["cover_plain"] = held(limits[0], auc, limits[1])
        row["cover_newcombe"] = held(limits[2], auc, limits[3])
        rows.append(row)
    return pd.DataFrame(rows).mean().to_dict()


def held(low: FloatArray, value: float, high: FloatArray) -> float:
    """Return the share of intervals that hold the value; those that are missing do not."""
    return float(np.mean((low <= value) & (value <= high)))


def batch_of_tables(setting: dict, rng: np.random.Generator) -> dict[str, float]:
    """Return the measures of one batch of studies."""
    rows = []
    n, clusters, size = 96, 60, 25
    of_column = np.repeat(np.arange(clusters), size)
    index = pd.Index([f"P{i:03d}" for i in range(n)], name="patient_id")
    for _ in range(TABLE_STUDIES):
        factors, volume, age = (
            rng.normal(size=(n, clusters)),
            rng.normal(size=n),
            rng.normal(size=n),
        )
        columns = 0.8 * factors[:, of_column] + 0.6 * rng.normal(size=(n, clusters * size))
        columns += setting["confounded"] * volume[:, None] * (np.arange(clusters * size) % 3 > 0)
        drivers = [0, 21, 42]
        linear = setting["confounded"] * volume + setting["signal"] * factors[:, drivers].sum(
            axis=1
        )
        y = pd.Series((linear + rng.logistic(size=n) > 0).astype(float), index)
        names = [f"deep__f{cluster // 5:02d}__{i:04d}" for i, cluster in enumerate(of_column)]
        table = pd.DataFrame(columns, index, names)
        table["clinical__volume_cc"], table["clinical__age"] = np.exp(volume), age
        result = group_differences(table, y, n_permutations=99, seed=int(rng.integers(1 << 31)))
        is_true = np.isin(of_column, drivers) & bool(setting["signal"])
        row: dict[str, float] = {}
        for test, ending in (("unadjusted", ""), ("adjusted", "_adjusted")):
            if test == "unadjusted" and setting["confounded"]:
                continue
            for name in ("q", "q_all"):
                found = (result.columns[f"{name}{ending}"] <= 0.1).to_numpy()
                row[f"{test}_{name}_false_share"] = (found & ~is_true).sum() / max(1, found.sum())
                row[f"{test}_{name}_any"] = found.any()
                if is_true.any():
                    row[f"{test}_{name}_true_found"] = found[is_true].mean()
            for criterion in ("p", "q"):
                one = result.count(test, criterion)
                row[f"{test}_count_{criterion}"] = one["found"]
                row[f"{test}_expected_{criterion}"] = one["expected"]
                row[f"{test}_low_{criterion}"] = one["low"]
                row[f"{test}_high_{criterion}"] = one["high"]
                row[f"{test}_count_{criterion}_significant"] = one["p_value"] <= 0.05
        rows.append(row)
    return pd.DataFrame(rows).astype(float).mean().to_dict()


def batch_of_blocks(setting: dict, rng: np.random.Generator) -> dict[str, float]:
    """Return how often a block that says nothing is found in one batch of studies."""
    rows = []
    n, confounded = setting["n"], setting["confounded"]
    index = pd.Index([f"P{i:03d}" for i in range(n)], name="patient_id")
    while len(rows) < BLOCK_STUDIES:
        volume, age, factors = rng.normal(size=n), rng.normal(size=n), rng.normal(size=(n, 20))
        y = pd.Series((confounded * volume + rng.logistic(size=n) > 0).astype(float), index)
        if min(y.sum(), n - y.sum()) < FEWEST:
            continue
        columns = 0.8 * np.repeat(factors, 10, axis=1) + 0.6 * rng.normal(size=(n, 200))
        columns += confounded * (volume + 0.5 * volume**2)[:, None] * (np.arange(200) % 2)
        table = pd.DataFrame(columns, index).add_prefix("deep__n__")
        table["clinical__volume_cc"], table["clinical__age"] = np.exp(volume), age
        seed = int(rng.integers(1 << 31))
        prepared = compared_rows(table, y, None, None, None)
        found = differences_of_rows(prepared, n_permutations=19)
        one = block_tests(prepared, found, 199, seed).iloc[0]
        rows.append({"p": one["p_value"] <= 0.05, "p_strongest": one["p_strongest"] <= 0.05})
    return pd.DataFrame(rows).mean().to_dict()


def run(name: str, settings: list[dict], n_batches: int, one: Callable) -> None:
    """Append the batches that are not there yet."""
    path = RESULTS / f"group_differences_{name}.csv"
    there = pd.read_csv(path) if path.exists() else pd.DataFrame()
    for batch, setting in itertools.product(range(n_batches), settings):
        keys = {**setting, "batch": batch}
        if len(there) and (there[list(keys)] == pd.Series(keys)).all(axis=1).any():
            continue
        seed = zlib.crc32(repr((name, keys)).encode())
        row = keys | one(setting, np.random.default_rng(seed))
        there = pd.concat([there, pd.DataFrame([row])], ignore_index=True)
        there.to_csv(path, index=False, float_format="%.6g")
        print(row, flush=True)


def show() -> None:
    """Print the means over the batches."""
    for name in ("columns", "tables", "blocks"):
        frame = pd.read_csv(RESULTS / f"group_differences_{name}.csv")
        keys = list(frame.columns[: list(frame.columns).index("batch")])
        shown = frame.groupby(keys, sort=False).mean().drop(columns="batch")
        print(
            shown.round(4).T.to_string(), "\n", frame.groupby(keys, sort=False).size().to_string()
        )


def figures() -> None:
    """Draw the docs' figures."""
    import matplotlib as mpl

    mpl.use("Agg")
    rng = np.random.default_rng(11)
    n, clusters = 96, 60
    volume, age = rng.normal(size=n), rng.normal(60, 9, size=n)
    factors = rng.normal(size=(n, clusters))
    y = 1.2 * volume + 1.2 * factors[:, 0] + 0.9 * factors[:, 20] + rng.logistic(size=n) > 0
    filters = ("original", "log_sigma_1_mm", "log_sigma_2_mm", "log_sigma_3_mm", "wavelet_LLL")
    columns = {}
    for i in range(1500):
        of = 0.8 * factors[:, i // 25] + 0.6 * rng.normal(size=n)
        follows = i % 10 < 3 if i < 1000 else i % 3 == 0
        name = f"deep__tf_efficientnet_lite0__{i - 1000:04d}"
        if i < 1000:
            kind = ("glcm", "glrlm")[i // 100 % 2]
            name = f"radiomics__{filters[i // 200]}__{kind}_Feature{i:03d}"
        columns[name] = of + 0.8 * volume * follows
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(n)], ["1"]], names=["patient_id", "lesion_id"]
    )
    table = pd.DataFrame(columns, index)
    table["clinical__volume_cc"], table["clinical__age"] = np.exp(2.5 + 0.8 * volume), age
    groups = pd.Series(y.astype(float), index)
    found = group_differences(table, groups)
    print("\n".join(found.sentences()))
    for test in ("unadjusted", "adjusted"):
        figure = found.plot_volcano(test).figure
        figure.savefig(FIGURES / f"group_differences_{test}.png", dpi=150)
    models = {
        "volume_only": tr.make_model("volume_only"),
        "clinical_only": tr.make_model("clinical_only"),
        "clinical + deep": tr.make_model("logistic", blocks=["clinical", "deep"], Cs=(0.01,)),
        "all blocks": tr.make_model("logistic", Cs=(0.01,)),
    }
    result = tr.evaluate(models, table, groups, tr.Bootstrap632Plus(n_resamples=200, seed=0))
    beyond = beyond_volume_and_age(result)
    print("\n".join(beyond.sentences()))
    figure_of(beyond.plot()).savefig(FIGURES / "beyond_volume_and_age.png", dpi=150)


def main() -> None:
    """Run a part, or show what there is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("columns", "tables", "blocks", "show", "figures"))
    part = parser.parse_args().part
    if part == "show":
        show()
    elif part == "figures":
        figures()
    elif part == "columns":
        grid = itertools.product((96, 48, 24), (1, 2), (0, 1), (0.0, 1.0))
        names = ("n", "lesions", "confounded", "effect")
        run(part, [dict(zip(names, one, strict=True)) for one in grid], BATCHES, batch_of_columns)
    elif part == "blocks":
        sizes = itertools.product((96, 40), (0, 1))
        settings = [{"n": n, "confounded": c} for n, c in sizes]
        run(part, settings, BLOCK_BATCHES, batch_of_blocks)
    else:
        settings = [
            {"confounded": c, "signal": s} for c, s in itertools.product((0, 1), (0.0, 0.9))
        ]
        run(part, settings, TABLE_BATCHES, batch_of_tables)


if __name__ == "__main__":
    main()
