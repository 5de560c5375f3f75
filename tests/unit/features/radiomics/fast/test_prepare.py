"""Masks and grids that PyRadiomics corrects or refuses."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from tests.unit.features.radiomics.fast.phantoms import as_images, parameters, phantom
from tests.unit.features.radiomics.fast.referee import assert_same, of_fast, of_pyradiomics
from tumor_response.features.radiomics.fast.engine import execute
from tumor_response.features.radiomics.fast.prepare import prepare

FILTERS = {"Original": {}, "LoG": {"sigma": [1.0]}, "Wavelet": {}}
ROTATION = (np.cos(0.3), -np.sin(0.3), 0.0, np.sin(0.3), np.cos(0.3), 0.0, 0.0, 0.0, 1.0)


def _with(grid, *, origin=None, direction=None):
    moved = sitk.Image(grid)
    if origin is not None:
        moved.SetOrigin(tuple(a + b for a, b in zip(grid.GetOrigin(), origin, strict=True)))
    if direction is not None:
        moved.SetDirection(direction)
    return moved


def _region(where):
    inside = np.zeros((17, 24, 27), np.uint8)
    inside[where] = 1
    image, _ = phantom()
    return as_images(sitk.GetArrayFromImage(image), inside, image.GetSpacing())


@pytest.mark.parametrize(
    "direction",
    [(-1.0, 0, 0, 0, 1, 0, 0, 0, -1), (0.0, 1, 0, 0, 0, 1, 1, 0, 0), ROTATION],
    ids=["flipped", "permuted", "oblique"],
)
@pytest.mark.parametrize("setting", [{}, {"resampledPixelSpacing": [1.0] * 3}], ids=str)
def test_directions(direction, setting):
    image, mask = (_with(grid, direction=direction) for grid in phantom())
    assert_same(image, mask, parameters(FILTERS, **setting))


def test_oblique_grid_that_mirrors_the_image_has_equal_voxels_where_itk_has_them():
    """In the outer half voxel values repeat; percentiles tell equal ones from nearly equal ones."""
    tilted = Rotation.from_euler("x", 5, degrees=True).as_matrix().ravel().tolist()
    values = np.random.default_rng(15).normal(60, 30, (17, 14, 15))
    pair = as_images(values, np.ones(values.shape), (3.0, 3.0, 1.17))
    setting = parameters(resampledPixelSpacing=[1.0] * 3)
    image, mask = (_with(grid, direction=tilted) for grid in pair)
    (_, ours), (_, theirs) = of_fast(image, mask, setting), of_pyradiomics(image, mask, setting)
    np.testing.assert_array_equal(ours[1][ours[2]], theirs[1][theirs[2]])


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_oblique_grid_that_ends_on_the_outer_face(dtype):
    """17 slices of 3 mm: the last plane at 2 mm lies on the face, inside by the last bit alone."""
    tilted = Rotation.from_euler("xyz", [12, 4, -3], degrees=True).as_matrix().ravel().tolist()
    image, mask = phantom(dtype, spacing=(1.0, 1.3, 3.0))
    inside = np.roll(sitk.GetArrayFromImage(mask), 4, axis=0)
    image, mask = (
        _with(grid, direction=tilted)
        for grid in as_images(sitk.GetArrayFromImage(image), inside, (1.0, 1.3, 3.0))
    )
    filters = {"Original": {}, "LoG": {"sigma": [2.0, 4.0]}, "Wavelet": {}}
    assert_same(image, mask, parameters(filters, resampledPixelSpacing=[2.0] * 3))


@pytest.mark.parametrize(
    ("shift", "setting"),
    [
        (1e-7, {}),
        (0.3, {"correctMask": True}),
        (0.3, {"geometryTolerance": 0.5}),
        (0.3, {"resampledPixelSpacing": [1.0] * 3}),
        (0.3, {"resampledPixelSpacing": [1.0, 1.3, 2.5]}),
        (5.0, {"correctMask": True, "preCrop": True}),
    ],
    ids=str,
)
def test_mask_on_another_grid(shift, setting):
    image, mask = phantom()
    assert_same(image, _with(mask, origin=(shift, 0.0, 0.0)), parameters(FILTERS, **setting))


@pytest.mark.parametrize("setting", [{"correctMask": True}, {"resampledPixelSpacing": [1.0] * 3}])
def test_mask_of_another_size(setting):
    image, mask = phantom()
    assert_same(image, mask[3:, 2:-2, :], parameters(FILTERS, **setting))
    assert_same(image, sitk.ConstantPad(mask, [3] * 3, [3] * 3), parameters(FILTERS, **setting))


@pytest.mark.parametrize(
    "where",
    [
        np.s_[5, 3:9, 4:12],
        np.s_[2:9, 3:9, 4],
        np.s_[[1, 12], [2, 20], [3, 20]],
        np.s_[0:4, 0:5, 22:27],
    ],
    ids=["slice", "sagittal", "two voxels apart", "corner"],
)
@pytest.mark.parametrize("setting", [{}, {"resampledPixelSpacing": [1.0] * 3}], ids=str)
def test_odd_regions(where, setting):
    assert_same(*_region(where), parameters(FILTERS, **setting))


def test_other_labels_are_not_the_region():
    image, mask = phantom()
    labels = sitk.GetArrayFromImage(mask).astype(np.int32)
    labels[:4] = 2
    both = sitk.GetImageFromArray(labels)
    both.CopyInformation(mask)
    assert_same(image, both, parameters(FILTERS))


REFUSALS = {
    "nothing": (lambda: _region(np.s_[0:0]), {}, "No labels found"),
    "other label": (lambda: (phantom()[0], phantom()[1] * 2), {}, "not present in mask"),
    "one voxel": (lambda: _region(np.s_[5, 5, 5]), {}, "only contains 1 segmented voxel"),
    "line": (lambda: _region(np.s_[5, 3:9, 5]), {}, "too few dimensions"),
    "too few voxels": (phantom, {"minimumROISize": 10**6}, "too small"),
    "vanishes": (
        lambda: _region(np.s_[[1, 12], [2, 20], [3, 20]]),
        {"resampledPixelSpacing": [4.0] * 3},
        "not present in mask",
    ),
    "nothing in range": (phantom, {"resegmentRange": [5000]}, "excluded too many voxels"),
    "another grid": (
        lambda: (phantom()[0], _with(phantom()[1], origin=(0.3, 0, 0))),
        {},
        "geometry mismatch",
    ),
    "outside, corrected": (
        lambda: (phantom()[0], _with(phantom()[1], origin=(100, 0, 0))),
        {"correctMask": True},
        "larger than image space",
    ),
    "outside, resampled": (
        lambda: (phantom()[0], _with(phantom()[1], origin=(100, 0, 0))),
        {"resampledPixelSpacing": [1.0] * 3},
        "larger than image space",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_say_what_pyradiomics_says(case):
    build, setting, words = REFUSALS[case]
    image, mask = build()
    with pytest.raises(ValueError, match=words):
        of_pyradiomics(image, mask, parameters(**setting))
    with pytest.raises(ValueError, match=words):
        execute(image, mask, parameters(**setting))


def test_sizes_that_differ_are_refused():
    image, mask = phantom()
    with pytest.raises(ValueError, match="size mismatch"):
        prepare(image, mask[3:, :, :], {})


def test_unknown_resegmentation_is_refused():
    image, mask = phantom()
    with pytest.raises(ValueError, match="not recognized"):
        prepare(image, mask, {"resegmentRange": [0, 1], "resegmentMode": "percent"})
    with pytest.raises(ValueError, match="not allowed for resegmentRange"):
        prepare(image, mask, {"resegmentRange": [0, 1, 2]})


def test_wrong_number_of_spacings_is_refused():
    image, mask = phantom()
    with pytest.raises(ValueError, match="dimensionality"):
        prepare(image, mask, {"resampledPixelSpacing": [1.0, 1.0]})
