"""Small images, and predictors of age and volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk

import tumor_response as tr
from tumor_response.table import FeatureTable

N_TRAINING = 30
SCRIPT = "</p><script>console.error(1)</script>"
EXTRACTORS = [tr.ClinicalFactors(["age", "volume_cc"])]


def write_lesion(folder: Path, name: str, side: int = 6, empty: bool = False) -> dict[str, str]:
    """A cube of 60 HU in water in air, with a bright marker beside it in each plane.

    Axially it lies to the left and behind, coronally to the left and above, sagittally behind and
    above.
    """
    rng = np.random.default_rng(side)
    voxels = np.full((24, 24, 24), -1000, dtype=np.int16)  # z, y, x: superior, posterior, left
    voxels[1:23, 1:23, 1:23] = rng.normal(0, 8, (22, 22, 22))
    mask = np.zeros_like(voxels, dtype=np.uint8)
    start = 12 - side // 2
    inside = (slice(start, start + side),) * 3
    voxels[inside] += 60
    near, away = slice(10, 14), slice(18, 21)
    for marker in ((near, away, away), (away, near, away), (away, away, near)):
        voxels[marker] = 1000
    if not empty:
        mask[inside] = 1
    paths = {}
    for kind, array in (("image", voxels), ("mask", mask)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((3.0, 3.0, 3.0))
        paths[kind] = str(folder / f"{name}_{kind}.nii.gz")
        sitk.WriteImage(image, paths[kind])
    return paths


def cohort_of(folder: Path, rows: list[tuple[str, str, float, int]], **more: bool) -> tr.Cohort:
    """Lesions as (patient_id, lesion_id, age, side in voxels)."""
    frame = pd.DataFrame(
        [
            {
                "patient_id": patient,
                "lesion_id": lesion,
                "age": age,
                **write_lesion(folder, f"case{place}", side, more.get("empty", False)),
            }
            for place, (patient, lesion, age, side) in enumerate(rows)
        ]
    )
    return tr.Cohort.from_frame(frame)


def fitted(training: tuple[FeatureTable, pd.Series], model: str = "logistic", **asked: object):
    table, y = training
    if model != "linear":
        asked = {"label": tr.ResponderCut("median"), **asked}
    predictor = tr.ShrinkagePredictor(
        EXTRACTORS, model, n_folds=3, n_repeats=1, n_resamples=5, **asked
    )
    return predictor.fit_table(table, y)
