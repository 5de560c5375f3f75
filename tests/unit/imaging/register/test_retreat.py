from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.imaging.register.phantoms import IDENTITY, ball
from tumor_response.exceptions import CaseError
from tumor_response.imaging.register import Surface, measure_retreat, retreat_to_centre
from tumor_response.imaging.register.retreat import field_retreat_mm


def ball_on(
    spacing: tuple[float, float, float],
    radius_mm: float,
    centre: float | tuple[float, float, float],
) -> sitk.Image:
    """A ball in a box of 60 mm with x, y, z spacing and centre."""
    cx, cy, cz = np.broadcast_to(centre, 3)
    lines = [np.arange(int(60 / s)) * s for s in spacing[::-1]]
    z, y, x = np.meshgrid(*lines, indexing="ij")
    inside = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius_mm**2
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing(spacing)
    return mask


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.5, 1.5, 3.0), (1.0, 1.0, 5.0)])
@pytest.mark.parametrize("later_mm", [11.5, 10.0, 6.0, 14.0])
def test_concentric_balls_differ_by_their_radii(
    spacing: tuple[float, float, float], later_mm: float
) -> None:
    one, other = ball_on(spacing, 12.0, 29.3), ball_on(spacing, later_mm, 29.3)
    found = measure_retreat(one, other, IDENTITY)
    assert found.mean_mm() == pytest.approx(12.0 - later_mm, abs=0.15)
    error = np.abs(found.retreat_mm - (12.0 - later_mm))
    assert error.mean() < max(0.2, 0.13 * max(spacing))


@settings(max_examples=15)
@given(st.tuples(*[st.floats(-3.0, 3.0)] * 3))
def test_a_ball_that_moved_advances_in_front_and_retreats_behind(shift: tuple) -> None:
    fine, middle = (1.0, 1.0, 1.0), np.array((29.3, 29.7, 30.1))
    one, other = ball_on(fine, 12.0, tuple(middle)), ball_on(fine, 12.0, tuple(middle + shift))
    found = measure_retreat(one, other, IDENTITY)
    # a sphere of radius r moved by d: the distance of a point p from it is |p - d| - r
    points = found.surface.points_mm
    truth = np.linalg.norm(points - middle - np.array(shift), axis=1) - 12.0
    assert np.abs(found.retreat_mm - truth).mean() < 0.25


def test_the_patient_may_lie_in_any_direction() -> None:
    one, other = ball(12.0), ball(10.0, (1.0, -2.0, 0.5))
    plain = measure_retreat(one, other, IDENTITY)
    for mask in (one, other):
        mask.SetDirection((0, 0, 1, 1, 0, 0, 0, 1, 0))
    turned = measure_retreat(one, other, IDENTITY)
    np.testing.assert_allclose(turned.retreat_mm, plain.retreat_mm, atol=1e-9)
    assert turned.mean_mm() == pytest.approx(plain.mean_mm())


def test_the_follow_up_is_looked_for_where_the_alignment_says() -> None:
    move = sitk.Euler3DTransform()
    move.SetCenter((10.0, 50.0, 30.0))
    move.SetRotation(0.1, 0.2, -0.1)
    move.SetTranslation((5.0, -3.0, 2.0))
    fine, middle = (1.0, 1.0, 1.0), (29.3, 30.2, 28.6)
    later = ball_on(fine, 9.0, move.TransformPoint(middle))
    found = measure_retreat(ball_on(fine, 12.0, middle), later, move)
    assert found.mean_mm() == pytest.approx(3.0, abs=0.1)
    assert found.sd_mm() < 0.3


def test_the_map_lies_on_the_lesion_and_summaries_follow_the_surface() -> None:
    mask = ball(12.0)
    found = measure_retreat(mask, ball(12.0, (4.0, 0.0, 0.0)), IDENTITY)
    values, inside = sitk.GetArrayFromImage(found.map_on(mask)), sitk.GetArrayFromImage(mask) > 0
    assert not values[~inside].any()
    assert values[13:24, 24, 24].max() > 3.0 > -3.0 > values[24:35, 24, 24].min()
    # the mean of |p - d| - r over a sphere is d^2 / 3 r
    assert found.mean_mm() == pytest.approx(16 / 36, abs=0.05)
    assert found.share_above_percent(0.0) == pytest.approx(100 * (1 + 1 / 6) / 2, abs=3)
    assert found.percentile_mm(10) < found.percentile_mm(50) < found.percentile_mm(90)


def test_a_tumour_that_is_gone_retreated_to_its_centre() -> None:
    found = retreat_to_centre(ball(12.0, (2.0, 0.0, -3.0)))
    assert found.mean_mm() == pytest.approx(12.0, abs=0.8)
    assert found.retreat_mm.min() > 10.0


def test_one_voxel_has_a_surface_and_an_empty_mask_has_none() -> None:
    one = ball(1.8)
    assert sitk.GetArrayViewFromImage(one).sum() == 8
    assert Surface.of(one).depth_mm(np.zeros((1, 3)))[0] > 0
    with pytest.raises(CaseError) as caught:
        Surface.of(ball(0.1))
    assert caught.value.code == "surface_undefined"


def test_a_field_moves_the_surface_by_its_normal_part() -> None:
    mask = ball(12.0)
    surface = Surface.of(mask)
    outwards = np.moveaxis(
        np.stack(np.meshgrid(*[np.arange(48) * 2.0 - 47] * 3, indexing="ij")), 0, -1
    )
    field = sitk.GetImageFromArray(-0.1 * outwards[..., ::-1], isVector=True)
    field.CopyInformation(mask)
    np.testing.assert_allclose(field_retreat_mm(surface, field).mean(), 1.2, atol=0.03)
