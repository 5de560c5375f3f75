"""Maps made by hand, and landmarks that are sent through the views and back."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tests.unit import cases
from tumor_response.explanation.attention.boxed import on_image
from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.attention.space import placed_in_patient
from tumor_response.explanation.attention.view_maps import ViewMaps
from tumor_response.features.deep.views import (
    AugmentationDraw,
    CutViews,
    ViewSettings,
    cut_views,
)
from tumor_response.features.deep.views.sampling import PlaneGrid
from tumor_response.imaging import Geometry
from tumor_response.imaging.volume import tumour_box

REAL_CASES = {
    **{
        f"STS_{n}": (
            f"sts/nifti/STS_{n}/CT_image.nii.gz",
            f"sts/nifti/STS_{n}/CT_mask.nii.gz",
        )
        for n in ("001", "002", "003", "004", "006", "008")
    },
    **{
        f"pt_{n}": (f"open_kbp/pt_{n}/CT.nii.gz", f"open_kbp/pt_{n}/PTV70.nii.gz")
        for n in (201, 202, 203, 204, 206, 207, 208, 209, 210, 211)
    },
    "lung1": ("pyradiomics/lung1_image.nrrd", "pyradiomics/lung1_label.nrrd"),
    "lung2": ("pyradiomics/lung2_image.nrrd", "pyradiomics/lung2_label.nrrd"),
}
"""Image and mask of each real case, below the folder of real data."""


def looked(
    views: CutViews, maps: np.ndarray, weights: np.ndarray | None = None, output: float = 0.5
) -> ViewMaps:
    """Return maps on views."""
    n = len(views.grids)
    shares = np.full(n, 1 / n) if weights is None else weights
    return ViewMaps(maps.astype(np.float32), views.tumour, views.grids, shares, output)


def attention_maps(
    keys: tuple[tuple[str, str], ...] = (("P1", "1"), ("P2", "1")),
    settings: ViewSettings | None = None,
    between: str = "nothing",
) -> AttentionMaps:
    """Return maps of small cases; each is the tumour's share times a number of its own."""
    settings = settings or ViewSettings(n_slices=3, margin_mm=4)
    found = {}
    for number, key in enumerate(keys, start=1):
        image, mask = cases.image(number), cases.mask()
        views = cut_views(image, mask, settings, 32)
        of_views = looked(views, number * views.tumour, output=0.1 * number)
        found[key] = CaseAttention.of_views(key, of_views, image, between=between)
    return AttentionMaps(
        found,
        method="grad_cam",
        model="logistic",
        mode="out_of_bag",
        views=settings,
        settings_sha256="0" * 64,
        provenance={"note": "made by hand"},
    )


def near_tumour(mask: sitk.Image, *images: sitk.Image, margin_mm: float = 40.0) -> list[sitk.Image]:
    """Return mask and images around the tumour; spacing and directions stay the scanner's."""
    part = tuple(
        slice(max(0, low - round(margin_mm / step)), high + 1 + round(margin_mm / step))
        for (low, high), step in zip(tumour_box(mask), mask.GetSpacing(), strict=True)
    )
    return [one[part] for one in (mask, *images)]


def landmark_errors_voxels(
    mask: sitk.Image,
    settings: ViewSettings,
    draw: AugmentationDraw,
    rng: np.random.Generator,
    size_px: int = 224,
) -> np.ndarray:
    """Send a bright voxel on each view's slice through the views and back.

    Returns
    -------
    numpy.ndarray
        How far the centroid of what comes back is from the voxel, in voxels, the largest along an
        axis of the grid; one for each view.
    """
    grid = Geometry.of(mask)
    tumour = sitk.GetArrayFromImage(mask)
    planes = cut_views(sitk.Cast(mask, sitk.sitkInt16), mask, settings, size_px, draw).grids
    landmarks = np.array([_visible(tumour, plane, grid, rng) for plane in planes])
    crossing = settings.slices == "orthogonal"  # a plane then crosses the others' landmarks
    groups = [[n] for n in range(len(planes))] if crossing else [list(range(len(planes)))]
    errors = np.zeros(len(planes))
    for group in groups:
        voxels = np.zeros(tumour.shape, np.int16)
        voxels[tuple(landmarks[group].T[::-1])] = 1000
        views = cut_views(on_image(voxels, grid), mask, settings, size_px, draw)
        for number in group:
            maps = np.zeros_like(views.tumour)
            maps[number] = views.pixels[number, 0]
            box = placed_in_patient(looked(views, maps), grid)
            places = np.argwhere(box.values > 0)[:, ::-1] + np.array(box.start)
            weights = box.values[box.values > 0].astype(np.float64)
            centroid = (places * weights[:, None]).sum(axis=0) / weights.sum()
            errors[number] = np.abs(centroid - landmarks[number]).max()
    return errors


def _visible(
    tumour: np.ndarray, plane: PlaneGrid, grid: Geometry, rng: np.random.Generator
) -> np.ndarray:
    """Return the index (x, y, z) of a voxel of the tumour on a plane, well within its square."""
    index = np.argwhere(tumour)[:, ::-1]
    direction = np.array(grid.direction).reshape(3, 3)
    points = np.array(grid.origin_mm) + (index * np.array(grid.spacing_mm)) @ direction.T
    offsets = points - plane.middle_mm
    reach = plane.side_mm / 2 - 1.5 * max(grid.spacing_mm)
    on_it = np.abs(offsets @ plane.across) < 1e-3
    within = (np.abs(offsets @ plane.right) < reach) & (np.abs(offsets @ plane.down) < reach)
    candidates = index[on_it & within]
    return np.asarray(candidates[rng.integers(len(candidates))])
