"""Volumetric categories: limits of spheres, and never RECIST."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tumor_response.exceptions import OutcomeError
from tumor_response.outcomes.recist import recist_response, volumetric_response


def visits(*volumes: float | None, name: str = "a", **more) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient_id": "P",
            "lesion_id": name,
            "visit": range(len(volumes)),
            "volume_cc": [math.nan if volume is None else volume for volume in volumes],
            "status": ["missing" if volume is None else "measured" for volume in volumes],
            **more,
        }
    )


def of_lesion(*volumes: float | None) -> list[str]:
    found = volumetric_response(visits(*volumes), of="lesion")
    return found["volumetric_response"].tolist()[1:]


@pytest.mark.parametrize(
    ("volume", "expected"),
    [(34.3, "PR"), (34.4, "SD"), (100.0, "SD"), (172.7, "SD"), (172.8, "PD")],
)
def test_limits(volume: float, expected: str) -> None:
    assert of_lesion(100.0, volume) == [expected]


@pytest.mark.parametrize("diameter", [10.0, 33.3, 40.0])
def test_spheres_have_the_category_that_recist_gives_their_diameter(diameter: float) -> None:
    """From a baseline of 50 mm on, where 20 % are more than 5 mm in any case."""
    for later in (0.5, 0.7, 0.71, 1.0, 1.19, 1.2, 1.5):
        diameters = [5 * diameter, 5 * diameter * later]
        volume = [math.pi / 6000 * figure**3 for figure in diameters]
        sphere = visits(*volume).assign(longest_diameter_mm=diameters)
        recist = recist_response(sphere, kind="non-nodal")["target_response"].iloc[1]
        assert of_lesion(*volume) == [recist]


def test_progression_refers_to_the_nadir() -> None:
    assert of_lesion(100.0, 20.0, 34.0, 35.0) == ["PR", "PR", "PD"]


def test_small_lesions_have_no_limit_in_mm() -> None:
    """A sphere of 10 mm that grows to 12.5 mm is no PD in mm (2.5 mm), and is one in volume."""
    assert of_lesion(0.5236, 1.0227) == ["PD"]


def test_gone_has_to_be_declared_and_what_comes_back_is_progression() -> None:
    table = visits(10.0, 0.0, 0.1)
    with pytest.raises(OutcomeError) as error:
        volumetric_response(table, of="lesion")
    assert error.value.code == "volume_zero_undeclared"
    table["status"] = ["measured", "complete_response", "measured"]
    found = volumetric_response(table, of="lesion")
    assert found["volumetric_response"].tolist() == ["baseline", "CR", "PD"]
    # a table of visits may leave the volume of such a lesion empty
    table["volume_cc"] = [10.0, None, 0.1]
    again = volumetric_response(table, of="lesion")
    assert again["volumetric_response"].tolist() == ["baseline", "CR", "PD"]


def test_the_patients_sum() -> None:
    table = pd.concat([visits(60.0, 30.0, 200.0), visits(40.0, 4.0, None, name="b")])
    found = volumetric_response(table, of="patient")
    assert found.index.names == ["patient_id", "visit"]
    assert found["volumetric_response"].tolist() == ["baseline", "PR", "PD"]
    assert found["volume_cc"].tolist()[:2] == [100.0, 34.0]
    assert math.isnan(found["volume_cc"].iloc[2])
    each = volumetric_response(table, of="lesion")["volumetric_response"]
    assert each.tolist() == ["baseline", "SD", "PD", "baseline", "PR", "NE"]


def test_what_was_not_evaluated_is_ne_with_a_reason() -> None:
    found = volumetric_response(visits(10.0, None), of="lesion")
    assert found["volumetric_response"].tolist() == ["baseline", "NE"]
    assert found["reason"].tolist() == ["", "no_lesion_evaluated"]
    table = pd.concat([visits(60.0, 10.0), visits(40.0, None, name="b")])
    partly = volumetric_response(table, of="patient")
    assert partly["reason"].tolist() == ["", "lesions_not_all_evaluated"]


def test_nothing_of_it_is_called_recist() -> None:
    found = volumetric_response(visits(10.0, 5.0), of="patient")
    assert not [name for name in found.columns if "recist" in name or "target" in name]
    assert "volumetric_response" in found


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (visits(10.0, -1.0), "volume_negative"),
        (visits(30_000.0, 20_000.0), "volume_too_large"),
        (visits(None, 10.0), "baseline_volume_missing"),
        (pd.concat([visits(10.0, 5.0)] * 2), "measured_twice"),
        (visits(10.0, 5.0, days=[0, 0]), "visits_contradict_days"),
        (visits(10.0, 5.0, status=["measured", "lost"]), "status_unknown"),
        (
            pd.concat([visits(10.0, 5.0), visits(1.0, 5.0, name="b").iloc[1:]]),
            "baseline_volume_missing",
        ),
        (visits(10.0).drop(columns="volume_cc"), "column_missing"),
    ],
)
def test_faults(table: pd.DataFrame, code: str) -> None:
    with pytest.raises(OutcomeError) as error:
        volumetric_response(table, of="lesion")
    assert error.value.code == code


def test_lesion_or_patient_is_declared() -> None:
    with pytest.raises(TypeError):
        volumetric_response(visits(10.0, 5.0))
    with pytest.raises(OutcomeError, match="lesion or patient"):
        volumetric_response(visits(10.0, 5.0), of="organ")
