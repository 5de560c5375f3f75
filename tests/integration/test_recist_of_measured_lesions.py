"""From masks to categories: the table of visits goes into RECIST and the volumetric categories."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import tumor_response as tr


def test_masks_to_categories(tmp_path: Path) -> None:
    cohort = tr.simulate_cohort(4, seed=1, directory=tmp_path, time_points=3)
    visits = tr.measure_lesions(cohort, tmp_path / "time_points.csv")
    found = tr.recist_response(visits, kind="non-nodal")
    assert len(found) == len(visits) == 12
    # one lesion each, so that the sum is its diameter
    diameters = visits["longest_diameter_mm"].droplevel("lesion_id")
    pd.testing.assert_series_equal(
        found["sum_diameters_mm"], diameters.loc[found.index], check_names=False
    )
    for of in ("lesion", "patient"):
        volumes = tr.volumetric_response(visits, of=of)
        assert volumes["volume_cc"].tolist() == pytest.approx(visits["volume_cc"].tolist())
        assert (volumes.xs(0, level="visit")["volumetric_response"] == "baseline").all()
