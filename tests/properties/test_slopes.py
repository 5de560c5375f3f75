"""What must hold of least squares slopes for any course."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tumor_response.outcomes.slopes import slopes

NAMES = ["patient_id", "lesion_id", "visit"]

days = st.lists(st.integers(1, 400), min_size=2, max_size=8, unique=True).map(
    lambda later: [0.0, *map(float, sorted(later))]
)


def visits_of(x: list[float], volumes: np.ndarray, patient: str = "P") -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples([(patient, "1", k) for k in range(len(x))], names=NAMES)
    return pd.DataFrame({"days": x, "volume_cc": volumes}, index=index)


@settings(max_examples=30)
@given(days, st.floats(-0.02, 0.02), st.floats(0.1, 100.0))
def test_an_exact_exponential_gives_its_rate(x: list[float], rate: float, v0: float) -> None:
    row = slopes(visits_of(x, v0 * np.exp(rate * np.array(x)))).iloc[0]
    assert abs(row["sgr_per_day"] - rate) < 1e-9
    assert row["slope_se"] < 1e-9
    assert row["slope_low"] <= row["slope"] <= row["slope_high"]


@settings(max_examples=30)
@given(days, st.integers(0, 2**32 - 1), st.floats(0.5, 50.0))
def test_a_constant_factor_or_summand_changes_no_slope(
    x: list[float], seed: int, constant: float
) -> None:
    volumes = np.random.default_rng(seed).uniform(1.0, 60.0, len(x))
    logs = [slopes(visits_of(x, v))["slope"].iloc[0] for v in (volumes, constant * volumes)]
    assert abs(logs[0] - logs[1]) < 1e-9
    sums = [
        slopes(visits_of(x, v), of="volume_cc")["slope"].iloc[0]
        for v in (volumes, constant + volumes)
    ]
    assert abs(sums[0] - sums[1]) < 1e-8


@settings(max_examples=30)
@given(days, st.integers(0, 2**32 - 1))
def test_percent_is_the_slope_in_cc_over_the_baseline(x: list[float], seed: int) -> None:
    volumes = np.random.default_rng(seed).uniform(1.0, 60.0, len(x))
    visits = visits_of(x, volumes)
    percent = slopes(visits, of="volume_percent")["rate_percent_per_day"].iloc[0]
    in_cc = slopes(visits, of="volume_cc")["rate_cc_per_day"].iloc[0]
    assert np.isclose(percent, 100 * in_cc / volumes[0], rtol=1e-9, atol=1e-12)


@settings(max_examples=30)
@given(st.lists(days, min_size=2, max_size=4), st.integers(0, 2**32 - 1), st.randoms())
def test_the_order_of_rows_is_irrelevant(courses: list[list[float]], seed: int, shuffle) -> None:
    rng = np.random.default_rng(seed)
    visits = pd.concat(
        [visits_of(x, rng.uniform(1.0, 60.0, len(x)), f"P{i}") for i, x in enumerate(courses)]
    )
    order = list(range(len(visits)))
    shuffle.shuffle(order)
    expected = slopes(visits)
    pd.testing.assert_frame_equal(slopes(visits.iloc[order]).loc[expected.index], expected)
