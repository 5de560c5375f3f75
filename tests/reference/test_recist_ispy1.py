"""I-SPY 1: four visits of 168 patients through the engine, against a script in plain pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tumor_response.outcomes.recist import (
    recist_best_response,
    recist_response,
    visits_from_wide,
)

VISITS = {
    "MRI_LD_Baseline": "baseline",
    "MRI_LD_1_3dAC": "1 to 3 days into AC",
    "MRI_LD_Int_Reg": "between regimens",
    "MRI_LD_PreSurg": "before surgery",
}
pytestmark = pytest.mark.needs("data")


@pytest.fixture(scope="module")
def wide(shared_data: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_data / "tables" / "ispy1_longest_diameter.csv")
    assert len(table) == 168
    return table


def by_hand(diameters: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Percent change, nadir before each visit, category: from columns, without the engine."""
    change = 100 * diameters.div(diameters.iloc[:, 0], axis=0) - 100
    filled = diameters.fillna(np.inf)
    nadir = filled.cummin(axis=1).shift(1, axis=1)
    rise = diameters - nadir
    # figures are whole millimetres here, so that integer arithmetic decides at the limits
    progressed = (rise >= 5) & (5 * diameters >= 6 * nadir)
    responded = diameters.mul(10).le(diameters.iloc[:, 0].mul(7), axis=0)
    gone = diameters.eq(0)
    was_gone = gone.cumsum(axis=1).shift(1, axis=1).gt(0)
    category = pd.DataFrame("SD", index=diameters.index, columns=diameters.columns)
    category = category.mask(responded, "PR").mask(progressed, "PD").mask(gone, "CR")
    category = category.mask(was_gone & diameters.gt(0), "PD").mask(diameters.isna(), "NE")
    category.iloc[:, 0] = "baseline"
    nadir.iloc[:, 0] = diameters.iloc[:, 0]
    return change, nadir, category


def through_the_engine(wide: pd.DataFrame) -> pd.DataFrame:
    long = visits_from_wide(wide, patient="SUBJECTID", visits=VISITS, zero="absent")
    return recist_response(long, kind="non-nodal")


def compare(wide: pd.DataFrame) -> pd.DataFrame:
    diameters = wide.set_index(wide["SUBJECTID"].astype(str))[list(VISITS)].set_axis(
        list(VISITS.values()), axis=1
    )
    assert (diameters.fillna(0) % 1 == 0).all(axis=None)
    found = through_the_engine(wide)
    change, nadir, category = by_hand(diameters)
    for visit in VISITS.values():
        mine = found.xs(visit, level="visit").loc[diameters.index]
        for column, expected in (
            ("change_from_baseline_percent", change),
            ("nadir_mm", nadir),
        ):
            np.testing.assert_allclose(mine[column], expected[visit], rtol=1e-12, atol=1e-9)
        assert mine["target_response"].tolist() == category[visit].tolist()
    return found


def test_every_figure_of_every_visit(wide: pd.DataFrame) -> None:
    found = compare(wide)
    assert len(found) == 4 * 168
    assert set(found["overall_response"]) == {"baseline", "not derivable"}


def test_visits_that_are_missing_are_ne_and_not_dropped(wide: pd.DataFrame) -> None:
    """The file is complete; a fifth of the follow-ups is taken out here."""
    rng = np.random.default_rng(0)
    holes = wide.copy()
    for column in list(VISITS)[1:]:
        holes.loc[rng.random(len(holes)) < 0.2, column] = np.nan
    found = compare(holes)
    n_holes = int(holes[list(VISITS)].isna().sum().sum())
    assert n_holes > 60
    assert len(found) == 4 * 168
    assert found["target_response"].eq("NE").sum() == n_holes
    assert found["reason"].eq("no_target_evaluated").sum() == n_holes


def test_best_responses(wide: pd.DataFrame) -> None:
    best = recist_best_response(through_the_engine(wide))["best_response"]
    diameters = wide.set_index(wide["SUBJECTID"].astype(str))[list(VISITS)]
    category = by_hand(diameters)[2].iloc[:, 1:]
    before = category.eq("PD").cumsum(axis=1).eq(0)
    expected = pd.Series("PD", index=category.index)
    for word in ("SD", "PR", "CR"):
        expected[(category.eq(word) & before).any(axis=1)] = word
    assert best.to_dict() == expected.to_dict()
