"""Explanations where the truth is known: what SHAP values and attention maps find, and what not.

Thirty simulated cohorts of 150 patients each. In each the outcome is made four times, of one thing
that is known: one family of texture columns; a sensitive sub-region of the tumour; volume alone;
nothing. Then the fitted models are explained, and it is counted how often the right group of
columns comes first, how often something leaves the null band where there is nothing, and how well
attention maps lie on the sensitive region. All that could be chosen stands in
``benchmarks/explanation_truth_parts/frozen.json``, which was committed before any result.

Run:  python -P benchmarks/explanation_truth.py --work FOLDER --part cohorts [--seeds 1 2 ...]
      python -P benchmarks/explanation_truth.py --work FOLDER --part shap --model logistic
      python -P benchmarks/explanation_truth.py --work FOLDER --part shap --model xgboost
      python -P benchmarks/explanation_truth.py --work FOLDER --part attention
      python -P benchmarks/explanation_truth.py --work FOLDER --part attention_slow
      python -P benchmarks/explanation_truth.py --work FOLDER --part summary
A part keeps a file for each seed in FOLDER and passes over what is there, so that it can be
stopped, started again, and run several times beside itself with other seeds. ``summary`` takes
what is there and writes benchmarks/results/explanation_truth*.csv,
docs/_figures/explanation_truth.png and the tables of docs/guide/explanation_truth.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import pandas as pd

from benchmarks.explanation_truth_parts.frozen import FROZEN, MODELS, RESULTS, SEEDS

PARTS = ("cohorts", "shap", "attention", "attention_slow", "summary")
FAMILIES = RESULTS / "explanation_truth_families.csv"


def told(work: Path) -> pd.DataFrame:
    """Return which family tells which driver; computed once, of features alone."""
    from benchmarks.explanation_truth_parts.drivers import Reference, told_table

    if not FAMILIES.exists():
        told_table(Reference.of(work)).to_csv(FAMILIES)
    return pd.read_csv(FAMILIES, index_col="family")


def run(part: str, seeds: list[int], models: list[str], work: Path) -> None:
    """Do one part for some seeds."""
    from benchmarks.explanation_truth_parts.cohorts import make
    from benchmarks.explanation_truth_parts.drivers import Reference

    if part == "cohorts":
        for seed in seeds:
            make(seed, work)
        return
    reference = Reference.of(work)
    for seed in seeds:
        began = time.time()
        if not (work / f"table_{seed}").exists():
            print(f"seed {seed}: no cohort yet, passed over", flush=True)
            continue
        if part == "shap":
            from benchmarks.explanation_truth_parts.attributed import explain_seed

            for model in models:
                explain_seed(seed, model, reference, work)
        else:
            from benchmarks.explanation_truth_parts.pointed import point_seed

            point_seed(seed, reference, work, slow=part == "attention_slow")
        print(f"seed {seed}: {time.time() - began:.0f} s", flush=True)


def summarise(work: Path) -> None:
    """Write the tables and the figure from what was run."""
    from benchmarks.explanation_truth_parts.drawing import draw
    from benchmarks.explanation_truth_parts.drivers import Reference, oracle_table
    from benchmarks.explanation_truth_parts.judged import (
        attention_summary,
        judged_seeds,
        summary,
        takers,
    )
    from benchmarks.explanation_truth_parts.worded import write_page

    oracles = oracle_table(Reference.of(work), work)
    oracles.to_csv(RESULTS / "explanation_truth_oracles.csv", index=False, float_format="%.4f")
    seeds = judged_seeds(work, told(work))
    attention = attention_summary(work)
    shares = summary(seeds)
    first = takers(seeds)
    seeds.to_csv(RESULTS / "explanation_truth_seeds.csv", index=False, float_format="%.5g")
    shares.to_csv(RESULTS / "explanation_truth.csv", index=False, float_format="%.4g")
    first.to_csv(RESULTS / "explanation_truth_first.csv", index=False)
    if len(attention):
        attention.to_csv(
            RESULTS / "explanation_truth_attention.csv", index=False, float_format="%.4g"
        )
    with pd.option_context("display.width", 200, "display.max_rows", 500):
        keys = ["model", "scenario", "asked"]
        print(shares.pivot_table(index="measure", columns=keys, values="share", sort=False))
        print(first.to_string(index=False))
        print(attention.to_string(index=False))
    draw(seeds, shares, attention)
    write_page(oracles, seeds, shares, first, attention)


def main() -> None:
    """Run a part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--model", choices=MODELS, nargs="*", default=MODELS)
    parser.add_argument("--seeds", type=int, nargs="*")
    arguments = parser.parse_args()
    if arguments.part == "summary":
        summarise(arguments.work)
        return
    of_attention = FROZEN["attention"]
    seeds = {"attention": of_attention["seeds"], "attention_slow": of_attention["slow"]["seeds"]}
    default = seeds.get(arguments.part, SEEDS)
    run(arguments.part, arguments.seeds or default, arguments.model, arguments.work)


if __name__ == "__main__":
    main()
