"""Bins are PyRadiomics' own, ties and small pixel types included."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from radiomics import imageoperations

from tumor_response.features.radiomics.fast.discretise import bin_edges, discretise
from tumor_response.features.radiomics.fast.region import Region

TYPES = [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(TYPES),
    st.sampled_from([25, 10, 1, 0.5, 0.1, 7.3]),
    st.one_of(st.none(), st.integers(1, 70)),
    st.floats(0.1, 2000.0),
    st.booleans(),
)
@settings(max_examples=200)
def test_levels_are_pyradiomics(
    seed: int, pixel_type: Any, width: float, count: int | None, spread: float, on_edges: bool
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, 4, 5)) * spread
    if on_edges:
        values = np.round(values / width) * width
    if np.issubdtype(pixel_type, np.integer):
        info = np.iinfo(pixel_type)
        values = np.clip(np.round(values), max(info.min, -16_000), min(info.max, 16_000))
    values = values.astype(pixel_type)
    mask = rng.random(values.shape) < 0.8
    mask[0, 0, 0] = True
    setting = {"binWidth": width} if count is None else {"binCount": count}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # uint8 running over
        theirs, _ = imageoperations.binImage(values, mask, **setting)
    region = Region(values.astype(np.float64), mask, (1.0, 1.0, 1.0))
    if (theirs[mask] == 0).any():
        with pytest.raises(ValueError, match="below the first bin"):
            discretise(region, setting, pixel_type)
        return
    found = discretise(region, setting, pixel_type)
    assert np.array_equal(found.levels, theirs)
    assert found.n_levels == theirs.max()
    assert found.histogram.tolist() == np.bincount(theirs[mask]).tolist()


def test_pixel_type_moves_an_edge() -> None:
    """The lower end is rounded to float32, and a value between the two ends changes its bin."""
    low, high = np.float64(np.float32(-0.7)), 5.0
    double = bin_edges(low, high, {"binWidth": 0.3})
    single = bin_edges(low, high, {"binWidth": 0.3}, np.float32)
    assert double[0] != single[0]
    value = float(np.float32(max(double[1], single[1])))
    values = np.array([[[low, value, high]]])
    region = Region(values, np.ones(values.shape, dtype=bool), (1.0, 1.0, 1.0))
    theirs, _ = imageoperations.binImage(
        values.astype(np.float32), np.ones(values.shape, dtype=bool), binWidth=0.3
    )
    assert np.array_equal(discretise(region, {"binWidth": 0.3}, np.float32).levels, theirs)


def test_too_many_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 10000000 bins"):
        bin_edges(0.0, 1e6, {"binWidth": 1e-3})


def test_flat_region_has_one_level() -> None:
    values = np.full((2, 2, 2), 50.0)
    region = Region(values, np.ones(values.shape, dtype=bool), (1.0, 1.0, 1.0))
    for setting in ({}, {"binWidth": 7}, {"binCount": 1}):
        assert discretise(region, setting).n_levels == 1
