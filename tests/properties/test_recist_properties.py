"""What holds for any course of any lesions."""

from __future__ import annotations

import math

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.outcomes.recist_cases import lesion, node, table
from tumor_response.outcomes.recist import recist_response

# tenths of millimetres, from 15 mm at baseline on, so that any of them may be a target
SIZES = st.integers(150, 1000).map(lambda tenths: tenths / 10)
LATER = st.one_of(
    st.integers(1, 1500).map(lambda tenths: tenths / 10), st.sampled_from(["gone", "-", "small"])
)
N_VISITS = 4


@st.composite
def cohorts(draw) -> pd.DataFrame:
    """Eight patients at once: a table costs the same whether it has one or eight."""
    patients = []
    for number in range(8):
        n = draw(st.integers(1, 4))
        # more than two nodes would be more than two targets of one organ
        make = [draw(st.sampled_from([lesion, node])) if n < 3 else lesion for _ in range(n)]
        lesions = [
            one(f"l{place}", draw(SIZES), *[draw(LATER) for _ in range(N_VISITS - 1)])
            for place, one in enumerate(make)
        ]
        patients.append(table(*lesions).assign(patient_id=f"P{number}"))
    return table(*patients)


few = settings(
    max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@few
@given(cohorts(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(cohort: pd.DataFrame, random) -> None:
    rows = list(range(len(cohort)))
    random.shuffle(rows)
    pd.testing.assert_frame_equal(
        recist_response(cohort.iloc[rows]).drop(columns="not_evaluated").sort_index(),
        recist_response(cohort).drop(columns="not_evaluated").sort_index(),
    )


@few
@given(cohorts())
def test_each_category_keeps_its_definition(cohort: pd.DataFrame) -> None:
    """Read off the figures that are returned, in whole tenths of a millimetre."""
    for _, found in recist_response(cohort).groupby(level="patient_id"):
        assert found["nadir_mm"].is_monotonic_decreasing
        assert set(found["nadir_mm"]) <= set(found["sum_diameters_mm"])
        had_cr = False
        for row in found.iloc[1:].itertuples():
            check(row, had_cr)
            had_cr |= row.target_response == "CR"


def check(row, had_cr: bool) -> None:
    first, nadir, total, seen = (
        None if math.isnan(figure) else round(10 * figure)
        for figure in (
            row.baseline_mm,
            row.nadir_mm,
            row.sum_diameters_mm,
            row.sum_evaluated_mm,
        )
    )
    if row.target_response == "NE":
        assert row.n_evaluated < row.n_targets
        assert row.reason
        return
    assert not row.reason
    progressed = seen - nadir >= 50 and 10 * seen >= 12 * nadir
    if row.target_response == "PD":
        assert progressed or had_cr
    elif row.target_response in ("PR", "SD"):
        assert not progressed
        assert not had_cr
        assert (10 * total <= 7 * first) == (row.target_response == "PR")
    else:
        assert row.target_response == "CR"
        assert total < 100 * row.n_targets


@few
@given(cohorts())
def test_what_comes_later_changes_nothing_before(cohort: pd.DataFrame) -> None:
    whole = recist_response(cohort)
    part = recist_response(cohort[cohort["visit"] < N_VISITS - 1])
    early = whole.index.get_level_values("visit") < N_VISITS - 1
    pd.testing.assert_frame_equal(whole[early], part)
