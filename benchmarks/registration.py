"""Measure what the registration of a follow-up finds of a known shrinkage, and how long it takes.

Simulated pairs of both modes (their truth maps are the reference), and real head-and-neck CTs of
OpenKBP in which a ball in the planning volume is contracted by a known map, moved and turned, with
12 HU of new noise: the follow-up of real anatomy is simulated, too. Other patients' CTs are tried
as follow-ups.

Run:  OMP_NUM_THREADS=1 python benchmarks/registration.py [--data FOLDER] [--n-patients 12]
Writes benchmarks/results/registration.csv (one row per lesion; seconds are of one core) and
prints means and worst.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.exceptions import CaseError
from tumor_response.imaging.register import (
    RegistrationSettings,
    Retreat,
    measure_retreat,
    register_deformably,
    register_rigidly,
    reliability_map,
)
from tumor_response.imaging.register.retreat import field_retreat_mm, residual_mm
from tumor_response.quality.alignment import align

RESULTS = Path(__file__).parent / "results" / "registration.csv"
SEED = 1_717
BALL_MM, SHRINK, FADE_MM = 14.0, 0.85, 15.0
Row = dict[str, float | str]
SETTINGS = RegistrationSettings()


def measured(
    images: tuple[sitk.Image, sitk.Image],
    masks: tuple[sitk.Image, sitk.Image],
    truth_mm: np.ndarray,
    truth_log_j: sitk.Image | None,
) -> Row:
    """Return errors and seconds of one pair; truth_mm on the voxels of the baseline's grid."""
    clock = [time.process_time()]
    start = align(*images).translation_mm
    rigid = register_rigidly(images[0], masks[0], images[1], masks[1], start_mm=start)
    clock.append(time.process_time())
    retreat = measure_retreat(*masks, rigid.transform)
    clock.append(time.process_time())
    found = register_deformably(images[0], masks[0], images[1], rigid.transform)
    clock.append(time.process_time())
    reliable = reliability_map(images[0], found.region)
    clock.append(time.process_time())
    inside = sitk.GetArrayFromImage(masks[0]) > 0
    rim = inside & ~ndimage.binary_erosion(inside)
    inwards = Retreat(retreat.surface, field_retreat_mm(retreat.surface, found.displacement))
    left = residual_mm(retreat.surface, masks[1], rigid.transform, found.displacement)
    seconds = np.diff(clock)
    row: Row = {
        "n_voxels": float(inside.sum()),
        "truth_mean_mm": float(truth_mm[rim].mean()),
        "error_no_map_mm": float(np.abs(truth_mm[rim] - truth_mm[rim].mean()).mean()),
        "similarity": rigid.similarity_after,
        "folding_percent": found.folding_percent,
        "unexplained_percent": 100.0 * left / max(retreat.mean_size_mm(), 1.0),
        "seconds_rigid": seconds[0],
        "seconds_deformable": seconds[2],
        "seconds_reliability": seconds[3],
        "seconds": float(seconds.sum()),
    }
    for name, of in (("contours", retreat), ("field", inwards)):
        error = (sitk.GetArrayFromImage(of.map_on(masks[0])) - truth_mm)[rim]
        row |= {f"error_{name}_mm": float(np.abs(error).mean()), f"bias_{name}_mm": error.mean()}
    tumour = found.region.tumour
    passes = tumour & (reliable >= SETTINGS.min_reliability)
    row["identified_percent"] = 100.0 * float(passes.sum() / tumour.sum())
    if truth_log_j is not None:
        truth = sitk.Resample(truth_log_j, found.region.grid, sitk.Transform(), sitk.sitkLinear)
        error = np.abs(found.log_jacobian - sitk.GetArrayFromImage(truth))
        row["truth_log_jacobian"] = float(np.abs(sitk.GetArrayFromImage(truth)[tumour]).mean())
        row["error_log_jacobian"] = float(error[tumour].mean())
        for name, where in (("identified", passes), ("elsewhere", tumour & ~passes)):
            row[f"error_log_jacobian_{name}"] = (
                float(error[where].mean()) if where.any() else np.nan
            )
    return row


def simulated(n_patients: int) -> list[Row]:
    """Return the rows of simulated pairs."""
    rows = []
    for mode in ("erosion", "deformation"):
        folder = Path(tempfile.mkdtemp())
        cohort = tr.simulate_cohort(n_patients, seed=SEED, directory=folder, mode=mode)
        truth = pd.read_csv(folder / "truth.csv", dtype={"lesion_id": str})
        for case, true in zip(cohort, truth.itertuples(), strict=True):
            log_j = (
                sitk.ReadImage(folder / true.log_jacobian_map) if mode == "deformation" else None
            )
            images = case.read_image(), case.read_follow_up_image()
            masks = case.read_mask(), case.read_follow_up_mask()
            retreat = sitk.GetArrayFromImage(sitk.ReadImage(folder / true.retreat_map))
            rows.append({"set": mode, "lesion": case.patient_id})
            rows[-1] |= measured(images, masks, retreat, log_j)
            print(mode, case.patient_id, f"{rows[-1]['seconds']:.1f} s", flush=True)
    return rows


def ball(grid: sitk.Image, centre: np.ndarray, radius_mm: float) -> sitk.Image:
    """Return a ball as a mask on a grid."""
    index = np.argwhere(np.ones(grid.GetSize()[::-1], dtype=bool))[:, ::-1]
    points = index * np.array(grid.GetSpacing()) + np.array(grid.GetOrigin())
    far = np.linalg.norm(points - centre, axis=1).reshape(grid.GetSize()[::-1])
    mask = sitk.GetImageFromArray((far <= radius_mm).astype(np.uint8))
    mask.CopyInformation(grid)
    return mask


def contracted(image: sitk.Image, centre: np.ndarray) -> sitk.Image:
    """Return an image whose ball has shrunk to SHRINK of its radius, the shift fading outside."""
    index = np.argwhere(np.ones(image.GetSize()[::-1], dtype=bool))[:, ::-1]
    offset = index * np.array(image.GetSpacing()) + np.array(image.GetOrigin()) - centre
    radius = np.linalg.norm(offset, axis=1)
    before = np.linspace(0.0, BALL_MM + FADE_MM, 500)
    u = np.clip((before - BALL_MM) / FADE_MM, 0.0, 1.0)
    shift = (1 - SHRINK) * np.minimum(before, BALL_MM) * (1 - u) ** 2 * (1 + 2 * u)
    source = np.interp(radius, before - shift, before)
    source = np.where(radius < before[-1], source, radius)
    back = offset * (source / np.maximum(radius, 1e-6) - 1.0)[:, None]
    field = sitk.GetImageFromArray(back.reshape((*image.GetSize()[::-1], 3)), isVector=True)
    field.CopyInformation(image)
    move = sitk.DisplacementFieldTransform(field)
    return sitk.Resample(image, image, move, sitk.sitkBSpline, -1000.0)


def real(data: Path) -> list[Row]:
    """Return the rows of real CTs with a planted contraction, and of wrong patients."""
    rows: list[Row] = []
    rng = np.random.default_rng(SEED)
    move = sitk.Euler3DTransform()
    move.SetRotation(0.03, -0.03, 0.04)
    move.SetTranslation((6.0, -4.0, 3.0))
    pairs = []
    for folder in sorted((data / "open_kbp").iterdir()):
        if not folder.is_dir():
            continue
        volume = sitk.ReadImage(folder / "PTV70.nii.gz") > 0
        ct = sitk.Cast(sitk.ReadImage(folder / "CT.nii.gz"), sitk.sitkFloat32) - 24.0
        middle = np.argwhere(sitk.GetArrayViewFromImage(volume)).mean(axis=0)[::-1]
        centre = np.array(ct.TransformContinuousIndexToPhysicalPoint(middle.tolist()))
        around = np.floor((centre - 70.0 - np.array(ct.GetOrigin())) / np.array(ct.GetSpacing()))
        grid = sitk.Image(94, 94, 47, sitk.sitkFloat32)
        grid.SetSpacing((1.5, 1.5, 3.0))
        grid.SetOrigin((np.array(ct.GetOrigin()) + around * np.array(ct.GetSpacing())).tolist())
        fine = sitk.Resample(ct, grid, sitk.Transform(), sitk.sitkBSpline, -1000.0)
        mask, later = ball(grid, centre, BALL_MM), ball(grid, centre, BALL_MM * SHRINK)
        move.SetCenter(centre.tolist())
        follow_up = sitk.Resample(contracted(fine, centre), move, sitk.sitkLinear, -1000.0)
        later = sitk.Resample(later, move, sitk.sitkNearestNeighbor, 0)
        shape = grid.GetSize()[::-1]
        noisy = [
            sitk.Add(i, _as_image(12.0 * rng.standard_normal(shape), grid))
            for i in (fine, follow_up)
        ]
        pairs.append((noisy, mask, later))
        truth = np.full(shape, (1 - SHRINK) * BALL_MM)
        log_j = sitk.Image(grid) * 0.0 + 3.0 * np.log(SHRINK)
        rows.append({"set": "real anatomy, planted contraction", "lesion": folder.name})
        try:
            rows[-1] |= measured((noisy[0], noisy[1]), (mask, later), truth, log_j)
        except CaseError as error:
            rows[-1] |= {"refused": error.code}
        print(rows[-1]["lesion"], rows[-1].get("seconds", rows[-1].get("refused")), flush=True)
    open_door = RegistrationSettings(min_similarity=-1.0)
    for k, (noisy, mask, _) in enumerate(pairs):
        other, _, later = pairs[(k + 1) % len(pairs)]
        start = align(noisy[0], other[1])
        rows.append({"set": "another patient's CT", "lesion": str(k)})
        try:
            found = register_rigidly(
                noisy[0],
                mask,
                other[1],
                later,
                start_mm=start.translation_mm,
                settings=open_door,
            )
            rows[-1] |= {"similarity": found.similarity_after}
        except CaseError as error:
            rows[-1] |= {"refused": error.code}
    return rows


def _as_image(array: np.ndarray, grid: sitk.Image) -> sitk.Image:
    made = sitk.GetImageFromArray(array.astype(np.float32))
    made.CopyInformation(grid)
    return made


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder of real data")
    parser.add_argument("--n-patients", type=int, default=12)
    asked = parser.parse_args()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    rows = simulated(asked.n_patients)
    if asked.data is not None:
        rows += real(asked.data)
    table = pd.DataFrame(rows)
    numbers = table.drop(columns=["lesion", *(["refused"] if "refused" in table else [])])
    with pd.option_context("display.width", 200, "display.float_format", "{:.3f}".format):
        print(numbers.groupby("set", sort=False).mean().T)
        print(numbers.groupby("set", sort=False).max().T)
    RESULTS.parent.mkdir(exist_ok=True)
    times = [name for name in table.columns if name.startswith("seconds")]
    table.round(4).assign(**table[times].round(1)).to_csv(RESULTS, index=False)


if __name__ == "__main__":
    main()
