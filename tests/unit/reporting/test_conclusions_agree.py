"""A notebook and a report's first page say the same of the same numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tumor_response.evaluation import concluded
from tumor_response.reporting import wording

LIMITS = [(0.30, 0.45), (0.40, 0.60), (0.50, 0.70), (0.60, 0.80), (0.7, 0.7), (np.nan, np.nan)]
OVER = [(-0.10, -0.02), (-0.05, 0.05), (0.01, 0.20), None]
SIZES = [(40, 1000), (9, 1000), (40, 99)]


@pytest.mark.parametrize(("limits", "over", "size"), list(product(LIMITS, OVER, SIZES)))
def test_the_same_conclusion(
    limits: tuple[float, float], over: tuple[float, float] | None, size: tuple[int, int]
) -> None:
    low, high = limits
    value = 0.7 if np.isnan(low) else (low + high) / 2
    auc = wording.Interval(value, low, high)
    beyond = "because it was left out" if over is None else wording.Interval(0.0, *over)
    said = wording.conclude("m", auc, 90, beyond, "interval", wording.brake(auc, *size))
    n_smaller, n_resamples = size
    small = n_smaller < concluded.MIN_PATIENTS_PER_CLASS or n_resamples < concluded.MIN_RESAMPLES
    lower = np.nan if over is None else over[0]
    assert concluded.conclusion_of(value, low, high, 0.5, small, lower) == said.verdict
