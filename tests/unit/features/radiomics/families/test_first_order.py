"""First-order features against NumPy and SciPy on the values themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tumor_response.features.radiomics.families import first_order
from tumor_response.features.radiomics.fast.discretise import Discretised, discretise
from tumor_response.features.radiomics.fast.region import Region


def features(values: np.ndarray, volume_mm3: float = 1.0, **setting: float) -> dict[str, float]:
    box = values.reshape(1, 1, -1)
    region = Region(box, np.ones(box.shape, dtype=bool), (1.0, 1.0, 1.0))
    binned: Discretised = discretise(region, setting)
    return first_order.pyradiomics_features(values, setting, binned, volume_mm3)


@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=60))
def test_percentiles_to_the_bit(numbers: list[float]) -> None:
    values = np.array(numbers)
    found = features(values)
    assert found["10Percentile"] == np.percentile(values, 10)
    assert found["90Percentile"] == np.percentile(values, 90)
    assert found["InterquartileRange"] == np.percentile(values, 75) - np.percentile(values, 25)
    assert found["Median"] == np.median(values)
    assert found["Mean"] == values.mean()


def test_moments_and_energy() -> None:
    values = np.random.default_rng(0).gamma(2.0, 30.0, size=500) - 100
    found = features(values, 2.5, voxelArrayShift=1000)
    assert found["Skewness"] == pytest.approx(stats.skew(values))
    assert found["Kurtosis"] == pytest.approx(stats.kurtosis(values, fisher=False))
    assert found["Variance"] == pytest.approx(values.var())
    assert found["StandardDeviation"] == pytest.approx(values.std())
    assert found["Energy"] == pytest.approx(((values + 1000) ** 2).sum())
    assert found["TotalEnergy"] == pytest.approx(2.5 * found["Energy"])
    assert found["RootMeanSquared"] == pytest.approx(math.sqrt(found["Energy"] / 500))
    inner = values[(values >= found["10Percentile"]) & (values <= found["90Percentile"])]
    assert found["RobustMeanAbsoluteDeviation"] == pytest.approx(
        np.abs(inner - inner.mean()).mean()
    )
    assert found["MeanAbsoluteDeviation"] == pytest.approx(np.abs(values - values.mean()).mean())


def test_four_equal_bins_have_two_bits() -> None:
    found = features(np.array([0.0, 30.0, 60.0, 90.0]))
    assert found["Entropy"] == pytest.approx(2.0)
    assert found["Uniformity"] == 0.25


def test_names() -> None:
    found = features(np.array([0.0, 1.0, 5.0]))
    assert set(found) == {*first_order.FEATURES, *first_order.DEPRECATED}


def test_flat_and_two_voxels() -> None:
    flat = features(np.full(8, 3.0))
    assert flat["Skewness"] == flat["Kurtosis"] == flat["Variance"] == 0.0
    assert math.isnan(features(np.array([0.0, 10.0]))["RobustMeanAbsoluteDeviation"])
