"""Small images for IBSI tests."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk
from hypothesis import strategies as st

from tumor_response.features.radiomics.ibsi.processing import IbsiImage


def pair(values, mask, spacing_mm=(1.0, 1.0, 1.0)):
    """Return image and mask for SimpleITK; arrays and spacing are (z, y, x)."""
    image = sitk.GetImageFromArray(np.asarray(values, dtype=np.float64))
    region = sitk.GetImageFromArray(np.asarray(mask, dtype=np.uint8))
    for one in (image, region):
        one.SetSpacing(tuple(float(step) for step in spacing_mm[::-1]))
    return image, region


def image_of(values, mask=None, spacing_mm=(1.0, 1.0, 1.0)):
    """Return a processed image whose two masks are the same."""
    values = np.ascontiguousarray(values, dtype=np.float64)
    inside = np.ones(values.shape, dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    return IbsiImage(values, inside, inside, spacing_mm)


@st.composite
def random_images(draw, most=6):
    """Images of up to ``most`` voxels a side with any mask of at least one voxel."""
    shape = tuple(draw(st.integers(1, most)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = rng.random(shape) < draw(st.sampled_from([0.1, 0.5, 0.9, 1.0]))
    mask[tuple(rng.integers(n) for n in shape)] = True
    spacing_mm = tuple(draw(st.sampled_from([0.7, 1.0, 2.5])) for _ in range(3))
    return image_of(rng.integers(-50, 50, shape), mask, spacing_mm)
