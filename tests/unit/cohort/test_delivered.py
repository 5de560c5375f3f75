from __future__ import annotations

from pathlib import Path

import pytest

import tumor_response as tr
from tests.unit import cases
from tumor_response.exceptions import ManifestError


@pytest.mark.parametrize(
    ("fractions", "dose", "told"),
    [
        (15, 3000, "is it in cGy"),
        (30.5, 61, "no whole number"),
        (6600, 66, "is it a dose"),
        (-3, 6, "no whole number"),
        (15, -30, "is negative"),
        (60, 20, "are the columns swapped"),
        (0, 30, "contradict"),
        (10, 0, "contradict"),
        ("", 7000, "is it in cGy"),
        ("15 Gy", 30, "not a number"),
    ],
)
def test_units_in_the_wrong_column(
    tmp_path: Path, fractions: object, dose: object, told: str
) -> None:
    frame = cases.cohort_folder(tmp_path, 1)
    frame["fractions_at_follow_up"] = fractions
    frame["dose_gy_at_follow_up"] = dose
    with pytest.raises(ManifestError, match=told):
        tr.Cohort.from_frame(frame, base=tmp_path)


@pytest.mark.parametrize(
    ("fractions", "dose"),
    [(15, 30), (35, 70), (1, 34), (4, 2), (0, 0), (68, 81.6), ("", 40), (12, "")],
)
def test_what_is_given_in_practice(tmp_path: Path, fractions: object, dose: object) -> None:
    frame = cases.cohort_folder(tmp_path, 1)
    frame["fractions_at_follow_up"] = fractions
    frame["dose_gy_at_follow_up"] = dose
    assert len(list(tr.Cohort.from_frame(frame, base=tmp_path))) == 1
