"""Every image type and every setting before it, against PyRadiomics voxel by voxel."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import SimpleITK as sitk

from tests.unit.features.radiomics.fast.phantoms import as_images, parameters, phantom
from tests.unit.features.radiomics.fast.referee import assert_same
from tumor_response.features.radiomics.fast.spherical_patterns import icosphere

FILTERS = {
    "Original": {},
    "LoG": {"sigma": [1.0, 3]},
    "Wavelet": {},
    "Square": {},
    "SquareRoot": {},
    "Logarithm": {},
    "Exponential": {},
    "Gradient": {},
}
TYPES = [np.int16, np.uint8, np.float32, np.float64]

SETTINGS = {
    "whole image": {},
    "resampled": {"resampledPixelSpacing": [1.0, 1.0, 1.0]},
    "resampled in plane": {"resampledPixelSpacing": [2.0, 2.0, 0], "padDistance": 2},
    "finer": {"resampledPixelSpacing": [0.5, 0.65, 1.25], "padDistance": 8},
    "already so": {"resampledPixelSpacing": [1.0, 1.3, 2.5], "padDistance": 3},
    "linear": {"resampledPixelSpacing": [2.0] * 3, "interpolator": "sitkLinear"},
    "nearest": {"resampledPixelSpacing": [2.0] * 3, "interpolator": 1},
    "no interpolator": {"resampledPixelSpacing": [2.0] * 3, "interpolator": None},
    "cut": {"preCrop": True},
    "cut to the region": {"preCrop": True, "padDistance": 0},
    "normalised": {"normalize": True, "normalizeScale": 100, "removeOutliers": 2},
    "normalised, resampled": {
        "normalize": True,
        "normalizeScale": 100,
        "resampledPixelSpacing": [1.0, 1.0, 2.0],
    },
    "normalised, cut": {"normalize": True, "preCrop": True},
    "range": {"resegmentRange": [-250, 250]},
    "lower bound, shape too": {"resegmentRange": [-200], "resegmentShape": True},
    "relative": {"resegmentRange": [0.1, 0.9], "resegmentMode": "relative"},
    "sigma": {
        "resegmentRange": [-1, 1],
        "resegmentMode": "sigma",
        "resampledPixelSpacing": [1.0, 1.0, 2.0],
    },
    "slices": {"force2D": True, "resampledPixelSpacing": [1.0, 1.0, 2.0]},
}


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("case", SETTINGS)
def test_settings_before_the_filters(case, dtype):
    assert_same(*phantom(dtype), parameters(FILTERS, **SETTINGS[case]))


@pytest.mark.parametrize("dtype", TYPES)
def test_every_pixel_type(dtype):
    assert_same(*phantom(dtype), parameters(FILTERS, resampledPixelSpacing=[1.0, 1.0, 2.0]))
    assert_same(*phantom(dtype), parameters(FILTERS, normalize=True))


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize(
    "own",
    [
        {"wavelet": "db4", "level": 3, "start_level": 1},
        {"wavelet": "haar", "level": 2},
        {"wavelet": "bior3.5", "start_level": 2},
        {"wavelet": "dmey"},
        {"force2D": True, "force2Ddimension": 1},
        {"force2D": True, "force2Ddimension": 2, "level": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("setting", [{}, {"preCrop": True, "padDistance": 0}], ids=str)
def test_wavelets(own, setting, dtype):
    assert_same(*phantom(dtype), parameters({"Wavelet": own}, **setting))


def test_laplacian_leaves_out_what_the_image_is_too_small_for():
    own = {"sigma": [0.5, 12.0, 40.0]}
    assert_same(*phantom(), parameters({"Original": {}, "LoG": own}, preCrop=True))
    thin = as_images(np.zeros((3, 20, 20), np.int16), np.ones((3, 20, 20)), (1.0, 1.0, 1.0))
    assert_same(*thin, parameters({"Original": {}, "LoG": {"sigma": [1.0]}}))


def test_gradient_per_voxel():
    assert_same(*phantom(), parameters({"Gradient": {"gradientUseSpacing": False}}))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("spacing", [3.0, 1.5, 0.5])
def test_samples_that_fall_on_voxels_and_in_air(dtype, spacing):
    """There the last bit of the spline decides what an integer becomes."""
    image, mask = phantom(dtype, spacing=(spacing,) * 3)
    values = sitk.GetArrayFromImage(image)
    values[:, :, :13] = 0 if dtype is np.uint8 else -1000
    if np.issubdtype(dtype, np.floating):
        values = np.round(values)
    inside = sitk.GetArrayFromImage(mask)
    for region in (inside, np.roll(inside, (8, -6), axis=(0, 2))):  # the second at the border
        grid = as_images(values, region, (spacing,) * 3)
        assert_same(*grid, parameters(resampledPixelSpacing=[1.0, 1.0, 1.0]))


@pytest.mark.parametrize("method", ["uniform", "default", "ror", "var"])
@pytest.mark.parametrize("dtype", [np.int16, np.float64])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.filterwarnings("ignore")  # scikit-image warns of floats, NumPy of casts
def test_planar_patterns(axis, dtype, method):
    for radius, samples in ((1, 8), (1.3, 9)):
        own = {"lbp2DMethod": method, "lbp2DRadius": radius, "lbp2DSamples": samples}
        own |= {"force2D": True, "force2Ddimension": axis}
        assert_same(*phantom(dtype), parameters({"LBP2D": own}))


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
@pytest.mark.filterwarnings("ignore")
def test_variance_of_equal_neighbours_is_what_rounding_leaves_of_it(dtype):
    image, mask = phantom(dtype)
    coarse = np.round(sitk.GetArrayFromImage(image) / 200) * 20  # large patches of one value
    pair = as_images(coarse.astype(dtype), sitk.GetArrayFromImage(mask), (1.0, 1.3, 2.5))
    assert_same(*pair, parameters({"LBP2D": {"lbp2DMethod": "var"}}, normalize=True))


def _sph_harm(m, n, theta, phi):
    """SciPy's own function until 1.14: theta is the azimuth."""
    order = abs(m)
    value = scipy.special.lpmv(order, n, np.cos(phi))
    if m < 0:
        value = value * (-1) ** order * scipy.special.poch(n + order + 1, -2 * order)
    value = (
        value * np.sqrt((2 * n + 1) / 4 / np.pi) * np.sqrt(scipy.special.poch(n + m + 1, -2 * m))
    )
    return value * np.exp(1j * m * theta)


@pytest.fixture
def whole_pyradiomics(monkeypatch):
    """PyRadiomics with the two names that SciPy 1.15 took from it."""
    old = types.ModuleType("scipy.ndimage.interpolation")
    old.map_coordinates = scipy.ndimage.map_coordinates
    monkeypatch.setitem(sys.modules, "scipy.ndimage.interpolation", old)
    monkeypatch.setattr(scipy.special, "sph_harm", _sph_harm, raising=False)


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
@pytest.mark.parametrize(
    "own",
    [{}, {"lbp3DLevels": 3, "lbp3DIcosphereRadius": 1.5, "lbp3DIcosphereSubdivision": 2}],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_spherical_patterns(own, dtype, whole_pyradiomics):
    assert_same(*phantom(dtype), parameters({"LBP3D": own}))
    assert_same(*phantom(dtype), parameters({"LBP3D": own}, resampledPixelSpacing=[1.0, 1.0, 2.0]))


@pytest.mark.parametrize("subdivision", [0, 1, 2, 3])
def test_icosphere_is_that_of_trimesh(subdivision):
    creation = pytest.importorskip("trimesh.creation")
    theirs = np.array(creation.icosphere(subdivision, 1.0).vertices)
    np.testing.assert_allclose(icosphere(subdivision), theirs, atol=1e-15)
