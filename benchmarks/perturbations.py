"""Measure what perturbations do: distance of varied contours, reach, time.

``distance``: contours are drawn anew on balls and on real tumours, and the distance of the new
surface from the old one is measured by :class:`tumor_response.imaging.register.surface.Surface`,
which knows nothing of how the contour was moved. ``measured_over_drawn`` is the mean absolute
distance over the mean absolute displacement of the field at the same points; ``drawn_over_stated``
the latter's standard deviation over the stated one (its expectation is 1; a draw has few
independent places). ``reach``: the largest relative change of a radiomics or deep feature when the
whole image is altered instead of the contour's neighbourhood. ``time``: processor seconds of one
application, the least of three.

Run:  python -P benchmarks/perturbations.py {distance,reach,time} --data FOLDER
Appends to benchmarks/results/perturbations_<part>.csv; rows that are there are not made again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.cohort import BaselineCase
from tumor_response.imaging import volume_cc
from tumor_response.imaging.perturb import (
    DrawnContourVariation,
    DrawnKernel,
    DrawnRotation,
    DrawnTranslation,
    standard_perturbations,
)
from tumor_response.imaging.perturb.window import depth_around
from tumor_response.imaging.random_field import COARSE_NOISE_SD, coarse_noise
from tumor_response.imaging.register.surface import Surface

RESULTS = Path(__file__).parent / "results"
N_DRAWS = 10
SMOOTH_MM = 20.0
REAL = {
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd"),
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd"),
    "sts_001": ("sts/nifti/STS_001/CT_image.nii.gz", "sts/nifti/STS_001/CT_mask.nii.gz"),
    "sts_004": ("sts/nifti/STS_004/CT_image.nii.gz", "sts/nifti/STS_004/CT_mask.nii.gz"),
    "kbp_204": ("open_kbp/pt_204/CT.nii.gz", "open_kbp/pt_204/PTV70.nii.gz"),
}
BALLS = [
    (radius, spacing)
    for radius in (10.0, 23.0)
    for spacing in ((1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (0.6, 0.6, 5.0), (3.9, 3.9, 2.5))
]


def ball(radius_mm: float, spacing: tuple[float, float, float]) -> sitk.Image:
    """Return the mask of a ball whose centre lies between the voxels."""
    lines = [np.arange(int(2 * (radius_mm + 4) / s) + 1) * s for s in spacing[::-1]]
    z, y, x = np.meshgrid(*(line - line.mean() - 0.2 for line in lines), indexing="ij")
    made = sitk.GetImageFromArray((x**2 + y**2 + z**2 <= radius_mm**2).astype(np.uint8))
    made.SetSpacing(spacing)
    return made


def read(data: Path, name: str) -> tuple[sitk.Image, sitk.Image]:
    """Return a real image and its mask as 0 and 1."""
    image, mask = (sitk.ReadImage(str(data / path)) for path in REAL[name])
    inside = sitk.Cast(mask != 0, sitk.sitkUInt8)
    inside.CopyInformation(image)
    return image, inside


def simulated_neck() -> tuple[sitk.Image, sitk.Image]:
    """Return a CT of 512 x 512 x 120 voxels, 0.98 x 0.98 x 3 mm, with a tumour of 50 cc."""
    spacing = (0.98, 0.98, 3.0)
    lines = [
        (np.arange(n) - n / 2) * s for n, s in zip((120, 512, 512), spacing[::-1], strict=True)
    ]
    z, y, x = np.meshgrid(*lines, indexing="ij", sparse=True)
    inside = (x / 26) ** 2 + (y / 20) ** 2 + (z / 23) ** 2 <= 1
    noise = np.random.default_rng(0).normal(40, 10, size=inside.shape).astype(np.int16)
    image, mask = sitk.GetImageFromArray(noise), sitk.GetImageFromArray(inside.astype(np.uint8))
    for one in (image, mask):
        one.SetSpacing(spacing)
    return image, mask


def distances(data: Path, done: set[str]) -> Iterator[dict[str, object]]:
    """Yield one row for each tumour and stated standard deviation."""
    masks = {f"ball {r:g} mm, {s[0]:g} x {s[1]:g} x {s[2]:g}": ball(r, s) for r, s in BALLS}
    for name in [*masks, *REAL]:
        mask = masks[name] if name in masks else read(data, name)[1]
        for sd_mm in (0.5, 1.0, 2.0, 4.0):
            if f"{name} {sd_mm}" not in done and sd_mm < 0.35 * volume_cc(mask) ** (1 / 3) * 6.2:
                yield {"key": f"{name} {sd_mm}", "tumour": name, "sd_mm": sd_mm} | distance(
                    mask, sd_mm
                )


def distance(mask: sitk.Image, sd_mm: float) -> dict[str, float]:
    """Return how far drawn contours are from the first, against how far they were to be."""
    surface = Surface.of(mask)
    area = surface.area_mm2
    window, depth = depth_around(mask, 3.0 * sd_mm)
    axes = np.array(mask.GetDirection()).reshape(3, 3) * np.array(mask.GetSpacing())
    at = (surface.points_mm - np.array(mask.GetOrigin())) @ np.linalg.inv(axes).T
    at = at[:, ::-1] - np.array(window.start)
    measured, drawn = [], []
    for seed in range(N_DRAWS):
        one = DrawnContourVariation(observer_sd_mm=sd_mm, smooth_over_mm=SMOOTH_MM, seed=seed)
        moved = Surface.of(one.apply(mask, mask)[1])
        measured.append(moved.depth_mm(surface.points_mm))
        field = coarse_noise(
            np.random.default_rng(seed), depth.shape, SMOOTH_MM, mask.GetSpacing()[::-1]
        )
        cut = np.clip(field / COARSE_NOISE_SD, -3, 3)
        drawn.append(sd_mm * ndimage.map_coordinates(cut, at.T, order=1))

    def mean(values: np.ndarray) -> float:
        return float(np.average(values.mean(axis=0), weights=area))

    found, wanted = np.array(measured), np.array(drawn)
    return {
        "volume_cc": volume_cc(mask),
        "n_draws": N_DRAWS,
        "measured_over_drawn": mean(np.abs(found)) / mean(np.abs(wanted)),
        "measured_over_drawn_rms": np.sqrt(mean(found**2) / mean(wanted**2)),
        "drawn_over_stated": np.sqrt(mean(wanted**2)) / sd_mm,
        "mean_shift_mm": mean(found - wanted),
    }


def reaches(data: Path, done: set[str]) -> Iterator[dict[str, object]]:
    """Yield one row for each tumour, perturbation and kind of feature."""
    extractors = {
        "radiomics": tr.Radiomics("head_neck_ct"),
        "deep": tr.DeepFeatures("tf_efficientnet_lite0", device="cpu"),
    }
    kinds = {
        "translation": lambda reach: DrawnTranslation(shift_mm=(0.6, -0.4, 1.1), reach_mm=reach),
        "rotation": lambda reach: DrawnRotation(degrees=4.0, reach_mm=reach),
        "kernel": lambda reach: DrawnKernel(gain=0.6, reach_mm=reach),
    }
    for name in ("lung1", "kbp_204", "lung2"):
        image, mask = read(data, name)
        for kind, make in kinds.items():
            for extractor, one in extractors.items():
                key = f"{name} {kind} {extractor}"
                if key in done:
                    continue
                near, everywhere = (
                    one.extract(BaselineCase(name, "1", *make(reach).apply(image, mask))).values
                    for reach in (50.0, None)
                )
                a, b = (
                    np.array([float(v[c]) for c in near], dtype=float) for v in (near, everywhere)
                )
                scale = np.maximum(np.abs(b), 1e-9)
                yield {
                    "key": key,
                    "tumour": name,
                    "perturbation": kind,
                    "features": extractor,
                    "n_columns": len(a),
                    "n_other_than_1e-6": int(np.nansum(np.abs(a - b) / scale > 1e-6)),
                    "largest_relative_change": float(np.nanmax(np.abs(a - b) / scale)),
                }


def times(data: Path, done: set[str]) -> Iterator[dict[str, object]]:
    """Yield one row for each image and standard perturbation."""
    rules = standard_perturbations(observer_sd_mm=2.0)
    for name in ("neck 512 x 512 x 120, 50 cc", "lung2", "kbp_204"):
        image, mask = simulated_neck() if name.startswith("neck") else read(data, name)
        for kind, rule in rules.items():
            if f"{name} {kind}" in done:
                continue
            drawn = rule.draw(np.random.default_rng(1))
            seconds = []
            for _ in range(3):
                start = time.process_time()
                drawn.apply(image, mask)
                seconds.append(time.process_time() - start)
            yield {
                "key": f"{name} {kind}",
                "image": name,
                "perturbation": kind,
                "cpu_seconds": min(seconds),
            }


def main() -> None:
    """Measure one part and keep its rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["distance", "reach", "time"])
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    path = RESULTS / f"perturbations_{arguments.part}.csv"
    kept = pd.read_csv(path) if path.exists() else pd.DataFrame({"key": []})
    made = {"distance": distances, "reach": reaches, "time": times}[arguments.part]
    for row in made(arguments.data, set(kept["key"])):
        kept = pd.concat([kept, pd.DataFrame([row])]) if len(kept) else pd.DataFrame([row])
        kept.round(6).to_csv(path, index=False)
        print(row, flush=True)


if __name__ == "__main__":
    main()
