"""Draw one real tumour under each perturbation: a figure for the documentation.

The tumour is a soft-tissue sarcoma of a public collection (CC BY 3.0, named beside the figure in
docs/guide/perturbations.md); its files are not part of this project. Perturbations are stronger
than the standard ones where those would not be seen.

Run:  TUMOR_RESPONSE_DATA=FOLDER python benchmarks/perturbation_figure.py
Writes docs/_figures/perturbations.png.
"""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import SimpleITK as sitk

from tumor_response.imaging import bounding_box
from tumor_response.imaging.perturb import (
    Drawn,
    DrawnContourOffset,
    DrawnContourVariation,
    DrawnIntensityOffset,
    DrawnKernel,
    DrawnNoise,
    DrawnRotation,
    DrawnSliceThickness,
    DrawnTranslation,
)
from tumor_response.style import COLOURS, DOUBLE_COLUMN_MM, figure_style, mm_to_inch

HERE = Path(__file__).parent
DATA = Path(os.environ.get("TUMOR_RESPONSE_DATA", HERE.parents[1] / "shared" / "data"))
FIGURE = HERE.parent / "docs" / "_figures" / "perturbations.png"
PATIENT = "STS_004"
WINDOW_HU = (-120, 180)
MARGIN_MM = 18.0

AXIAL: dict[str, list[Drawn]] = {
    "as it is": [],
    "translation, 6 and 4 mm": [DrawnTranslation(shift_mm=(6.0, 4.0, 0.0))],
    "rotation, 12 degrees": [DrawnRotation(degrees=12.0)],
    "noise, twice its own": [DrawnNoise(times_own=2.0, seed=0)],
    "kernel, softer (0.4)": [DrawnKernel(gain=0.4)],
    "kernel, sharper (2.5)": [DrawnKernel(gain=2.5)],
    "offset, 40 HU": [DrawnIntensityOffset(offset_hu=40.0)],
    "growth and shrinkage, 3 mm": [
        DrawnContourOffset(offset_mm=3.0),
        DrawnContourOffset(offset_mm=-3.0),
    ],
    "five observers, SD 2 mm": [
        DrawnContourVariation(observer_sd_mm=2.0, smooth_over_mm=20.0, seed=seed)
        for seed in range(5)
    ],
    "the same, smooth over 5 mm": [
        DrawnContourVariation(observer_sd_mm=2.0, smooth_over_mm=5.0, seed=seed)
        for seed in range(5)
    ],
}
CORONAL: dict[str, list[Drawn]] = {
    "from the front, as it is": [],
    "slices three times as thick": [DrawnSliceThickness(times=3.0, phase=0.4)],
}


def main() -> None:
    """Draw the panels."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    folder = DATA / "sts" / "nifti" / PATIENT
    image, mask = (sitk.ReadImage(str(folder / f"CT_{what}.nii.gz")) for what in ("image", "mask"))
    mask = sitk.Cast(mask != 0, sitk.sitkUInt8)
    mask.CopyInformation(image)
    with figure_style():
        figure, axes = plt.subplots(
            3,
            4,
            figsize=(mm_to_inch(DOUBLE_COLUMN_MM), mm_to_inch(0.92 * DOUBLE_COLUMN_MM)),
            layout="constrained",
        )
        panels = [(title, steps, 2) for title, steps in AXIAL.items()]
        panels += [(title, steps, 1) for title, steps in CORONAL.items()]
        for ax, (title, steps, axis) in zip(axes.flat, panels, strict=True):
            ax.set_title(title, loc="left", fontsize=6.5)
            _panel(ax, image, mask, steps, axis)
        figure.savefig(FIGURE, dpi=150, metadata={"Software": None})
        plt.close(figure)
    print(f"{FIGURE.name}: {FIGURE.stat().st_size / 1000:.0f} kB")


def _panel(
    ax: mpl.axes.Axes, image: sitk.Image, mask: sitk.Image, steps: list[Drawn], axis: int
) -> None:
    found = [step.apply(image, mask) for step in steps] or [(image, mask)]
    place = _middle_mm(mask, axis)
    shown, extent = _slice(found[0][0], axis, place)
    ax.imshow(
        shown,
        cmap="gray",
        vmin=WINDOW_HU[0],
        vmax=WINDOW_HU[1],
        extent=extent,
        interpolation="nearest",
        origin="lower",
    )
    for number, (_, contour) in enumerate(found):
        colour = COLOURS[(0, 1, 2, 3, 5)[number]] if len(found) > 1 else COLOURS[5]
        _outline(ax, contour, axis, place, colour, "-")
    if steps and found[0][1] is not mask:
        _outline(ax, mask, axis, place, "white", ":")
    low, high = np.array(bounding_box(mask)).T * np.array(mask.GetSpacing())[:, None].T + np.array(
        mask.GetOrigin()
    )
    across, up = (0, 1) if axis == 2 else (0, 2)
    ax.set_xlim(low[across] - MARGIN_MM, high[across] + MARGIN_MM)
    limits = (low[up] - MARGIN_MM, high[up] + MARGIN_MM)
    ax.set_ylim(*(limits[::-1] if axis == 2 else limits))  # the front of the patient is above
    ax.set_aspect("equal")
    ax.set_axis_off()


def _middle_mm(mask: sitk.Image, axis: int) -> float:
    at = np.argwhere(sitk.GetArrayViewFromImage(mask)).mean(axis=0)[2 - axis]
    return float(mask.GetOrigin()[axis] + round(at) * mask.GetSpacing()[axis])


def _slice(
    image: sitk.Image, axis: int, place_mm: float
) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Return the slice at a place, and where its edges lie in mm."""
    step, origin, size = image.GetSpacing(), image.GetOrigin(), image.GetSize()
    index = int(np.clip(round((place_mm - origin[axis]) / step[axis]), 0, size[axis] - 1))
    across, up = (0, 1) if axis == 2 else (0, 2)
    left, bottom = (origin[a] - step[a] / 2 for a in (across, up))
    extent = (left, left + size[across] * step[across], bottom, bottom + size[up] * step[up])
    return np.take(sitk.GetArrayViewFromImage(image), index, axis=2 - axis), extent


def _outline(
    ax: mpl.axes.Axes, mask: sitk.Image, axis: int, place_mm: float, colour: str, line: str
) -> None:
    inside, (left, right, bottom, top) = _slice(mask, axis, place_mm)
    x = left + (np.arange(inside.shape[1]) + 0.5) * (right - left) / inside.shape[1]
    y = bottom + (np.arange(inside.shape[0]) + 0.5) * (top - bottom) / inside.shape[0]
    ax.contour(x, y, inside, levels=[0.5], colors=[colour], linewidths=0.7, linestyles=line)


if __name__ == "__main__":
    main()
