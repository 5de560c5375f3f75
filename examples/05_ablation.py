"""Which blocks carry the prediction: every combination, a frozen plan, and the study ledger.

THE COHORT IS SIMULATED. With so few patients most differences are noise, and the output says so:
what matters here is the order of the steps. The plan is frozen before an outcome is looked at,
everything that is tried is entered in the ledger, and the winner is printed beside its value
corrected for having been chosen.

Run:  python examples/05_ablation.py OUT [--patients 60] [--resamples 200]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tumor_response as tr
from tumor_response.evaluation.ledger import AnalysisPlan, PlannedModel, PlannedScheme, check_plan


def main() -> None:
    """Plan, extract, ablate, compare, correct."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--n-jobs", type=int, default=2)
    arguments = parser.parse_args()
    out: Path = arguments.out
    scheme = tr.Bootstrap632Plus(n_resamples=arguments.resamples, seed=0)

    # 1. what is going to be done, before anybody has seen an outcome
    plan = AnalysisPlan(
        end_point="rate_percent_per_day",
        cut="median",
        by_name={
            "volume_only": PlannedModel(model="volume_only"),
            "all": PlannedModel(model="logistic"),
        },
        scheme=PlannedScheme.of(scheme),
        primary=("all", "volume_only"),
    )
    frozen = tr.freeze_plan(plan, out / "study")
    ledger = tr.StudyLedger(out / "study")

    # 2. images to table and end point
    cohort = tr.simulate_cohort(
        arguments.patients, seed=7, directory=out / "cohort", n_jobs=arguments.n_jobs
    )
    table = tr.extract(
        cohort,
        [
            tr.Radiomics("minimal"),
            tr.DeepFeatures("tf_efficientnet_lite0"),
            tr.ClinicalFactors(["age", "volume_cc"]),
        ],
        n_jobs=arguments.n_jobs,
        cache_dir=out / "cache",
    )
    outcomes = tr.shrinkage(cohort)
    y = outcomes["rate_percent_per_day"]

    # 3. the planned comparison
    planned = tr.evaluate(
        {"volume_only": tr.make_model("volume_only"), "all": tr.make_model("logistic")},
        table,
        y,
        scheme,
        label=tr.ResponderCut("median"),
        ledger=ledger,
    )
    print(check_plan(planned, frozen).to_string())
    print(planned.compare("all", "volume_only").to_string())

    # 4. the ablation, which is exploration: every combination on the same resamples
    study = tr.ablate(
        table,
        y,
        ["logistic"],
        scheme,
        label=tr.ResponderCut("median"),
        directory=out / "ablation",
        ledger=ledger,
        n_jobs=arguments.n_jobs,
    )
    shown = ["blocks", "auc_oob", "ci_low", "ci_high", "auc_632plus"]
    print(study.summary()[shown].round(3).to_string())
    print(study.increments(coupling=tr.coupling(outcomes, observer_sd_mm=1.0)).round(3).to_string())
    tr.save_figure(study.plot_forest(), out / "forest")
    tr.save_figure(study.plot_combinations(), out / "combinations")

    # 5. the best of so many, corrected; over this ablation, and over all that was ever tried
    print(study.best_of_k())
    print(ledger.text())
    print(ledger.best_of_k())


if __name__ == "__main__":
    main()
