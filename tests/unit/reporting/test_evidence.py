"""The strip on page one: what was asked and found, what was not asked, and what that decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.reporting.test_report import Reader, front
from tumor_response.evaluation import EvaluationResult, table_controls, trace_of_result
from tumor_response.evaluation.controls import ControlsSettings
from tumor_response.exceptions import EvaluationError
from tumor_response.reporting.wording import Doubts, Interval, conclude
from tumor_response.table.parts import data_sha256

FEW = ControlsSettings(n_permutations=19, n_resamples_permuted=4, n_resamples=10)


@pytest.fixture(scope="module")
def asked(study):
    """A study with a signal, its trace and its controls."""
    result, table, outcomes = study(1.5)
    table = replace(table, provenance={"data_sha256": data_sha256(table.data)})
    trace = trace_of_result(result, table=table, n_resamples=1)
    assert trace.faults().empty, trace
    controls = table_controls(
        {"all": tr.make_model("logistic", n_inner_folds=3)},
        table,
        outcomes["rate_percent_per_day"],
        tr.Bootstrap632Plus(n_resamples=10, seed=0),
        label=tr.ResponderCut("median"),
        settings=FEW,
    )
    return result, table, trace, controls


@pytest.fixture
def page(tmp_path):
    def page(result: EvaluationResult, **settings) -> Reader:
        path = tr.report(result, tmp_path / "r.html", headline="all", volume_checks=(), **settings)
        return Reader(path.read_text(encoding="utf-8"))

    return page


def test_what_was_not_asked_is_said_to_be_so(study, page):
    reader = page(study(1.5)[0])
    assert front(reader).count("not asked") == 5  # contour error too
    assert "Not asked in this report: faults of images" in front(reader)
    assert "Leakage trace" not in reader.text


def test_the_three_classes_stand_apart_with_every_check(asked, page):
    result, _, trace, controls = asked
    reader = page(result, evidence=[trace, controls])
    assert front(reader).count("not asked") == 1  # contour error
    for class_ in ("recorded", "provable", "suspected"):
        assert trace.strip()[class_] in front(reader)
        for check in getattr(trace, class_)["check"]:
            assert check in reader.text
    assert f"permuted labels: p = {controls.p_value:.3f}" in front(reader)
    assert "random columns" in reader.text


def test_no_patient_is_named_in_a_trace(asked, page):
    result, _, trace, _ = asked
    patient = result.rows.X.index[0][0]
    row = {"check": "duplicates", "status": "FAULT", "detail": f"as {patient}", "where": ""}
    told = replace(trace, suspected=pd.concat([trace.suspected, pd.DataFrame([row])]))
    hidden = page(result, evidence=[told])
    assert f"as {patient}" not in hidden.text
    assert "names patients" in hidden.text
    assert f"as {patient}" in page(result, evidence=[told], identified=True).text


@pytest.mark.parametrize("class_", ["recorded", "provable"])
def test_a_fault_that_is_recorded_or_proved_decides_the_sentences(asked, page, class_):
    result, _, trace, _ = asked
    row = {"check": "planted check", "status": "FAULT", "detail": "seen", "where": "all"}
    told = replace(trace, **{class_: pd.concat([getattr(trace, class_), pd.DataFrame([row])])})
    reader = page(result, evidence=[told])
    assert "Nothing may be concluded before it is mended" in front(reader)
    assert "planted check" in front(reader)


def test_a_fault_of_another_model_does_not_speak_against_the_headline(asked, page):
    result, _, trace, _ = asked
    row = {"check": "planted", "status": "FAULT", "detail": "seen", "where": "volume_only: scale"}
    told = replace(trace, recorded=pd.concat([trace.recorded, pd.DataFrame([row])]))
    reader = page(result, evidence=[told])
    assert "Nothing may be concluded" not in front(reader)
    assert "The leakage trace has recorded 1 fault(s): planted" in reader.text


def test_a_suspicion_decides_nothing(asked, page):
    result, _, trace, _ = asked
    row = {"check": "planted suspicion", "status": "FAULT", "detail": "looks so", "where": ""}
    told = replace(trace, suspected=pd.concat([trace.suspected, pd.DataFrame([row])]))
    reader = page(result, evidence=[told])
    assert "Nothing may be concluded" not in front(reader)
    assert "planted suspicion" in front(reader)


def test_page_one_says_when_permuted_labels_do_as_well(asked, page):
    result, _, _, controls = asked
    null = controls.null
    as_good = replace(
        null,
        values=null.values.assign(**{null.headline: 0.5}),
        observed={**null.observed, null.headline: 0.5},
    )
    reader = page(result, evidence=[replace(controls, null=as_good)])
    assert "labels dealt out at random do as well too often (p = 1.000 by 19" in front(reader)
    assert "is not shown to be better than on permuted labels" in reader.text


def test_page_one_says_when_permuted_labels_are_foretold(asked, page):
    result, _, _, controls = asked
    null = controls.null
    seen = replace(null, values=null.values.assign(**{null.headline: 0.9}))
    reader = page(result, evidence=[replace(controls, null=seen)])
    assert "the model does better than chance on permuted labels" in front(reader)


def test_evidence_of_something_else_is_refused(asked, page):
    result, _, _, controls = asked
    with pytest.raises(EvaluationError, match="received int") as refused:
        page(result, evidence=[3])
    assert refused.value.code == "evidence"
    with pytest.raises(EvaluationError, match="'other', which was not evaluated"):
        page(result, evidence=[replace(controls, model="other")])


def test_doubts_come_before_a_good_interval_and_not_before_a_bad_one():
    good, bad = Interval(0.8, 0.7, 0.9), Interval(0.3, 0.2, 0.4)
    assert conclude("m", good, 96, "because", doubts=Doubts(fault="x")).verdict == "fault"
    assert conclude("m", good, 96, "because", doubts=Doubts(permuted="p = 0.2")).verdict == "null"
    assert conclude("m", bad, 96, "because", doubts=Doubts(permuted="p = 1")).verdict == "inverted"
    assert np.isfinite(good.value)
