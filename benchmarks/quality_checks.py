"""Measure what the quality checks find, and what they find wrongly.

False alarms on contours that nothing is known to be wrong with, planted faults, alignment, and the
time a large case takes.

Data: nine real tumours (two of the lung from PyRadiomics' test cases, IBSI's CT phantom, six
sarcomas), ten head-and-neck planning volumes of OpenKBP (not tumours; all with dental metal), and
two simulated cohorts of fixed seeds. Real pairs of baseline and follow-up there are none: for the
alignment a real CT is bent, turned, moved, cropped and made noisy.

Run:  python benchmarks/quality_checks.py --data FOLDER --work FOLDER [--n-jobs 2]
Writes benchmarks/results/quality_checks.csv (part, set, what, n, value) and prints it.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.cohort import BaselineCase, Cohort
from tumor_response.quality import QualitySettings, check, check_baseline
from tumor_response.quality.alignment import align, gap_mm, overlap
from tumor_response.quality.edges import common_shift, measure_shifts, shift_findings
from tumor_response.quality.region import Region

RESULTS = Path(__file__).parent / "results" / "quality_checks.csv"
N_PATIENTS = 60
SEED = 4040
SIMULATED = {
    "simulated": {},
    "simulated, 3 sites, 1 to 2 lesions, observer 1 mm": {
        "n_sites": 3,
        "observer_error_mm": 1.0,
        "lesions_per_patient": (1, 2),
    },
}
Row = tuple[str, str, str, int, float]


def real_cohorts(data: Path) -> dict[str, Cohort]:
    """Return the real cases by set."""
    tumours = [
        *((f"lung{k}", f"pyradiomics/lung{k}_image.nrrd", f"pyradiomics/lung{k}_label.nrrd")
          for k in (1, 2)),
        ("ibsi", "ibsi/ct_phantom/image/phantom.nii.gz", "ibsi/ct_phantom/mask/mask.nii.gz"),
        *((f.name, f"sts/nifti/{f.name}/CT_image.nii.gz", f"sts/nifti/{f.name}/CT_mask.nii.gz")
          for f in sorted((data / "sts" / "nifti").iterdir())),
    ]  # fmt: skip
    volumes = [
        (f.name, f"open_kbp/{f.name}/CT.nii.gz", f"open_kbp/{f.name}/PTV70.nii.gz")
        for f in sorted((data / "open_kbp").glob("pt_*"))
    ]
    columns = ["patient_id", "image", "mask"]
    return {
        "real tumours": Cohort.from_frame(pd.DataFrame(tumours, columns=columns), base=data),
        "OpenKBP PTV70": Cohort.from_frame(pd.DataFrame(volumes, columns=columns), base=data),
    }


def false_alarms(cohorts: dict[str, Cohort], n_jobs: int) -> Iterator[Row]:
    """Count lesions by code."""
    for name, cohort in cohorts.items():
        table = check(cohort, n_jobs=n_jobs)
        for time_point, rows in table.groupby("time_point"):
            for code, of_code in rows.groupby("code"):
                found = len(of_code.drop_duplicates(["patient_id", "lesion_id"]))
                yield "findings", name, f"{time_point} {code}", len(cohort), found


def planted_shifts(cohorts: dict[str, Cohort]) -> Iterator[Row]:
    """Move every baseline contour by a voxel along each axis; ask lesion and cohort."""
    settings = QualitySettings()
    for name, cohort in cohorts.items():
        regions = {c.key: Region.around(c.read_image(), c.read_mask()) for c in cohort}
        for axis in "xyz":
            for by in (-1, 0, 1):
                found, by_patient = [], {}
                for (patient, _), region in regions.items():
                    a = region.axes.index(axis)
                    moved = dataclasses.replace(region, mask=np.roll(region.mask, by, axis=a))
                    shifts = [s for s in measure_shifts(moved) if s.axis == axis]
                    found.append(bool(shift_findings(shifts, settings)))
                    by_patient.setdefault(patient, []).extend(shifts)
                what = f"contour moved {by:+d} along {axis}"
                yield "shift of a lesion", name, what, len(found), float(np.mean(found))
                common = common_shift(list(by_patient.values()), axis)
                if common is not None:
                    shift, t, n = common
                    yield "shift of a cohort (voxels)", name, what, n, shift
                    yield "shift of a cohort (t)", name, what, n, t


def moved(image: sitk.Image, rng: np.random.Generator) -> tuple[sitk.Image, np.ndarray]:
    """Return an image cut to a part of itself and put elsewhere, and where."""
    by = rng.uniform(-150, 150, 3)
    result = sitk.Image(image)
    result.SetOrigin((np.array(image.GetOrigin()) + by).tolist())
    low, high = ([int(rng.integers(0, n // 5)) for n in image.GetSize()] for _ in ("first", "last"))
    return sitk.Crop(result, low, high), by


def bent(image: sitk.Image, rng: np.random.Generator) -> sitk.Image:
    """Return an image turned by 4 degrees, bent by 4 mm, with 20 HU of noise."""
    centre = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    turn = sitk.Euler3DTransform(centre, *np.deg2rad(4.0 * rng.choice([-1, 1], 3)).tolist())
    step = [max(1, n // 40) for n in image.GetSize()]
    coarse = sitk.Shrink(sitk.Cast(image, sitk.sitkFloat32), step)
    field = rng.standard_normal((*coarse.GetSize()[::-1], 3))
    sigma = [25.0 / s for s in coarse.GetSpacing()[::-1]]
    field = np.stack([ndimage.gaussian_filter(field[..., k], sigma) for k in range(3)], axis=-1)
    displacement = sitk.GetImageFromArray(field * 4.0 / field.std(), isVector=True)
    displacement.CopyInformation(coarse)
    bend = sitk.DisplacementFieldTransform(displacement)
    whole = sitk.CompositeTransform([turn, bend])
    result = sitk.Resample(image, image, whole, sitk.sitkLinear, -1000.0, sitk.sitkFloat32)
    return sitk.AdditiveGaussianNoise(result, 20.0, 0.0, int(rng.integers(1 << 30)))


def alignments(cohorts: dict[str, Cohort]) -> Iterator[Row]:
    """Bring what was moved back; move contours away."""
    rng = np.random.default_rng(SEED)
    for name, cohort in cohorts.items():
        real = not name.startswith("simulated")
        errors, own, apart, whole = [], [], [], []
        first = [c for c in cohort if c.lesion_id == "1"]
        for case in first:
            image, mask = case.read_image(), case.read_mask()
            if real:
                image = sitk.Cast(image, sitk.sitkFloat32)
            later = bent(image, rng) if real else case.read_follow_up_image()
            later, by = moved(later, rng)
            found = align(image, later)
            errors.append(float(np.linalg.norm(np.array(found.translation_mm) + by)))
            own.append(found.correlation)
            there = np.array(found.translation_mm) + by
            whole.append(overlap(mask, mask, tuple(there)) >= 0.1)
            away = tuple(there + _beyond(mask))
            apart.append(overlap(mask, mask, away) < 0.1 and gap_mm(mask, mask, away) > 20.0)
        n = len(first)
        yield "alignment", name, "error, median (mm)", n, float(np.median(errors))
        yield "alignment", name, "error, largest (mm)", n, float(np.max(errors))
        yield "alignment", name, "correlation, lowest", n, float(np.min(own))
        yield "alignment", name, "correlation, median", n, float(np.median(own))
        below = np.array(own) < QualitySettings().min_correlation
        yield "alignment", name, "taken as not aligned", n, float(below.mean())
        yield "alignment", name, "same contour is taken as overlapping", n, float(np.mean(whole))
        yield "alignment", name, "contour 40 mm off is told", n, float(np.mean(apart))


def strangers(cohorts: dict[str, Cohort]) -> Iterator[Row]:
    """Take every real patient's scan for the follow-up of every other."""
    limits = QualitySettings()
    for name, cohort in cohorts.items():
        scans = [(case.read_image(), case.read_mask()) for case in cohort]
        correlations, overlaps = [], []
        for (image, mask), (later, contour) in itertools.combinations(scans, 2):
            found = align(image, later)
            correlations.append(found.correlation)
            overlaps.append(100 * overlap(mask, contour, found.translation_mm))
        n = len(correlations)
        yield "other patients", name, "correlation, highest", n, float(np.max(correlations))
        alike = np.array(correlations) >= limits.min_correlation
        yield "other patients", name, "reach the limit of correlation (pairs)", n, int(alike.sum())
        unseen = alike & (np.array(overlaps) >= limits.min_overlap_percent)
        yield "other patients", name, "nothing is told (pairs)", n, int(unseen.sum())


def _beyond(mask: sitk.Image) -> np.ndarray:
    """Return a way along x that leaves 40 mm between a contour and its copy."""
    x = np.flatnonzero(sitk.GetArrayViewFromImage(mask).any(axis=(0, 1)))
    return np.array([np.ptp(x) * mask.GetSpacing()[0] + 40.0, 0.0, 0.0])


def large_case() -> Iterator[Row]:
    """Time a case of 512 x 512 x 200 voxels in memory, with a tumour of 100 cm³."""
    rng = np.random.default_rng(SEED)
    values = rng.normal(40, 15, (200, 512, 512)).astype(np.int16)
    z, y, x = np.ogrid[:200, :512, :512]
    values[:, ((x - 256) ** 2 + (y - 256) ** 2 > 200**2)[0]] = -1000
    inside = ((x - 200) * 0.98) ** 2 + ((y - 256) * 0.98) ** 2 + ((z - 90) * 2.5) ** 2 < 29**2
    image, mask = sitk.GetImageFromArray(values), sitk.GetImageFromArray(inside.astype(np.uint8))
    for one in (image, mask):
        one.SetSpacing((0.98, 0.98, 2.5))
    start = time.process_time()
    check_baseline(BaselineCase("P1", "1", image, mask))
    yield "time", "512 x 512 x 200", "check_baseline (CPU s)", 1, time.process_time() - start
    start = time.process_time()
    align(image, image)
    yield "time", "512 x 512 x 200", "align (CPU s)", 1, time.process_time() - start


def main() -> None:
    """Measure all of it and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    cohorts = real_cohorts(args.data)
    for number, (name, options) in enumerate(SIMULATED.items()):
        folder = args.work / f"simulated_{number}"
        shutil.rmtree(folder, ignore_errors=True)
        cohorts[name] = tr.simulate_cohort(
            N_PATIENTS, seed=SEED + number, directory=folder, n_jobs=args.n_jobs, **options
        )
    rows = [
        *large_case(),
        *false_alarms(cohorts, args.n_jobs),
        *planted_shifts(cohorts),
        *alignments(cohorts),
        *strangers(real_cohorts(args.data)),
    ]
    table = pd.DataFrame(rows, columns=["part", "set", "what", "n", "value"])
    table["value"] = table["value"].round(4)
    table.to_csv(RESULTS, index=False, lineterminator="\n")
    print(table.to_string())


if __name__ == "__main__":
    main()
