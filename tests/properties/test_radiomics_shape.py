"""The fast shape features are PyRadiomics' on any mask: holes, checkerboards, planes, lines."""

import numpy as np
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from radiomics.shape import RadiomicsShape
from radiomics.shape2D import RadiomicsShape2D

from tumor_response.features.radiomics.fast import shape, shape2d
from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.settings import quiet_pyradiomics

SPACINGS = st.tuples(*[st.sampled_from([0.7, 0.9765625, 1.0, 2.5, 3.0])] * 3)


def random_masks(draw, sides):
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=sides))
    density = draw(st.sampled_from([0.1, 0.3, 0.5, 0.8, 0.97]))
    mask = np.random.default_rng(draw(st.integers(0, 2**32))).random(shape) < density
    mask.flat[draw(st.integers(0, mask.size - 1))] = True
    return mask


@st.composite
def masks(draw):
    kind = draw(st.sampled_from(["random", "random", "checkerboard", "tilted plane", "flat"]))
    mask = random_masks(draw, 9)
    z, y, x = np.indices(mask.shape)
    if kind == "checkerboard":
        mask = (z + y + x) % 2 == 0
    elif kind == "tilted plane":
        mask = np.isin(z + y + x, [3, 4]) | (z + y + x == 0)
    elif kind == "flat":
        mask = np.take(mask, [0], axis=draw(st.integers(0, 2)))
        mask.flat[0] = True
    return mask


def pyradiomics(feature_class, mask, spacing_mm, names, **settings):
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    image.SetSpacing(spacing_mm[::-1])
    with quiet_pyradiomics(), np.errstate(all="ignore"):
        features = feature_class(image, image, label=1, **settings)
        for name in names:
            features.enableFeatureByName(name)
        # eigenvalues that rounding made a conjugate pair give complex numbers
        return {name: np.real(value).item() for name, value in features.execute().items()}


def assert_equal(ours, theirs):
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-9, atol=1e-9, err_msg=name)


@given(masks(), SPACINGS)
@settings(max_examples=150, deadline=None)
def test_shape(mask, spacing_mm):
    ours = shape.shape_features(Region(np.zeros(mask.shape), mask, spacing_mm))
    names = shape.FEATURES + shape.DEPRECATED
    assert_equal(ours, pyradiomics(RadiomicsShape, mask, spacing_mm, names))


@given(masks(), SPACINGS, st.integers(0, 2))
@settings(max_examples=80, deadline=None)
def test_shape2d(mask, spacing_mm, axis):
    mask = np.ascontiguousarray(np.take(mask, [0], axis=axis))
    mask.flat[0] = True
    ours = shape2d.shape2d_features(Region(np.zeros(mask.shape), mask, spacing_mm), axis)
    names = shape2d.FEATURES + shape2d.DEPRECATED
    theirs = pyradiomics(
        RadiomicsShape2D, mask, spacing_mm, names, force2D=True, force2Ddimension=axis
    )
    assert_equal(ours, theirs)
