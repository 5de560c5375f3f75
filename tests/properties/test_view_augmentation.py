"""Whatever is drawn: views are moved as arrays would be, and nothing else happens to them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

import tumor_response as tr
from tumor_response.features.deep.views import Augmentation, AugmentationDraw, cut_views

SIDE = 16
SETTINGS = tr.ViewSettings(slices="orthogonal", field_of_view_mm=SIDE, window_hu=(0, 1000))
draws = st.builds(
    AugmentationDraw,
    rotation_degrees=st.floats(-180, 180),
    shift_mm=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    flip_columns=st.booleans(),
    flip_rows=st.booleans(),
)


def case(seed: int = 0) -> tuple[sitk.Image, sitk.Image]:
    """Noise of 40 mm on a grid of 1 mm, with views whose pixels are the image's own voxels."""
    voxels = np.random.default_rng(seed).integers(0, 1000, (40, 40, 40)).astype(np.int16)
    tumour = np.zeros(voxels.shape, np.uint8)
    tumour[17:21, 18:24, 19:23] = 1  # even sides: the middle lies between voxels
    made = [sitk.GetImageFromArray(a) for a in (voxels, tumour)]
    for one in made:
        one.SetOrigin((-7.0, 30.0, 11.0))
    return made[0], made[1]


def pixels(draw: AugmentationDraw | None, settings: tr.ViewSettings = SETTINGS) -> np.ndarray:
    return cut_views(*case(), settings, SIDE, draw).pixels


@given(draw=draws, columns=st.booleans(), rows=st.booleans())
def test_a_flip_is_the_flipped_array_to_the_last_bit(
    draw: AugmentationDraw, columns: bool, rows: bool
) -> None:
    plain = pixels(AugmentationDraw(rotation_degrees=draw.rotation_degrees, shift_mm=draw.shift_mm))
    flipped = pixels(
        AugmentationDraw(
            rotation_degrees=draw.rotation_degrees,
            shift_mm=draw.shift_mm,
            flip_columns=columns,
            flip_rows=rows,
        )
    )
    expected = plain[..., ::-1] if columns else plain
    expected = expected[..., ::-1, :] if rows else expected
    assert np.array_equal(flipped, expected)
    assert flipped.flags["C_CONTIGUOUS"]


@given(quarter=st.integers(-2, 2))
def test_quarter_turns_on_the_aligned_grid_are_those_of_the_array(quarter: int) -> None:
    turned = pixels(AugmentationDraw(rotation_degrees=90.0 * quarter))
    expected = np.rot90(pixels(None), quarter, axes=(-2, -1))
    np.testing.assert_allclose(turned, expected, atol=1e-6)


@given(right=st.integers(-4, 4), down=st.integers(-4, 4))
def test_whole_pixel_shifts_are_those_of_the_array(right: int, down: int) -> None:
    shifted = pixels(AugmentationDraw(shift_mm=(right, down)))
    expected = np.roll(pixels(None), (down, right), axis=(-2, -1))
    kept = (
        slice(max(down, 0), SIDE + min(down, 0)),
        slice(max(right, 0), SIDE + min(right, 0)),
    )
    np.testing.assert_allclose(shifted[..., *kept], expected[..., *kept], atol=1e-6)


@given(draw=draws)
def test_what_is_known_of_the_views_does_not_move_with_them(draw: AugmentationDraw) -> None:
    plain, moved = (cut_views(*case(), SETTINGS, SIDE, d) for d in (None, draw))
    assert plain.planes == moved.planes
    assert np.array_equal(plain.areas_mm2, moved.areas_mm2)
    assert moved.pixels.shape == plain.pixels.shape
    assert 0 <= moved.pixels.min() <= moved.pixels.max() <= 1
    assert not plain.cut_shares.any()


@given(draw=draws)
def test_contour_moves_with_the_pixels(draw: AugmentationDraw) -> None:
    """A tumour that is bright on black: pixels and contour are one picture up to interpolation."""
    image, mask = case()
    image = sitk.Cast(mask, sitk.sitkInt16) * 1000
    views = cut_views(image, mask, SETTINGS, SIDE, draw)
    bright = views.pixels[:, 0] > 0.5
    # half-way between voxels, linear interpolation and the nearest voxel agree but at corners
    disagree = np.count_nonzero(bright != (views.tumour > 0.5), axis=(1, 2))
    assert (disagree <= 6).all()


def test_no_move_is_no_move_to_the_last_bit() -> None:
    assert np.array_equal(pixels(None), pixels(AugmentationDraw()))


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 12),
    more=st.integers(0, 12),
    degrees=st.floats(0, 180),
    mm=st.floats(0, 20),
)
def test_draws_follow_from_the_seed_alone(
    seed: int, n: int, more: int, degrees: float, mm: float
) -> None:
    def of(n_draws: int) -> tuple[AugmentationDraw, ...]:
        return Augmentation(
            seed=seed, n_draws=n_draws, rotation_degrees=degrees, shift_mm=mm
        ).draws()

    found = of(n)
    assert len(found) == n
    assert found[0] == AugmentationDraw()
    assert of(n + more)[:n] == found
    for draw in found:
        assert abs(draw.rotation_degrees) <= degrees
        assert max(map(abs, draw.shift_mm)) <= mm
        assert not draw.flip_rows


def test_draws_spread_evenly_over_what_is_allowed() -> None:
    """1,000 draws: means of even distributions within four standard errors."""
    found = Augmentation(n_draws=1001, rotation_degrees=10, shift_mm=3, flip_rows=True).draws()[1:]
    angles = np.array([d.rotation_degrees for d in found])
    shifts = np.array([d.shift_mm for d in found])
    for values, reach in ((angles, 10), (shifts[:, 0], 3), (shifts[:, 1], 3)):
        assert abs(values.mean()) < 4 * reach / np.sqrt(3 * 1000)
        assert values.std() == pytest.approx(reach / np.sqrt(3), rel=0.08)
    for flips in ([d.flip_columns for d in found], [d.flip_rows for d in found]):
        assert abs(np.mean(flips) - 0.5) < 4 * 0.5 / np.sqrt(1000)
    assert abs(np.corrcoef(shifts.T)[0, 1]) < 0.13
