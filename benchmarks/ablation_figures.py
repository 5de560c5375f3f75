"""Draw the figures of an ablation on a simulated table with a known answer.

80 patients; the response follows from a hidden factor of the block radiomics and from volume. The
block deep has a factor that nothing follows from. Whoever reads the figures should find that.

Run:  python benchmarks/ablation_figures.py [--n-jobs 2]
Writes docs/_figures/ablation_forest.png and docs/_figures/ablation_combinations.png, prints the
increments of each block.

Quick: --resamples 10
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

import tumor_response as tr
from tumor_response.evaluation.ablation import ablate

FIGURES = Path(__file__).parents[1] / "docs" / "_figures"
N = 80


def cohort() -> tuple[pd.DataFrame, pd.Series]:
    """Return the table and the rate."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i:03d}" for i in range(N)], ["1"]], names=["patient_id", "lesion_id"]
    )
    size, texture, nothing = rng.normal(size=(3, N))
    table = pd.DataFrame(
        {
            "clinical__volume_cc": np.exp(2.5 + 0.8 * size),
            "clinical__age": rng.normal(60, 9, N),
        },
        index=index,
    )
    for block, factor in (("radiomics", texture), ("deep", nothing)):
        columns = np.outer(factor, rng.normal(size=60)) + 2 * rng.normal(size=(N, 60))
        table = table.join(pd.DataFrame(columns, index=index).add_prefix(f"{block}__x__"))
    rate = 0.5 * size + 0.6 * texture + rng.normal(size=N)
    return table, pd.Series(rate, index, name="rate_percent_per_day")


def main() -> None:
    """Run the ablation and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-jobs", type=int, default=1)
    parser.add_argument("--resamples", type=int, default=200)
    arguments = parser.parse_args()
    mpl.use("Agg")
    table, rate = cohort()
    study = ablate(
        table,
        rate,
        {"logistic": {"Cs": (0.1,)}, "xgboost": {"n_estimators": 20}},
        tr.Bootstrap632Plus(n_resamples=arguments.resamples),
        label=tr.ResponderCut("median"),
        n_jobs=arguments.n_jobs,
    )
    study.plot_forest().figure.savefig(FIGURES / "ablation_forest.png", dpi=150)
    study.plot_combinations().savefig(FIGURES / "ablation_combinations.png", dpi=150)
    print(study)
    columns = ["model_name", "block", "others", "difference", "ci_low", "ci_high", "p_holm"]
    print(study.without_each_block()[columns].round(3).to_string())


if __name__ == "__main__":
    main()
