"""The whole line on real CTs: from image and contour to a table, a prediction and its reasons.

The images and contours are real: soft-tissue sarcomas, two lung tumours, and head-and-neck
planning CTs (there the contour is a planning volume, not a tumour: they are here for scale and
anatomy). None of these patients has a second CT, so THE FOLLOW-UPS ARE SIMULATED: each real
contour is eroded along a known smooth field, by an amount drawn at random. Nothing in the images
can know that amount. The true AUC is therefore 0.5, and an honest evaluation must not claim more.

Run:  python examples/01_real_ct.py DATA OUT [--cases lung1 lung2 STS_008 ...] [--resamples 200]
where DATA has the folders pyradiomics/, sts/nifti/ and open_kbp/.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

import tumor_response as tr

DAYS = 35


def real_cases(data: Path) -> pd.DataFrame:
    """List the real images and contours, one row per patient."""
    rows = [
        (case, f"pyradiomics/{case}_image.nrrd", f"pyradiomics/{case}_label.nrrd")
        for case in ("lung1", "lung2")
    ]
    for folder in sorted((data / "sts" / "nifti").iterdir()):
        path = f"sts/nifti/{folder.name}"
        rows.append((folder.name, f"{path}/CT_image.nii.gz", f"{path}/CT_mask.nii.gz"))
    for folder in sorted((data / "open_kbp").glob("pt_*")):
        path = f"open_kbp/{folder.name}"
        rows.append((folder.name, f"{path}/CT.nii.gz", f"{path}/PTV70.nii.gz"))
    rows = [(name, data / image, data / mask) for name, image, mask in rows]
    return pd.DataFrame(rows, columns=["patient_id", "image", "mask"])


def eroded(mask: sitk.Image, share_left: float, towards: np.ndarray) -> sitk.Image:
    """Shrink a contour to a share of its voxels; the side in direction ``towards`` retreats more.

    A voxel goes when its depth below the surface is less than tau times the field, which rises
    smoothly from 0.5 to 2 across the tumour; tau is where the wanted share is left.
    """
    inside = sitk.GetArrayFromImage(mask) > 0
    depth_mm = -sitk.GetArrayFromImage(
        sitk.SignedMaurerDistanceMap(mask, squaredDistance=False, useImageSpacing=True)
    )
    position = np.argwhere(inside) * np.array(mask.GetSpacing()[::-1])
    along = (position - position.mean(axis=0)) @ towards
    field = 2.0 ** np.clip(along / (along.std() * 2), -1, 1)
    order = np.argsort(-depth_mm[inside] / field, kind="stable")
    left = np.zeros(inside.sum(), dtype=np.uint8)
    left[order[: max(1, round(share_left * len(order)))]] = 1
    voxels = np.zeros(inside.shape, dtype=np.uint8)
    voxels[inside] = left
    follow_up = sitk.GetImageFromArray(voxels)
    follow_up.CopyInformation(mask)
    return follow_up


def main() -> None:
    """Run the line and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", nargs="*", help="only these patients")
    parser.add_argument("--resamples", type=int, default=200)
    arguments = parser.parse_args()

    manifest = real_cases(arguments.data)
    if arguments.cases:
        manifest = manifest[manifest["patient_id"].isin(arguments.cases)]
    (arguments.out / "follow_up").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    follow_ups = []
    for case in tr.Cohort.from_frame(manifest):
        towards = rng.normal(size=3)
        share_left = 1 - DAYS * np.clip(rng.normal(1.0, 0.5), 0.1, 2.2) / 100
        path = (arguments.out / "follow_up" / f"{case.patient_id}.nii.gz").absolute()
        mask = eroded(case.read_mask(), share_left, towards / np.linalg.norm(towards))
        sitk.WriteImage(mask, str(path))
        follow_ups.append(path)
    manifest = manifest.assign(
        follow_up_mask=follow_ups, date="2024-01-01", follow_up_date="2024-02-05"
    )

    cohort = tr.Cohort.from_frame(manifest)
    outcomes = tr.shrinkage(cohort)
    extractors = [
        tr.Radiomics("minimal"),
        tr.DeepFeatures("tf_efficientnet_lite0"),
        tr.ClinicalFactors(["volume_cc"]),
    ]
    table = tr.extract(cohort, extractors, n_jobs=2, cache_dir=arguments.out / "cache")
    table.export(arguments.out / "features")
    outcomes.to_csv(arguments.out / "outcomes.csv")
    print(table, table.failures.to_string() if len(table.failures) else "", sep="\n")
    print(outcomes[["volume_baseline_cc", "shrinkage_percent", "reason"]].round(2).to_string())

    result = tr.evaluate(
        {"volume only": tr.make_model("volume_only"), "all blocks": tr.make_model("logistic")},
        table,
        outcomes["rate_percent_per_day"],
        label=tr.ResponderCut("median"),
        scheme=tr.Bootstrap632Plus(n_resamples=arguments.resamples, seed=0),
        n_jobs=2,
    )
    print("\nThe follow-ups are simulated and independent of the images: the true AUC is 0.5.")
    print(result.summary()[["auc_apparent", "auc_oob", "ci_low", "ci_high"]].round(2).to_string())
    print("\nMean absolute SHAP value by block, out of bag:")
    print(tr.explain(result, "all blocks").by_block().round(3).to_string())


if __name__ == "__main__":
    main()
