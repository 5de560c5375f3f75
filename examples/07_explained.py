"""Explained: what drives the prediction, where the network looked, and whether it can be wrong.

THE COHORT IS SIMULATED, so that where the tumours retreat is known. SHAP values out of bag by block
and family, with what permuted labels give behind the bars; attention of the final prediction, put
back into the CT; maps that are put to tests which they can fail; attention against contour and
retreat; and each column between responders and the others. All of it is in the report.

Run:  python examples/07_explained.py OUT [--patients 60] [--resamples 200]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

import tumor_response as tr
from tumor_response.explanation.attention.sanity import SanitySettings
from tumor_response.explanation.differences import beyond_volume_and_age


def main() -> None:
    """Extract, evaluate, explain, look, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--permutations", type=int, default=39, help="of the labels")
    parser.add_argument("--lesions", type=int, default=12, help="whose maps are put to the test")
    parser.add_argument("--steps", type=int, default=8, help="of insertion and deletion")
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    n_jobs = options.n_jobs
    out: Path = options.out

    cohort = tr.simulate_cohort(options.patients, seed=7, directory=out / "cohort")
    outcomes = tr.shrinkage(cohort)
    y, label = outcomes["rate_percent_per_day"], tr.ResponderCut("median")
    deep = tr.DeepFeatures("tf_efficientnet_lite0")
    extractors = [tr.Radiomics("minimal"), deep, tr.ClinicalFactors(["age", "volume_cc"])]
    table = tr.extract(cohort, extractors, n_jobs=n_jobs, cache_dir=out / "cache")

    models = {
        "volume_only": tr.make_model("volume_only"),
        "clinical_only": tr.make_model("logistic", blocks=["clinical"]),
        "all": tr.make_model("logistic"),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=options.resamples, seed=0)
    result = tr.evaluate(models, table, y, scheme, label=label, n_jobs=n_jobs)
    print(result)

    explanation = tr.explain(result, "all", n_permutations=options.permutations, n_jobs=n_jobs)
    print(explanation.by_family().head(8).round(3).to_string())
    print(explanation.stability())
    print(explanation.null)

    # each lesion's map is made of the weights of models that had not seen its patient
    maps = tr.attention(result, cohort, extractor=deep, name="all", n_jobs=n_jobs)
    maps.save(out / "attention")
    sanity = tr.attention_sanity(
        result,
        cohort,
        extractor=deep,
        name="all",
        methods=["grad_cam", "eigen_cam"],
        settings=SanitySettings(n_lesions=options.lesions, n_steps=options.steps),
        n_jobs=n_jobs,
    )
    print(sanity)

    # of a simulated cohort the retreat is known; of a real one tr.local_shrinkage(cohort, folder)
    # measures it, which takes some seconds for each lesion, and retreat= takes its table
    truth = pd.read_csv(out / "cohort" / "truth.csv", dtype=str)
    paths = zip(truth["patient_id"], truth["lesion_id"], truth["retreat_map"], strict=True)
    retreat = {(p, n): sitk.ReadImage(str(out / "cohort" / path)) for p, n, path in paths}
    labels = label.label(y, label.fit(y))
    concordance = tr.attention_concordance(
        maps, cohort, retreat=retreat, labels=labels, n_jobs=n_jobs
    )
    print(concordance)

    differences = tr.group_differences(table, y, label=label)
    print(differences)
    beyond = beyond_volume_and_age(result, table)

    tr.report(
        result,
        out / "report.html",
        table=table,
        outcomes=outcomes,
        coupling=tr.coupling(outcomes),
        explanations=[explanation, sanity, concordance, differences, beyond],
        headline="all",
        title="Explained: a simulated cohort",
        notes=["These data are simulated."],
    )


if __name__ == "__main__":
    main()
