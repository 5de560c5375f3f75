"""What must hold for volumes and diameters of any mask."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.unit.imaging.bodies import image_of
from tumor_response.imaging import volume_cc
from tumor_response.imaging.diameter import axial_diameters
from tumor_response.imaging.mesh import mesh_volume_cc
from tumor_response.imaging.partial_volume import partial_volume_cc

blocks = arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)).filter(
    np.any
)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 1.7, 3.0])] * 3)
moves = st.tuples(*[st.integers(0, 4)] * 3)


def placed(array: np.ndarray, move: tuple[int, ...], spacing: tuple[float, ...]) -> sitk.Image:
    return image_of(np.pad(array, [(k, 4 - k) for k in move]), spacing)


@given(blocks, spacings, moves)
def test_mesh_is_closed_so_that_place_does_not_matter(
    array: np.ndarray, spacing: tuple[float, ...], move: tuple[int, ...]
) -> None:
    volume = mesh_volume_cc(image_of(array, spacing))
    assert mesh_volume_cc(placed(array, move, spacing)) == volume
    assert volume > 0


@given(blocks, spacings, st.permutations([0, 1, 2]), st.tuples(*[st.sampled_from([1, -1])] * 3))
def test_mesh_is_the_same_from_all_sides(
    array: np.ndarray, spacing: tuple[float, ...], order: list[int], flips: tuple[int, ...]
) -> None:
    turned = array[tuple(slice(None, None, f) for f in flips)].transpose(order)
    expected = mesh_volume_cc(image_of(array, spacing))
    found = mesh_volume_cc(image_of(turned, tuple(spacing[k] for k in order)))
    assert found == pytest.approx(expected, rel=1e-12)


@given(blocks, st.data())
def test_mesh_grows_with_the_mask(array: np.ndarray, data: st.DataObject) -> None:
    more = array | data.draw(arrays(np.bool_, array.shape))
    assert mesh_volume_cc(image_of(more)) >= mesh_volume_cc(image_of(array)) - 1e-15


@given(blocks, spacings, moves)
@settings(max_examples=60)
def test_diameters_move_with_the_mask(
    array: np.ndarray, spacing: tuple[float, ...], move: tuple[int, ...]
) -> None:
    one = axial_diameters(image_of(array, spacing))
    two = axial_diameters(placed(array, move, spacing))
    assert two.longest_mm == pytest.approx(one.longest_mm, rel=1e-9)
    assert two.short_axis_mm == pytest.approx(one.short_axis_mm, rel=1e-6)
    assert two.slice_index == one.slice_index + move[2]
    shift = np.array(move) * spacing
    np.testing.assert_allclose(two.ends_mm, one.ends_mm + shift, atol=1e-6)


@given(blocks, st.sampled_from([0.5, 2.0, 3.0]), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_diameters_turn_and_scale_in_the_plane(
    array: np.ndarray, scale: float, swap: bool, flip: bool
) -> None:
    turned = array.transpose(1, 0, 2) if swap else array
    turned = turned[::-1] if flip else turned
    one = axial_diameters(image_of(array))
    two = axial_diameters(image_of(turned, (scale,) * 3))
    assert two.longest_mm == pytest.approx(scale * one.longest_mm, rel=1e-9)
    assert two.short_axis_mm == pytest.approx(scale * one.short_axis_mm, rel=1e-6)
    assert two.short_axis_mm <= two.longest_mm + 1e-9


@given(blocks, st.data())
@settings(max_examples=60)
def test_the_longest_diameter_grows_with_the_mask(array: np.ndarray, data: st.DataObject) -> None:
    more = array | data.draw(arrays(np.bool_, array.shape))
    grown = axial_diameters(image_of(more)).longest_mm
    assert grown >= axial_diameters(image_of(array)).longest_mm - 1e-9


@given(blocks, spacings, st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_partial_volume_stays_near_the_mask(
    array: np.ndarray, spacing: tuple[float, ...], seed: int
) -> None:
    """Whatever the intensities: between what is safe inside and what could be reached."""
    mask = placed(array, (2, 2, 2), spacing)
    hu = np.random.default_rng(seed).normal(0, 100, mask.GetSize())
    found = partial_volume_cc(image_of(hu, spacing), mask)
    assert 0 <= found.share_by_intensity <= 1
    assert np.isfinite(found.volume_cc)
    if found.share_by_intensity == 0:
        assert found.volume_cc == pytest.approx(volume_cc(mask), rel=1e-12)
