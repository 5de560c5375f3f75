"""Bins, first-order and co-occurrence features equal PyRadiomics' classes on any small region."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from radiomics.firstorder import RadiomicsFirstOrder
from radiomics.glcm import RadiomicsGLCM

from tumor_response.features.radiomics.families import first_order, glcm
from tumor_response.features.radiomics.fast.discretise import discretise
from tumor_response.features.radiomics.fast.region import Region

logging.getLogger("radiomics").setLevel(logging.CRITICAL + 1)

regions = st.fixed_dictionaries(
    {
        "shape": st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
        "content": st.sampled_from(["noise", "whole numbers", "flat", "few values", "slope"]),
        "pixel_type": st.sampled_from([np.int16, np.float32, np.float64]),
        "spread": st.sampled_from([0.3, 5.0, 60.0, 400.0]),
        "filled": st.sampled_from([0.2, 0.5, 0.8, 1.1]),
        "seed": st.integers(0, 100_000),
    }
)
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 1.3])] * 3)
chosen = st.fixed_dictionaries(
    {},
    optional={
        "binWidth": st.sampled_from([0.3, 1, 3.7, 10, 25]),
        "binCount": st.integers(1, 40),
        "distances": st.sampled_from([[2], [1, 2], [1, 3], [1, 1]]),
        "symmetricalGLCM": st.booleans(),
        "weightingNorm": st.sampled_from(["euclidean", "manhattan", "infinity", "no_weighting"]),
        "force2D": st.booleans(),
        "force2Ddimension": st.integers(0, 2),
        "voxelArrayShift": st.integers(-100, 2000),
    },
)


def region_of(
    shape: tuple[int, int, int],
    content: str,
    pixel_type: Any,
    spread: float,
    filled: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape) * spread
    if content == "whole numbers":
        values = np.round(values)
    elif content == "flat":
        values = np.full(shape, rng.choice([0.1, 3.0, -7.7, 25.0]))
    elif content == "few values":
        values = rng.choice([-25.0, 0.0, 12.5, 25.0, 50.0], size=shape)
    elif content == "slope":
        values = np.cumsum(values, axis=0)
    mask = rng.random(shape) < filled
    inside = np.argwhere(mask)
    if len(inside) < 2:
        return values, mask
    box = tuple(
        slice(low, high + 1)
        for low, high in zip(inside.min(axis=0), inside.max(axis=0), strict=True)
    )
    values = (np.round(values) if pixel_type is np.int16 else values)[box].astype(pixel_type)
    return np.ascontiguousarray(values), np.ascontiguousarray(mask[box])


def theirs(
    room: Any, values: np.ndarray, mask: np.ndarray, spacing_mm: Any, setting: Any
) -> dict[str, float] | None:
    image, label = sitk.GetImageFromArray(values), sitk.GetImageFromArray(mask.astype(np.uint8))
    for volume in (image, label):
        volume.SetSpacing(spacing_mm[::-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # its means of nothing
        try:
            found = room(image, label, **setting).execute()
        except RuntimeError as refusal:
            assert "angle count" in str(refusal)  # noqa: PT017
            return None
    return {name: float(value) for name, value in found.items()}


def unequal(found: dict[str, float], expected: dict[str, float]) -> list[str]:
    return [
        f"{name}: {found[name]} instead of {value}"
        for name, value in expected.items()
        if not np.isclose(found[name], value, rtol=1e-6, atol=1e-9, equal_nan=True)
    ]


@given(regions, spacings, chosen)
@settings(max_examples=300)
def test_parity(region: dict[str, Any], spacing_mm: Any, setting: dict[str, Any]) -> None:
    values, mask = region_of(**region)
    assume(mask.sum() >= 2)
    inside = values[mask].astype(np.float64)
    assume(np.ptp(inside) / setting.get("binWidth", 25) < 500)
    box = Region(values.astype(np.float64), mask, spacing_mm, values.dtype)
    binned = discretise(box, setting, box.pixel_type)
    found = first_order.pyradiomics_features(inside, setting, binned, box.voxel_volume_mm3)
    expected = theirs(RadiomicsFirstOrder, values, mask, spacing_mm, setting)
    assert expected is not None
    assert set(expected) == set(first_order.FEATURES)
    assert unequal(found, expected) == []

    expected = theirs(RadiomicsGLCM, values, mask, spacing_mm, setting)
    if expected is None:
        with pytest.raises(ValueError, match="no neighbour"):
            glcm.pyradiomics_features(binned.levels, binned.n_levels, setting, spacing_mm)
        return
    found = glcm.pyradiomics_features(binned.levels, binned.n_levels, setting, spacing_mm)
    assert set(expected) == set(glcm.FEATURES)
    assert unequal(found, expected) == []
