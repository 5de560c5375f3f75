"""Wherever a view lies, however the grid is turned: what was seen comes back where it was."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

import tumor_response as tr
from tests.unit.explanation.attention.synthetic import landmark_errors_voxels, looked
from tumor_response.explanation.attention.space import placed_in_patient
from tumor_response.features.deep.views import AugmentationDraw, cut_views
from tumor_response.imaging import Geometry

draws = st.builds(
    AugmentationDraw,
    rotation_degrees=st.floats(-180, 180),
    shift_mm=st.tuples(st.floats(-4, 4), st.floats(-4, 4)),
    flip_columns=st.booleans(),
    flip_rows=st.booleans(),
)
spacings = st.tuples(*[st.floats(0.5, 5.0)] * 3)
origins = st.tuples(*[st.floats(-500, 500)] * 3)
tilts = st.tuples(*[st.floats(-9, 9)] * 3)  # degrees; views of images turned by more are refused
orders = st.permutations([0, 1, 2])
signs = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
choices = st.sampled_from(
    [
        {"slices": "orthogonal"},
        {"n_slices": 2},
        {"slices": "largest", "plane": "sagittal"},
        {"slices": "largest", "plane": "coronal"},
    ]
)


@st.composite
def masks(draw: st.DrawFn) -> sitk.Image:
    """Draw an ellipsoid on a grid of any spacing, origin, order, sense and tilt of its axes."""
    radius = 3
    size = 2 * radius + 9
    axes = [np.arange(size) - (size - 1) / 2] * 3
    z, y, x = np.meshgrid(*axes, indexing="ij")
    made = sitk.GetImageFromArray((x**2 + y**2 + z**2 <= radius**2).astype(np.uint8))
    turned = Rotation.from_euler("xyz", draw(tilts), degrees=True).as_matrix()
    direction = turned @ (np.eye(3)[:, draw(orders)] * draw(signs))
    made.SetSpacing(draw(spacings))
    made.SetOrigin(draw(origins))
    made.SetDirection(direction.ravel().tolist())
    return made


@settings(max_examples=30)
@given(mask=masks(), draw=draws, chosen=choices, seed=st.integers(0, 99))
def test_a_landmark_comes_back_to_its_voxel(
    mask: sitk.Image, draw: AugmentationDraw, chosen: dict[str, object], seed: int
) -> None:
    view = tr.ViewSettings(margin_mm=16, window_hu=(0, 1000), **chosen)
    errors = landmark_errors_voxels(mask, view, draw, np.random.default_rng(seed), size_px=96)
    assert errors.max() < 0.5


@settings(max_examples=30)
@given(mask=masks(), turn=st.floats(-180, 180), chosen=choices)
def test_the_sum_over_the_area_stays(
    mask: sitk.Image, turn: float, chosen: dict[str, object]
) -> None:
    """A spot in the view has the same integral over the area on either grid, however coarse."""
    view = tr.ViewSettings(margin_mm=2 * min(mask.GetSpacing()), **chosen)
    draw = AugmentationDraw(rotation_degrees=turn)
    views = cut_views(sitk.Cast(mask, sitk.sitkInt16) * 100, mask, view, 64, draw)
    plane = views.grids[0]
    steps = np.arange(64) - 31.5
    spot = np.exp(-(steps[:, None] ** 2 + steps**2) / (2 * 3.0**2))
    grid = Geometry.of(mask)
    directions = np.array(grid.direction).reshape(3, 3).T
    index = (plane.pixels_mm() - np.array(grid.origin_mm)) @ directions.T / grid.spacing_mm
    within = ((index > -0.5) & (index < np.array(grid.size) - 0.5)).all(axis=-1)
    maps = np.zeros(views.tumour.shape)
    maps[0] = spot
    box = placed_in_patient(looked(views, maps, np.eye(len(maps))[0]), grid)
    axis = np.abs(directions @ plane.across).argmax()
    voxel_mm2 = np.prod(np.delete(grid.spacing_mm, axis))
    before = spot[within].sum() * (plane.side_mm / 64) ** 2
    assert abs(float(box.values.sum(dtype=np.float64)) * voxel_mm2 / before - 1) < 0.03
