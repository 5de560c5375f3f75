"""A few of the planted studies, small ones: found where they belong, by the check that is for it.

The rates over all of them: ``benchmarks/leakage_rates.py``.
"""

from __future__ import annotations

import pytest

from tests.planted_faults import FAULTS, clean, planted
from tests.planted_faults.registry import form_of
from tumor_response.evaluation.leakage import leakage_trace

SMALL = [
    ("early_stopping", 32, "recorded", "model brings along"),
    ("inner_copies", 14, "recorded", "across inner folds"),
    ("batch_statistics", 14, "recorded", "scored one by one"),
    ("signature", 14, "provable", "what extraction wrote"),
    ("imputation", 31, "suspected", "gaps filled"),
    ("duplicate", 15, "suspected", "two patients share"),
    ("label_column", 7, "suspected", "tell the classes apart"),
]


@pytest.mark.parametrize(("fault", "seed", "belongs", "check"), SMALL)
def test_a_planted_fault_is_found_where_it_belongs(fault, seed, belongs, check):
    assert FAULTS[fault][form_of(fault, seed)].belongs == belongs
    trace = leakage_trace(**planted(fault, seed).arguments(), n_resamples=1)
    found = trace.faults(belongs)["check"]
    assert found.str.contains(check).any()


def test_a_preselected_frame_is_not_checkable_and_not_accused():
    study = planted("selection", 17)
    trace = leakage_trace(**study.arguments(), n_resamples=1)
    about = trace.suspected[trace.suspected["check"].str.contains("columns chosen")]
    assert about["status"].tolist() == ["NOT CHECKABLE"]
    assert trace.faults("recorded").empty
    assert trace.faults("provable").empty


@pytest.mark.parametrize(("kind", "seed"), [("frame", 37), ("table", 23)])
def test_a_clean_study_is_not_accused(kind, seed):
    trace = leakage_trace(**clean(kind, seed).arguments(), n_resamples=1)
    assert trace.faults().empty


def test_a_fit_with_noise_that_cannot_score_is_a_fault_and_no_crash():
    """A selection by outcomes brought along: with noise, other columns than the scaler's come."""
    trace = leakage_trace(**planted("selection", 11).arguments(), n_resamples=1)
    assert form_of("selection", 11) == "step"
    assert len(trace.faults("recorded"))


@pytest.mark.parametrize(
    ("fault", "seed", "column"),
    [
        ("label_column", 49, "clinical__score"),  # the label in words
        ("follow_up", 92, "radiomics__original__shape_second"),  # V1, which V0 orders nearly alike
    ],
)
def test_a_copy_in_other_words_is_suspected(fault, seed, column):
    suspected = leakage_trace(**planted(fault, seed).arguments(), n_resamples=1).faults("suspected")
    assert any(column in where for where in suspected["where"])
