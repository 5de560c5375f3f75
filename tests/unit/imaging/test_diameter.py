from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from tests.unit.imaging.bodies import ellipsoid, image_of, render
from tumor_response.exceptions import CaseError
from tumor_response.imaging.diameter import axial_diameters


def flat(pixels: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> sitk.Image:
    """One slice, the second of three."""
    array = np.zeros((*pixels.shape, 3), dtype=bool)
    array[..., 1] = pixels
    return image_of(array, spacing)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_row_of_pixels_is_as_long_as_it_is(n: int) -> None:
    """Anisotropic pixels of 2 x 0.5 mm: from edge to edge, across one pixel."""
    pixels = np.zeros((10, 4), dtype=bool)
    pixels[1 : 1 + n, 2] = True
    found = axial_diameters(flat(pixels, (2.0, 0.5, 3.0)))
    assert found.longest_mm == pytest.approx(2.0 * n)
    assert found.short_axis_mm == pytest.approx(0.5)
    assert (found.slice_axis, found.slice_index, found.n_parts) == (2, 1, 1)
    assert sorted(found.ends_mm) == [(1.0, 1.0, 3.0), (1.0 + 2.0 * n, 1.0, 3.0)]


def test_against_all_pairs_of_outline_points() -> None:
    """The definition, by brute force, without hulls and bounds."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, y = np.meshgrid(np.arange(25) - 12, np.arange(25) - 12, indexing="ij")
        angle = np.arctan2(y, x)
        radius = 8 + 3 * np.cos(2 * (angle - rng.uniform(0, 3))) + np.cos(5 * angle)
        pixels = np.hypot(x, y) < radius
        spacing = np.array([0.8, 1.3])
        padded = np.pad(pixels, 1)
        points = []
        for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            outside = ~np.roll(padded, (-step[0], -step[1]), axis=(0, 1))[1:-1, 1:-1]
            points.append(np.argwhere(pixels & outside) + np.array(step) / 2)
        outline = np.concatenate(points) * spacing
        apart = np.linalg.norm(outline[:, None] - outline[None], axis=-1)
        found = axial_diameters(flat(pixels, (0.8, 1.3, 3.0)))
        assert found.longest_mm == pytest.approx(apart.max(), rel=1e-12)
        first, second = (np.array(end)[:2] for end in found.ends_mm)
        along = (second - first) / found.longest_mm
        s, t = (np.array(end)[:2] for end in found.short_ends_mm)
        assert np.dot(t - s, along) == pytest.approx(0, abs=1e-9)
        assert np.linalg.norm(t - s) == pytest.approx(found.short_axis_mm, rel=1e-12)
        # no chord across is longer than the outline's whole extent across
        across = outline @ np.array([-along[1], along[0]])
        assert found.short_axis_mm <= np.ptp(across) + 1e-9


def test_short_axis_of_a_triangle_is_its_height() -> None:
    """A long flat triangle: perpendicular to the base, through the tip, not through the middle."""
    x, y = np.meshgrid(np.arange(200), np.arange(60), indexing="ij")
    pixels = (y <= 50 * x / 30) & (y <= 50 * (199 - x) / 169)
    found = axial_diameters(flat(pixels))
    assert found.longest_mm == pytest.approx(200, abs=1)
    assert found.short_axis_mm == pytest.approx(50.5, abs=1)
    assert all(end[0] == pytest.approx(30, abs=2) for end in found.short_ends_mm)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 2.0, 2.0), (1.0, 1.0, 3.0)])
def test_ellipsoids_in_any_orientation(spacing: tuple[float, ...]) -> None:
    """The central axial section is an ellipse; its axes come from the quadratic form."""
    semi_axes = np.array([24.0, 15.0, 10.0])
    body = ellipsoid(*semi_axes)
    for seed in range(4):
        turn = Rotation.random(random_state=np.random.default_rng(seed)).as_matrix()
        form = turn @ np.diag(semi_axes**-2) @ turn.T
        short_mm, long_mm = np.sort(2 / np.sqrt(np.linalg.eigvalsh(form[:2, :2])))
        found = axial_diameters(image_of(render(body, spacing, seed)[1], spacing))
        pixel_mm = spacing[0]
        # half a pixel long on average (docs/guide/volumes.md); slices miss the widest section
        assert found.longest_mm == pytest.approx(long_mm + 0.4 * pixel_mm, abs=1.3 * pixel_mm)
        assert found.short_axis_mm == pytest.approx(short_mm + 0.4 * pixel_mm, abs=2 * pixel_mm)


def test_the_slice_with_the_longest_diameter_wins_not_the_largest() -> None:
    array = np.zeros((40, 40, 4), dtype=bool)
    array[10:30, 10:30, 1] = True  # 400 pixels, 27.6 mm across
    array[2:38, 20, 2] = True  # 36 pixels, 36 mm
    found = axial_diameters(image_of(array))
    assert (found.slice_index, found.longest_mm) == (2, pytest.approx(36))


def test_of_equal_slices_the_first_counts() -> None:
    array = np.zeros((20, 20, 5), dtype=bool)
    array[4:14, 6:9, 1:4] = True
    assert axial_diameters(image_of(array)).slice_index == 1


def test_islands_are_measured_each_by_itself() -> None:
    """A stray pixel far away must not make a lesion of 6 mm one of 36 mm."""
    pixels = np.zeros((40, 20), dtype=bool)
    pixels[2:8, 5] = True
    alone = axial_diameters(flat(pixels))
    pixels[38, 5] = True
    found = axial_diameters(flat(pixels))
    assert (found.longest_mm, found.n_parts) == (alone.longest_mm, 2)
    pixels[8:38, 6] = True  # joined through a corner and side by side: one part
    assert axial_diameters(flat(pixels)).longest_mm > 35


def test_a_sagittal_grid_is_measured_in_its_axial_planes() -> None:
    """Grid axes anterior-posterior, head-feet, left-right, as sagittal MR comes."""
    array = np.zeros((20, 30, 10), dtype=bool)
    array[4:10, 12, 2:5] = True  # axial: 6 x 3
    array[2, 1:29, 7] = True  # long along head-feet, one pixel in every axial plane
    mask = image_of(array, (1.0, 1.0, 4.0))
    mask.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    found = axial_diameters(mask)
    assert (found.slice_axis, found.slice_index) == (1, 12)
    assert found.longest_mm == pytest.approx(np.hypot(3 * 4.0, 5.0), rel=0.01)
    heights = {round(end[2], 6) for end in (*found.ends_mm, *found.short_ends_mm)}
    assert heights == {12.0}


def turned(degrees: float) -> sitk.Image:
    array = np.zeros((20, 20, 6), dtype=bool)
    array[4:16, 6:10, 2] = True
    mask = image_of(array)
    mask.SetDirection(Rotation.from_euler("x", degrees, degrees=True).as_matrix().ravel().tolist())
    return mask


def test_slight_tilt_is_measured_in_the_slice_and_more_is_an_error() -> None:
    straight, tilted = axial_diameters(turned(0)), axial_diameters(turned(19))
    assert tilted.longest_mm == pytest.approx(straight.longest_mm, rel=1e-12)
    distance = np.linalg.norm(np.subtract(*tilted.ends_mm))
    assert distance == pytest.approx(tilted.longest_mm, rel=1e-9)
    with pytest.raises(CaseError, match=r"tilted by 25 degrees.*resample_mask") as error:
        axial_diameters(turned(25))
    assert error.value.code == "not_axial"


def test_an_empty_mask_is_an_error() -> None:
    with pytest.raises(CaseError, match="complete response") as error:
        axial_diameters(sitk.Image(4, 4, 4, sitk.sitkUInt8))
    assert error.value.code == "mask_empty"


def test_a_million_voxels_and_thousands_of_parts_are_measured() -> None:
    index = np.stack(np.meshgrid(*[np.arange(130)] * 3, indexing="ij"), axis=-1) - 64.5
    ball = (index**2).sum(axis=-1) < 62**2
    assert ball.sum() > 990_000
    assert axial_diameters(image_of(ball)).longest_mm == pytest.approx(124.5, abs=1)
    noise = np.random.default_rng(0).random((120, 120, 20)) < 0.1
    found = axial_diameters(image_of(noise))
    assert found.n_parts > 500
