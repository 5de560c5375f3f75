"""Can it be believed? A study is asked four questions before anybody quotes its AUC.

THE COHORT IS SIMULATED, at two sites with different scanners, with contours that are off by a
millimetre. Did a model see patients that it is judged on (leakage trace)? Does it use what it seems
to use (negative controls)? Would it say the same of another contour (repeats)? Can the features
tell the site, and does the outcome go with it? Page one of the report has what each found.

Run:  python examples/06_can_it_be_believed.py OUT [--patients 60] [--resamples 200]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tumor_response as tr
from tumor_response.evaluation.controls import ControlsSettings
from tumor_response.imaging.perturb import plausible_contours


def main() -> None:
    """Extract with repeats, evaluate, ask, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--permutations", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=10, help="contours per tumour")
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    n_jobs = options.n_jobs
    out: Path = options.out

    cohort = tr.simulate_cohort(
        options.patients, seed=11, directory=out / "cohort", n_sites=2, observer_error_mm=1.0
    )
    outcomes = tr.shrinkage(cohort)
    y, label = outcomes["rate_percent_per_day"], tr.ResponderCut("median")

    # the tumours as drawn, and as another observer might have drawn them: kept in a store by key
    extractors = [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])]
    contours = {"contours": plausible_contours(observer_sd_mm=1.5)}
    repeats = tr.Repeats(
        [tr.Radiomics("minimal")], contours, options.repeats, out / "store", seed=0
    )
    table = tr.extract(cohort, [*extractors, repeats], n_jobs=n_jobs, cache_dir=out / "cache")

    # columns that do not repeat are left out by the training patients of each fit
    stable = tr.StableColumns(0.75, store=out / "store")
    models = {
        "volume_only": tr.make_model("volume_only"),
        "all": tr.make_model("logistic"),
        "stable": tr.make_model("logistic", stable=stable),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=options.resamples, seed=0)
    result = tr.evaluate(models, table, y, scheme, label=label, n_jobs=n_jobs)
    print(result)

    trace = result.leakage(table, outcomes)
    print(trace)

    controls = tr.negative_controls(
        cohort,
        extractors,
        {"all": models["all"]},
        y,
        scheme,
        label=label,
        settings=ControlsSettings(
            controls=("voxels_shuffled", "noise_images", "context_only"),
            n_permutations=options.permutations,
        ),
        n_jobs=n_jobs,
        cache_dir=out / "cache",
    )
    print(controls)

    spread = tr.prediction_spread(result, out / "store", model="all")
    print(spread)

    robust = tr.robustness(
        cohort,
        [tr.Radiomics("minimal")],
        contours,
        options.repeats,
        store=out / "store",
        n_jobs=n_jobs,
        cache_dir=out / "cache",
    )
    print(robust)

    sites = tr.site_report(table, y, label=label)
    print(sites)

    tr.report(
        result,
        out / "report.html",
        table=table,
        outcomes=outcomes,
        coupling=tr.coupling(outcomes),
        evidence=[trace, controls, spread, robust, sites],
        headline="all",
        title="Can it be believed? A simulated cohort at two sites",
        notes=["These data are simulated."],
    )


if __name__ == "__main__":
    main()
