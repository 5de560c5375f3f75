"""Small tumours with attention and retreat made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.explanation.concordance import ConcordanceSettings
from tumor_response.features.deep.views import AugmentationDraw, CutViews, cut_views

SIZE, SPACING = (30, 28, 12), (1.5, 1.5, 3.0)
QUICK = ConcordanceSettings(
    n_surrogates=39, n_bootstrap=200, n_permutations=199, max_voxels=150, min_voxels=40
)
VIEWS = tr.ViewSettings(n_slices=4, margin_mm=9)
Looks = Callable[[CutViews, np.random.Generator], np.ndarray]


def grid_mm() -> np.ndarray:
    """Where the voxels lie from the middle of the grid: (3, z, y, x), in z, y, x."""
    index = np.meshgrid(*[np.arange(n) for n in SIZE[::-1]], indexing="ij")
    middle = [(n - 1) / 2 for n in SIZE[::-1]]
    steps = SPACING[::-1]
    return np.stack([(i - m) * s for i, m, s in zip(index, middle, steps, strict=True)])


def on_grid(voxels: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(voxels)
    made.SetSpacing(SPACING)
    made.SetOrigin((-20.0, 5.0, 100.0))
    return made


def lopsided(rng: np.random.Generator, radius_mm: float = 11.0) -> sitk.Image:
    """A ball with a bulge and a dent, so that the outlines of two patients differ."""
    z, y, x = grid_mm()
    angle, turned = np.arctan2(y, x), rng.uniform(0, 2 * np.pi)
    radius = radius_mm * (1 + 0.25 * np.cos(rng.integers(2, 4) * angle + turned))
    return on_grid((np.sqrt(x**2 + y**2 + z**2) <= radius).astype(np.uint8))


def smooth(rng: np.random.Generator, sigma_mm: float) -> np.ndarray:
    field = ndimage.gaussian_filter(
        rng.standard_normal(SIZE[::-1]), sigma_mm / np.array(SPACING[::-1]), mode="wrap"
    )
    return field / field.std()


def cohort(folder: Path, n_patients: int = 6, lesions: int = 1) -> tr.Cohort:
    rows = []
    for number in range(n_patients):
        for lesion in range(lesions):
            rng = np.random.default_rng([number, lesion])
            stem = f"p{number}_{lesion}"
            hu = (40 + 15 * smooth(rng, 2.0)).astype(np.int16)
            sitk.WriteImage(on_grid(hu), str(folder / f"{stem}_ct.nii.gz"))
            sitk.WriteImage(lopsided(rng), str(folder / f"{stem}_gtv.nii.gz"))
            rows.append(
                {
                    "patient_id": f"P{number}",
                    "lesion_id": str(lesion),
                    "image": str(folder / f"{stem}_ct.nii.gz"),
                    "mask": str(folder / f"{stem}_gtv.nii.gz"),
                }
            )
    return tr.Cohort.from_frame(pd.DataFrame(rows))


def middle(cut: CutViews, rng: np.random.Generator) -> np.ndarray:
    """Attention that stays in the middle of the view, whatever is there."""
    n = cut.tumour.shape[-1]
    y, x = np.mgrid[:n, :n] - (n - 1) / 2
    return np.broadcast_to(np.exp(-(x**2 + y**2) / (2 * (n / 4) ** 2)), cut.tumour.shape)


def tumour(cut: CutViews, rng: np.random.Generator) -> np.ndarray:
    """Attention on the tumour, with blobs of its own."""
    blobs = ndimage.gaussian_filter(rng.standard_normal(cut.tumour.shape), (0, 3, 3))
    return cut.tumour * (1 + blobs / np.abs(blobs).max())


def maps(
    of: tr.Cohort,
    looks: Looks = tumour,
    views: tr.ViewSettings = VIEWS,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    mode: str = "out_of_bag",
) -> AttentionMaps:
    draw = AugmentationDraw(shift_mm=shift_mm)
    found = {}
    for number, case in enumerate(of):
        image, mask = case.read_image(), case.read_mask()
        cut = cut_views(image, mask, views, 28, draw)
        looked = looks(cut, np.random.default_rng([number, 7])).astype(np.float32)
        shares = np.full(len(looked), 1 / len(looked))
        view_maps = ViewMaps(looked, cut.tumour, cut.grids, shares, 0.0)
        found[case.key] = CaseAttention.of_views(case.key, view_maps, image)
    return AttentionMaps(found, "by_hand", "logistic", mode, views, "0" * 64, {})


def retreat(of: tr.Cohort) -> dict[tuple[str, str], sitk.Image]:
    """A smooth retreat that knows nothing of the attention."""
    made = {}
    for number, case in enumerate(of):
        inside = sitk.GetArrayFromImage(case.read_mask())
        field = 2 + smooth(np.random.default_rng([number, 9]), 5.0)
        made[case.key] = on_grid((inside * field).astype(np.float32))
    return made
