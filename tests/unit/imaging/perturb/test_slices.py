"""Thick slices against averages by hand, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.imaging.perturb.scans import ball, like, offsets_mm, radius_of, scan, values_of
from tumor_response.exceptions import CaseError, SettingsError
from tumor_response.imaging import volume_cc
from tumor_response.imaging.perturb import DrawnSliceThickness, SliceThickness

SPACING = (1.0, 1.0, 1.5)


def test_two_slices_become_their_mean() -> None:
    mask = ball(12.0, SPACING)
    image = scan(mask, kind=np.float64)
    voxels = values_of(image)
    voxels = voxels[: len(voxels) // 2 * 2]
    image = like(voxels, SPACING)
    mask = like(values_of(mask)[: len(voxels)], SPACING)
    thick, contour = DrawnSliceThickness(times=2.0, phase=0.0).apply(image, mask)
    np.testing.assert_allclose(values_of(thick), (voxels[::2] + voxels[1::2]) / 2)
    assert thick.GetSpacing() == (1.0, 1.0, 3.0)
    assert thick.GetOrigin()[:2] == image.GetOrigin()[:2]
    assert thick.GetOrigin()[2] == pytest.approx(image.GetOrigin()[2] + 0.75)
    assert contour.GetSize() == thick.GetSize()
    assert contour.GetOrigin() == thick.GetOrigin()


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("thickness_mm", [2.0, 3.0, 4.1])
def test_thick_slices_are_averages_over_where_they_lie(phase, thickness_mm) -> None:
    """A function of z alone, averaged over each slab by its integral."""
    mask = ball(12.0, SPACING, room_mm=10.0)
    n = mask.GetSize()[2]
    rng = np.random.default_rng(0)
    per_slice = rng.normal(0, 50, size=n)
    image = like(np.broadcast_to(per_slice[:, None, None], values_of(mask).shape).copy(), SPACING)
    drawn = DrawnSliceThickness(thickness_mm=thickness_mm, phase=phase)
    thick, _ = drawn.apply(image, mask)
    first_face = image.GetOrigin()[2] - SPACING[2] / 2
    edges = first_face + SPACING[2] * np.arange(n + 1)
    integral = np.concatenate([[0.0], np.cumsum(per_slice) * SPACING[2]])
    for k in range(thick.GetSize()[2]):
        middle = thick.TransformIndexToPhysicalPoint((0, 0, k))[2]
        low, high = np.clip(middle + np.array([-0.5, 0.5]) * thickness_mm, edges[0], edges[-1])
        assert high - low >= thickness_mm / 2 - 1e-9  # at least half of it is in the image
        between = np.interp([low, high], edges, integral)
        wanted = (between[1] - between[0]) / (high - low)
        assert values_of(thick)[k, 3, 3] == pytest.approx(wanted)
    begins = thick.GetOrigin()[2] - thickness_mm / 2
    slabs_in = (begins - first_face) / thickness_mm + phase
    assert slabs_in == pytest.approx(round(slabs_in), abs=1e-9)


@pytest.mark.parametrize("times", [1.5, 2.0, 3.0])
def test_the_contour_stays_where_it_is_and_as_large_on_average(times) -> None:
    mask = ball(16.0, SPACING, room_mm=10.0)
    image = scan(mask)
    found = [
        DrawnSliceThickness(times=times, phase=phase).apply(image, mask)[1]
        for phase in np.arange(8) / 8
    ]
    volumes = [volume_cc(one) for one in found]
    assert np.mean(volumes) == pytest.approx(volume_cc(mask), rel=0.02)
    for one in found:
        x, y, z = offsets_mm(values_of(one).shape, one.GetSpacing(), centre_mm=(0.0, 0.0, 0.0))
        inside = values_of(one) != 0
        across = [axis[inside].mean() for axis in (x, y)]
        np.testing.assert_allclose(across, (0.3, 0.2), atol=0.1)
        middle = one.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in one.GetSize()])[
            2
        ]
        was = mask.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in mask.GetSize()])
        assert middle + z[inside].mean() == pytest.approx(was[2] + 0.1, abs=0.6)
        assert radius_of(one) == pytest.approx(16.0, abs=0.5)


def test_the_other_axes_may_be_the_slices() -> None:
    mask = ball(10.0, (3.0, 1.0, 1.0), room_mm=8.0)
    image = scan(mask)
    # the image's x runs from feet to head
    for one in (image, mask):
        one.SetDirection((0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0))
    thick, contour = DrawnSliceThickness(thickness_mm=6.0, phase=0.3).apply(image, mask)
    assert thick.GetSpacing() == (6.0, 1.0, 1.0)
    assert thick.GetDirection() == image.GetDirection()
    assert thick.GetOrigin()[:2] == image.GetOrigin()[:2]
    assert contour.GetSize()[1:] == mask.GetSize()[1:]
    assert volume_cc(contour) == pytest.approx(volume_cc(mask), rel=0.15)


def test_integer_images_stay_integer_and_once_as_thick_is_the_same_image() -> None:
    mask = ball(8.0, SPACING)
    image = scan(mask)
    thick, contour = DrawnSliceThickness(times=2.0, phase=0.1).apply(image, mask)
    assert values_of(thick).dtype == np.int16
    assert values_of(contour).dtype == np.uint8
    for drawn in (
        DrawnSliceThickness(times=1.0, phase=0.7),
        DrawnSliceThickness(thickness_mm=1.5, phase=0.7),
    ):
        same = drawn.apply(image, mask)
        assert same[0] is image
        assert same[1] is mask


def test_what_cannot_be_done_says_so() -> None:
    mask = ball(8.0, (1.0, 1.0, 5.0))
    image = scan(mask)
    with pytest.raises(CaseError, match=r"5 mm apart, and slices of 3 mm cannot") as raised:
        DrawnSliceThickness(thickness_mm=3.0, phase=0.0).apply(image, mask)
    assert raised.value.code == "slices_too_thick"
    with pytest.raises(CaseError) as raised:
        DrawnSliceThickness(times=9.0, phase=0.0).apply(image, mask)
    assert raised.value.code == "single_slice"
    tiny = np.zeros_like(values_of(mask))
    tiny[3, 12:14, 12:14] = 1
    between = DrawnSliceThickness(times=2.0, phase=0.25)  # no thick slice has its middle there
    with pytest.raises(CaseError, match="slice thickness of 10 mm leaves no voxel") as raised:
        between.apply(image, like(tiny, (1.0, 1.0, 5.0)))
    assert raised.value.code == "mask_emptied"
    with pytest.raises(SettingsError, match="either thickness_mm or times"):
        SliceThickness(times=2.0, thickness_mm=3.0)
