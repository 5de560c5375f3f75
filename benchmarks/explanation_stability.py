"""Measure what stability and null band of an explanation mean, where the truth is known.

Tables without images: 96 patients, three clinical columns, 120 radiomics columns in six families,
120 deep columns. The response follows from a latent that the 20 columns of one texture family
carry (``texture``), or from nothing (``nothing``). A ridge logistic whose penalty is tuned in each
fit.

``overlap``
    400 resamples of each cohort. Nogueira's interval from 50 of them (eight times), against the
    value of the other 350: does it cover what it is said to cover? And against the value of models
    of independent cohorts, one resample of each: what does it say about other patients?
``band``
    20 runs (19 permutations and the outcome as it is) of 10 resamples in each study: how many
    columns leave the band, by their mean |SHAP| and by their part of the sum, of those with a
    relation to the response and of those without.
``figure``
    One study of each part, drawn.

Each goes on where it was stopped. Seeds and settings were fixed before any was run.

Run:  python -P benchmarks/explanation_stability.py overlap [--seeds 20]
      python -P benchmarks/explanation_stability.py band [--seeds 30]
      python -P benchmarks/explanation_stability.py summary
      python -P benchmarks/explanation_stability.py figure [--n-jobs 2]
Writes benchmarks/results/explanation_overlap.csv (one row per cohort and 50 resamples),
explanation_cohorts.csv (one row per setting), explanation_band.csv (one row per study) and
docs/_figures/explanation_stability.png, explanation_families.png, explanation_summary.png,
explanation_patient.png, explanation_dependence.png, explanation_decision.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.evaluation.evaluating import draw_resamples
from tumor_response.evaluation.rows import EvaluationRows, prepare_rows
from tumor_response.explanation.game import Game
from tumor_response.explanation.out_of_bag import explain_resamples
from tumor_response.explanation.stability import explanation_null, nogueira, top_sets

FIRST_SEED = 20_001
N = 96
KINDS = ("nothing", "texture")
FAMILIES = ("firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
DRIVER = "glcm"
RESULTS = Path(__file__).parent / "results"
OVERLAP = RESULTS / "explanation_overlap.csv"
COHORTS = RESULTS / "explanation_cohorts.csv"
BAND = RESULTS / "explanation_band.csv"
FIGURES = Path(__file__).parent.parent / "docs" / "_figures"
N_RESAMPLES, N_PART = 400, 50
N_COHORTS = 150
MODEL = tr.make_model("logistic", Cs=(1e-4, 1e-3, 1e-2, 1e-1))


def study(kind: str, seed: int) -> tuple[tr.FeatureTable, pd.Series]:
    """Return the table and the responses of one cohort."""
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    index = pd.MultiIndex.from_tuples(
        [(f"P{i:03d}", "1") for i in range(N)], names=["patient_id", "lesion_id"]
    )
    latent = rng.normal(size=(N, len(FAMILIES) + 2))
    columns, rows = {}, []
    for place, family in enumerate(FAMILIES):
        for number in range(20):
            name = f"radiomics__original__{family}_Feature{number:02d}"
            columns[name] = latent[:, place] + rng.normal(size=N)
            rows.append((name, "radiomics", f"original {family}", "", f"{family} {number}."))
    for channel in range(120):
        name = f"deep__efficientnet_lite0__{channel:04d}"
        columns[name] = 0.5 * latent[:, -1] + rng.normal(size=N)
        rows.append((name, "deep", "efficientnet_lite0", "", f"Channel {channel}, simulated."))
    clinical = {
        "age": ("years", "Age at the planning scan.", rng.normal(60, 9, N)),
        "volume_cc": ("cc", "Tumour volume within the contour.", rng.lognormal(3, 0.7, N)),
        "smoking_years": ("years", "Years of smoking.", rng.gamma(2, 10, N)),
    }
    for variable, (unit, words, values) in clinical.items():
        name = f"clinical__{variable}"
        columns[name] = values
        rows.append((name, "clinical", variable, unit, words))
    dictionary = pd.DataFrame(
        rows, columns=["column", "block", "family", "unit", "description"]
    ).set_index("column")
    dictionary = dictionary.assign(role="baseline", ibsi_code="", ibsi_name="", settings_sha256="")
    failures = pd.DataFrame(
        columns=["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"]
    )
    drive = latent[:, FAMILIES.index(DRIVER)] if kind == "texture" else np.zeros(N)
    response = drive + 0.8 * rng.normal(size=N)
    table = tr.FeatureTable(pd.DataFrame(columns, index=index), dictionary, failures, {})
    y = pd.Series((response > np.median(response)).astype(float), index=index, name="response")
    return table, y


def prepared(kind: str, seed: int) -> EvaluationRows:
    """Return a cohort's rows as an evaluation prepares them."""
    table, y = study(kind, seed)
    return prepare_rows({"logistic": MODEL}, table, y, None, "error", None)


def listed(kind: str, seed: int, n_resamples: int) -> np.ndarray:
    """Return each resample's top ten of one cohort."""
    rows = prepared(kind, seed)
    resamples = draw_resamples(rows, tr.Bootstrap632Plus(n_resamples=n_resamples, seed=seed))
    explanation = explain_resamples(rows, "logistic", resamples, Game())
    return top_sets(explanation.column_mean_abs, 10)


def overlap(n_seeds: int) -> None:
    """Nogueira's interval, within cohorts and between them."""
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        for kind in KINDS:
            if seen(OVERLAP, seed=seed, kind=kind):
                continue
            sets = listed(kind, seed, N_RESAMPLES)
            rows = []
            for part in range(N_RESAMPLES // N_PART):
                mine = np.zeros(len(sets), dtype=bool)
                mine[part * N_PART : (part + 1) * N_PART] = True
                value, low, high = nogueira(sets[mine])
                others = nogueira(sets[~mine])[0]
                row = {"nogueira": value, "low": low, "high": high, "of_the_others": others}
                rows.append({"seed": seed, "kind": kind, "part": part, **row})
            write(OVERLAP, *rows)
    for kind in KINDS:
        if seen(COHORTS, kind=kind):
            continue
        # two resamples, of which the first is used: a bootstrap of one is refused
        seeds = range(FIRST_SEED + 1000, FIRST_SEED + 1000 + N_COHORTS)
        value, low, high = nogueira(np.vstack([listed(kind, seed, 2)[:1] for seed in seeds]))
        row = {"nogueira": value, "low": low, "high": high}
        write(COHORTS, {"kind": kind, "n_cohorts": N_COHORTS, **row})


def band(n_seeds: int, n_jobs: int) -> None:
    """How many columns leave the band."""
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        for kind in KINDS:
            if seen(BAND, seed=seed, kind=kind):
                continue
            table, y = study(kind, seed)
            result = tr.evaluate(
                {"logistic": MODEL}, table, y, tr.Bootstrap632Plus(n_resamples=10, seed=seed)
            )
            null = explanation_null(
                result, "logistic", n_permutations=19, n_resamples=10, seed=seed, n_jobs=n_jobs
            )
            judged = null.table()
            related = judged.index.str.contains(f"__{DRIVER}_") & (kind == "texture")
            summary = null.summary()
            row = {"p_total": null.p_total}
            for column in ("outside", "part_outside", "outside_all", "part_outside_all"):
                row[f"related_{column}"] = int(judged.loc[related, column].sum())
                row[f"others_{column}"] = int(judged.loc[~related, column].sum())
            row["most_permuted"] = summary.loc[("column", "mean_abs"), "permuted_most"]
            row["p_number"] = summary.loc[("column", "mean_abs"), "p_number"]
            row["part_p_number"] = summary.loc[("column", "part"), "p_number"]
            families = null.table("family")
            row["first_family"] = families.index[0]
            row["first_family_by_part"] = families["part_p"].idxmin()
            driver = f"radiomics: original {DRIVER}"
            row["driver_family_outside"] = bool(families.loc[driver, "outside"])
            row["driver_family_part_outside"] = bool(families.loc[driver, "part_outside"])
            row["nogueira"] = null.observed_overlap.nogueira
            row["nogueira_permuted"] = float(null.overlap["nogueira"].mean())
            row["nogueira_p"] = float(
                (1 + (null.overlap["nogueira"] >= row["nogueira"]).sum()) / 20
            )
            write(BAND, {"seed": seed, "kind": kind, **row})


def summary() -> None:
    """Print the docs' tables."""
    parts, cohorts = pd.read_csv(OVERLAP), pd.read_csv(COHORTS).set_index("kind")
    parts["covers_cohort"] = parts["of_the_others"].between(parts["low"], parts["high"])
    between = parts["kind"].map(cohorts["nogueira"])
    parts["covers_others"] = between.between(parts["low"], parts["high"])
    parts["width"] = parts["high"] - parts["low"]
    print(
        parts.groupby("kind")[
            ["nogueira", "of_the_others", "width", "covers_cohort", "covers_others"]
        ]
        .mean()
        .round(3)
    )
    print(
        parts.groupby(["kind", "seed"])["of_the_others"]
        .mean()
        .groupby("kind")
        .agg(["min", "max", "std"])
        .round(3)
    )
    print(cohorts.round(3))
    studies = pd.read_csv(BAND)
    print(len(studies) // 2, "studies of each kind;", "columns: 243; expected by chance", 243 / 20)
    for name in ("outside_all", "part_outside_all"):
        studies[f"any_{name}"] = studies[f"others_{name}"] > 0
    with pd.option_context("display.max_rows", None, "display.width", 120):
        print(studies.groupby("kind").mean(numeric_only=True).T.round(3))
    print((studies["p_number"] <= 0.05).groupby(studies["kind"]).mean())
    print((studies["part_p_number"] <= 0.05).groupby(studies["kind"]).mean())
    print(studies.groupby(["kind", "first_family"]).size())


def figure(n_jobs: int) -> None:
    """Draw one study."""
    table, y = study("texture", FIRST_SEED)
    table.data.loc[table.data.index[::11], "clinical__age"] = np.nan
    result = tr.evaluate(
        {"logistic": MODEL}, table, y, tr.Bootstrap632Plus(n_resamples=200, seed=0),
        n_jobs=n_jobs,
    )  # fmt: skip
    explanation = tr.explain(result, "logistic", n_jobs=n_jobs)
    null = explanation_null(result, "logistic", n_permutations=39, n_resamples=30, n_jobs=n_jobs)
    print(null)
    print(explanation.stability())
    explanation = explanation.with_null(null)
    name = explanation.table().index[0]
    for file, ax in (
        ("explanation_stability", explanation.plot_bars()),
        ("explanation_families", explanation.plot_bars("family", n_rows=8)),
        ("explanation_summary", explanation.plot_summary(n_columns=8)),
        ("explanation_patient", explanation.plot_patient("P003", n_columns=6, names=True)),
        ("explanation_dependence", explanation.plot_dependence(name, "clinical__age")),
        ("explanation_decision", explanation.plot_decision(level="family", n_rows=8)),
    ):
        ax.figure.savefig(FIGURES / f"{file}.png", dpi=150, metadata={"Software": None})
        plt.close(ax.figure)


def seen(path: Path, **key: object) -> bool:
    """Return whether a row of results is there already."""
    if not path.exists():
        return False
    there = pd.read_csv(path)
    return bool(np.logical_and.reduce([there[name] == value for name, value in key.items()]).any())


def write(path: Path, *rows: dict[str, object]) -> None:
    """Append results, all rows or none."""
    frame = pd.DataFrame(rows).round(6)
    frame.to_csv(path, mode="a", header=not path.exists(), index=False)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=("overlap", "band", "summary", "figure"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--n-jobs", type=int, default=1)
    asked = parser.parse_args()
    if asked.part == "overlap":
        overlap(asked.seeds)
    elif asked.part == "band":
        band(asked.seeds, asked.n_jobs)
    elif asked.part == "summary":
        summary()
    else:
        figure(asked.n_jobs)


if __name__ == "__main__":
    main()
