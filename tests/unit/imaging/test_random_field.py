"""Smooth fields: what their interpolation costs is known, and corrected by who states a size."""

from __future__ import annotations

import numpy as np
import pytest

from tumor_response.imaging.random_field import COARSE_NOISE_SD, coarse_noise


def test_root_mean_square_between_the_nodes() -> None:
    rng = np.random.default_rng(0)
    squares = [np.mean(coarse_noise(rng, (40, 40, 40), 1.27, (1.0,) * 3) ** 2) for _ in range(80)]
    assert np.sqrt(np.mean(squares)) == pytest.approx(COARSE_NOISE_SD, rel=0.008)


def test_covariance_falls_as_stated() -> None:
    """exp(-d^2 / 4 sigma^2), the model of contour error."""
    rng = np.random.default_rng(1)
    draws = np.stack([coarse_noise(rng, (1, 12, 61), 10.0, (1.0,) * 3) for _ in range(1500)])
    for distance in (5, 10, 20, 40):
        product = draws[:, 0, :, :-distance] * draws[:, 0, :, distance:]
        wanted = np.exp(-(distance**2) / 400.0)
        assert product.mean() / COARSE_NOISE_SD**2 == pytest.approx(wanted, abs=0.04)
