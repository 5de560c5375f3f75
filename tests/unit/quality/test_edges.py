from __future__ import annotations

import numpy as np
import pytest

from tests.unit.quality import faults
from tumor_response.quality import QualitySettings
from tumor_response.quality.edges import Shift, common_shift, measure_shifts, shift_findings
from tumor_response.quality.region import Region


def shifts_of(scan: faults.Scan) -> dict[str, Shift]:
    return {shift.axis: shift for shift in measure_shifts(Region.around(*scan.images()))}


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_shift_of_one_voxel_is_measured_with_its_sign(axis: str, by: int) -> None:
    scan = faults.clean()
    scan.mask = np.roll(scan.mask, by, axis="zyx".index(axis))
    shifts = shifts_of(scan)
    assert shifts[axis].agreed == pytest.approx(-by, abs=0.25)  # the edges lie where it came from
    for other in {"x", "y", "z"} - {axis}:
        assert abs(shifts[other].agreed) < 0.25


@pytest.mark.parametrize("radius_mm", [11.0, 17.0])
def test_a_contour_too_tight_or_too_wide_is_not_shifted(radius_mm: float) -> None:
    scan = faults.clean()
    scan.mask = faults.ball(radius_mm)
    assert all(abs(shift.agreed) < 0.3 for shift in shifts_of(scan).values())


def test_response_is_one_at_sharp_edges_and_none_without_any() -> None:
    sharp = shifts_of(faults.clean())
    assert all(shift.response == pytest.approx(1.0, abs=0.2) for shift in sharp.values())
    responses = []
    for seed in range(8):
        blind = faults.clean(seed)
        blind.hu[faults.ball()] = -40  # the tumour looks like what is around it
        noise = np.random.default_rng(seed).normal(0, 20, blind.hu.shape)
        blind.hu += noise.astype(np.int16)
        shifts = shifts_of(blind).values()
        responses += [shift.response for shift in shifts]
        assert shift_findings(list(shifts), QualitySettings()) == []
    assert len(responses) > 12
    assert np.mean(responses) < 0.2


def test_no_estimate_where_the_image_cuts_the_tumour_off() -> None:
    scan = faults.clean()
    faults.at_border(scan)
    scan.hu[scan.mask] = 60
    assert "z" not in shifts_of(scan)


def _patients(n: int, shift: float, response: float, seed: int = 0) -> list[list[Shift]]:
    rng = np.random.default_rng(seed)
    return [
        [Shift("x", 1.0, response * shift + rng.normal(0, 0.15), 0.0, 0.0, response)]
        for _ in range(n)
    ]


def test_common_shift_corrects_for_the_response() -> None:
    shift, t, n = common_shift(_patients(40, 1.0, 0.4), "x")
    assert n == 40
    assert shift == pytest.approx(1.0, abs=0.2)
    assert t > 4


def test_no_common_shift_without_one() -> None:
    t = [common_shift(_patients(20, 0.0, 0.4, seed), "x")[1] for seed in range(200)]
    # a jackknife t of 20 patients: about standard normal, and never near the limit of 4
    assert np.std(t) == pytest.approx(1.0, abs=0.2)
    assert max(map(abs, t)) < 4


def test_few_patients_have_no_common_shift() -> None:
    assert common_shift(_patients(9, 1.0, 1.0), "x") is None
    assert common_shift(_patients(20, 1.0, 1.0), "y") is None
