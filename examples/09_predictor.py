"""A predictor for another hospital: fitted at one, sent as a file, applied and recalibrated there.

THE COHORT IS SIMULATED: two hospitals with scanners of their own. At hospital A the predictor is
fitted, described and saved. Hospital B loads the file, which holds no patient's row, predicts its
own patients from their images, sees who is outside the training domain and how its batch differs,
and recalibrates the predictor on those whose outcome it knows by now.

Run:  python examples/09_predictor.py OUT [--patients 60] [--resamples 50]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

import tumor_response as tr


def main() -> None:
    """Fit, save, load, predict, look at the drift, recalibrate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=60)
    parser.add_argument("--resamples", type=int, default=50)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--contours", type=int, default=10)
    parser.add_argument("--n-jobs", type=int, default=2)
    options = parser.parse_args()
    out: Path = options.out
    n_jobs = options.n_jobs

    folder = out / "cohort"
    everybody = tr.simulate_cohort(options.patients, seed=7, directory=folder, n_sites=2)
    y = tr.shrinkage(everybody)["rate_percent_per_day"]
    hospital_a, hospital_b = (of_site(folder / "manifest.csv", site) for site in "AB")

    # hospital A
    predictor = tr.ShrinkagePredictor(
        [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])],
        "logistic",
        label=tr.ResponderCut("median"),
        n_folds=options.folds,
        n_resamples=options.resamples,
    )
    predictor.fit(hospital_a, y[hospital_a.keys], n_jobs=n_jobs)
    predictor.describe(about={"name": "Shrinkage, simulated", "cohort": "Simulated hospital A."})
    sha256 = predictor.save(out / "model.trz")
    predictor.model_card(out / "model_card.html", format="html")
    print(predictor)
    print(f"SHA-256 {sha256}")

    # hospital B: the file, and nothing else of hospital A
    there = tr.ShrinkagePredictor.load(out / "model.trz", sha256=sha256)
    found = there.predict(hospital_b, coverage=0.8, contours=options.contours, n_jobs=n_jobs)
    found.to_csv(out / "predictions.csv")
    shown = ["probability", "spread_low", "spread_high", "label_set", "contour_low", "contour_high"]
    print(found[shown].head(8).round(2).to_string())
    print(f"{(~found['in_domain']).sum()} of {len(found)} lesions outside the training domain")
    print("\n".join(sorted(set(found["out_of_domain"]) - {""})[:3]))
    print(there.drift(hospital_b, n_jobs=n_jobs).sentence())

    local = there.recalibrate(hospital_b, y[hospital_b.keys], n_jobs=n_jobs)
    local.save(out / "model_local.trz")
    note = local.state_.parents[-1]
    print(f"recalibrated: intercept {note['intercept']:.2f}, slope {note['slope']:.2f}")
    print("For research; not a medical device.")


def of_site(manifest: Path, site: str) -> tr.Cohort:
    """Return the lesions of one hospital."""
    rows = pd.read_csv(manifest, dtype={"lesion_id": str})
    rows = rows[rows["site"] == site]
    for column in ("image", "mask", "follow_up_image", "follow_up_mask"):
        rows[column] = [manifest.parent / path for path in rows[column]]
    return tr.Cohort.from_frame(rows)


if __name__ == "__main__":
    main()
