"""Pages for a tumour board: one side of A4 for each new lesion, from a predictor and its images.

THE COHORT IS SIMULATED. A predictor is fitted to the first patients and saved. The pages of the
others are made twice: from the file alone, as another hospital would, and where the training table
is at hand, which adds similar patients and what became of them. One contour is lost on the way: its
page says that there is no prediction.

Run:  python examples/10_patient_page.py OUT [--patients 50] [--resamples 50] [--attention]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import SimpleITK as sitk

import tumor_response as tr
from tumor_response.predictor import AcquisitionFacts

N_NEW = 6


def main() -> None:
    """Fit, save, load, write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--patients", type=int, default=50)
    parser.add_argument("--resamples", type=int, default=50)
    parser.add_argument("--attention", action="store_true", help="map where the network looked")
    options = parser.parse_args()
    out: Path = options.out

    everybody = tr.simulate_cohort(options.patients, seed=7, directory=out / "cohort")
    known = tr.Cohort(list(everybody)[:-N_NEW])
    y = tr.shrinkage(known)["rate_percent_per_day"]
    extractors = [tr.Radiomics("minimal"), tr.ClinicalFactors(["age", "volume_cc"])]
    if options.attention:
        extractors.append(tr.DeepFeatures("tf_efficientnet_lite0"))
    table = tr.extract(known, [*extractors, AcquisitionFacts()])
    predictor = tr.ShrinkagePredictor(
        extractors, label=tr.ResponderCut("median"), n_resamples=options.resamples
    )
    predictor.fit_table(table, y).describe(about={"name": "Shrinkage, simulated cohort"})
    sha256 = predictor.save(out / "model.trz")

    new = without_one_contour(out / "cohort" / "manifest.csv")
    # the key stays at home: whoever has it can tell who a pseudonym is
    key_file = out / "key" / "pseudonyms.key"

    there = tr.ShrinkagePredictor.load(out / "model.trz", sha256=sha256)
    pages = tr.patient_page(there, new, out / "pages", key_file=key_file)
    print(pages)
    print(pages.predictions[["probability", "label_set", "refusal"]].round(2).to_string())

    tr.patient_page(
        predictor,
        new,
        out / "pages_with_similar",
        training=table,
        y=y,
        attention=options.attention,
        key_file=key_file,
    )
    print("For research; not a medical device.")


def without_one_contour(manifest: Path) -> tr.Cohort:
    """Return the last patients, the last of them with an empty contour."""
    rows = pd.read_csv(manifest, dtype={"lesion_id": str}).tail(N_NEW)
    rows = rows[["patient_id", "lesion_id", "image", "mask", "age"]]
    for column in ("image", "mask"):
        rows[column] = [str(manifest.parent / path) for path in rows[column]]
    empty = manifest.parent / "empty.nii.gz"
    sitk.WriteImage(sitk.ReadImage(rows["mask"].iloc[-1]) * 0, str(empty))
    rows.iloc[-1, rows.columns.get_loc("mask")] = str(empty)
    return tr.Cohort.from_frame(rows)


if __name__ == "__main__":
    main()
