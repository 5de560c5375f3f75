from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tumor_response.outcomes import SHRANK_SIGN
from tumor_response.outcomes.end_points import changes, equivalent_diameter_mm

volumes = st.floats(0.01, 1000)
amounts = st.floats(0.5, 100)


@given(volumes, volumes, amounts, amounts, amounts)
def test_every_end_point_follows_from_the_definitions(
    v0: float, v1: float, days: float, fractions: float, gy: float
) -> None:
    found = changes(v0, v1, {"day": days, "fraction": fractions, "gy": gy})
    assert set(found) == set(SHRANK_SIGN)
    assert found["volume_change_percent"] == pytest.approx(100 * (v1 / v0 - 1), abs=1e-9)
    for unit, amount in {"day": days, "fraction": fractions, "gy": gy}.items():
        assert found[f"sgr_per_{unit}"] * amount == pytest.approx(math.log(v1 / v0), abs=1e-12)
        assert found[f"rate_cc_per_{unit}"] * amount == pytest.approx(v0 - v1, abs=1e-9)
        percent = found[f"rate_percent_per_{unit}"] * amount
        assert percent == pytest.approx(found["shrinkage_percent"])
    if v1 != v0:
        turned = {sign * found[name] > 0 for name, sign in SHRANK_SIGN.items() if found[name] != 0}
        assert len(turned) == 1  # all of them say the same


@pytest.mark.parametrize("amount", [0.0, -3.0, math.nan, math.inf])
def test_nothing_is_divided_by_no_amount(amount: float) -> None:
    found = changes(10.0, 5.0, {"day": amount})
    assert not [name for name in found if "_per_" in name]
    assert found["shrinkage_percent"] == 50


def test_a_lesion_that_is_gone() -> None:
    found = changes(10.0, 0.0, {"day": 20.0})
    assert found["shrinkage_percent"] == 100
    assert found["rate_percent_per_day"] == 5
    assert "log_volume_ratio" not in found
    assert "sgr_per_day" not in found


@given(volumes)
def test_sphere_of_the_diameter_has_the_volume(volume_cc: float) -> None:
    radius_cm = equivalent_diameter_mm(volume_cc) / 20
    assert 4 / 3 * math.pi * radius_cm**3 == pytest.approx(volume_cc)
