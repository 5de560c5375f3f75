"""Views of every real case, against an independent way to the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

import tumor_response as tr
from tumor_response.features.deep.views import WINDOWS_HU, cut_views
from tumor_response.imaging import read_image, read_mask

pytestmark = pytest.mark.needs("data")

CASES = {
    **{
        f"STS_{i:03d}": (f"sts/nifti/STS_{i:03d}/CT_image.nii.gz", "CT_mask.nii.gz")
        for i in (1, 2, 3, 4, 6, 8)
    },
    **{f"lung{i}": (f"pyradiomics/lung{i}_image.nrrd", f"lung{i}_label.nrrd") for i in (1, 2)},
    "ibsi": ("ibsi/ct_phantom/image/phantom.nii.gz", "../mask/mask.nii.gz"),
    **{
        f"pt_{i}": (f"open_kbp/pt_{i}/CT.nii.gz", "PTV70.nii.gz")
        for i in (201, 202, 203, 204, 206, 207, 208, 209, 210, 211)
    },
}
COLUMNS_ROWS = {"axial": ((1, 0, 0), (0, 1, 0)), "coronal": ((1, 0, 0), (0, 0, -1))}
COLUMNS_ROWS["sagittal"] = ((0, 1, 0), (0, 0, -1))


def case(name: str, data: Path) -> tuple[sitk.Image, sitk.Image]:
    image, mask = CASES[name]
    return read_image(data / image), read_mask((data / image).parent / mask)


def expected(
    image: sitk.Image, mask: sitk.Image, plane: str, side_mm: float, size_px: int, parts: int
) -> np.ndarray:
    """Pixels by NumPy and SciPy from header and voxels, for axes along the patient's.

    Corners and centroid are taken in the patient's coordinates, linear interpolation is SciPy's,
    and the mean over a pixel is that of parts x parts points.
    """
    spacing, origin = np.array(image.GetSpacing()), np.array(image.GetOrigin())
    assert image.GetDirection() == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    tumour = np.argwhere(sitk.GetArrayFromImage(mask))[:, ::-1]
    middle = (tumour.min(axis=0) + tumour.max(axis=0)) / 2
    across = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    there = np.unique(tumour[:, across])
    middle[across] = there[np.abs(there - tumour[:, across].mean()).argmin()]
    right, down = (np.array(v, float) for v in COLUMNS_ROWS[plane])
    ticks = ((np.arange(size_px * parts) + 0.5) / (size_px * parts) - 0.5) * side_mm
    points = origin + middle * spacing + ticks[None, :, None] * right + ticks[:, None, None] * down
    index = ((points - origin) / spacing)[..., ::-1]
    voxels = sitk.GetArrayFromImage(image).astype(np.float64)
    size = np.array(voxels.shape)
    outside = ((index < -0.5) | (index > size - 0.5)).any(axis=-1)
    values = ndimage.map_coordinates(voxels, np.moveaxis(index, -1, 0), order=1, mode="nearest")
    values[outside] = -1000
    low, high = WINDOWS_HU["soft_tissue"]
    seen = np.clip((values - low) / (high - low), 0, 1)
    return seen.reshape(size_px, parts, size_px, parts).mean(axis=(1, 3))


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_another_way(name: str, shared_data: Path) -> None:
    image, mask = case(name, shared_data)
    size_px = 32
    views = cut_views(image, mask, tr.ViewSettings(slices="orthogonal", tumour_share=0.7), size_px)
    for plane, [pixels] in zip(views.planes, views.pixels, strict=True):
        other = expected(image, mask, plane, views.side_mm, size_px, 9)
        # both are means over a pixel, over 9 x 9 points and over as many as the image has
        assert np.corrcoef(pixels.ravel(), other.ravel())[0, 1] > 0.98, plane
        assert abs(pixels.mean() - other.mean()) < 0.01, plane


@pytest.mark.parametrize("name", ["lung1", "STS_003", "pt_207"])
def test_pixels_smaller_than_voxels_are_interpolated_linearly(name: str, shared_data: Path) -> None:
    image, mask = case(name, shared_data)
    settings = tr.ViewSettings(slices="orthogonal", margin_mm=2)
    size_px = 128  # of at most 1 mm
    views = cut_views(image, mask, settings, size_px)
    for plane, [pixels] in zip(views.planes, views.pixels, strict=True):
        other = expected(image, mask, plane, views.side_mm, size_px, 1)
        np.testing.assert_allclose(pixels, other, atol=1e-4, err_msg=plane)


@pytest.mark.parametrize("name", CASES)
def test_every_case_has_views_with_any_settings(name: str, shared_data: Path) -> None:
    image, mask = case(name, shared_data)
    for settings in (
        tr.ViewSettings(),
        tr.ViewSettings(slices="orthogonal", window_hu=("soft_tissue", "bone", "lung")),
        tr.ViewSettings(field_of_view_mm=250, slices="largest", masking="tumour", rim_mm=5),
        tr.ViewSettings(n_slices=2, neighbours_mm=5, tumour_share=0.6),
        tr.ViewSettings(masking="context", percentiles=(1, 99), percentiles_of="foreground"),
    ):
        views = cut_views(image, mask, settings, 64)
        assert np.isfinite(views.pixels).all()
        assert views.pixels.std() > 0.01  # lung1, 1 cc, alone in 250 mm of black
        assert (views.areas_mm2 > 0).all()
        assert not views.cut_shares.any()
        assert (views.tumour.sum(axis=(1, 2)) > 0).all()
        area = views.tumour.sum(axis=(1, 2)) * (views.side_mm / 64) ** 2
        assert area == pytest.approx(views.areas_mm2, rel=0.15, abs=10)


def test_headers_of_open_kbp_put_the_shoulders_above_the_head(shared_data: Path) -> None:
    """What the contact sheet shows: these files say nothing true of where the head is."""
    image, _ = case("pt_211", shared_data)
    body = sitk.GetArrayFromImage(image) > -300
    area = body.sum(axis=(1, 2))
    upper, lower = area[-20:].mean(), area[20:60].mean()
    assert upper > 2 * lower
