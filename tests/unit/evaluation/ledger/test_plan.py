"""Frozen plans: written once, held against what was done."""

from __future__ import annotations

import json

import pytest

import tumor_response as tr
from tests.unit.evaluation.conftest import make_table
from tumor_response.evaluation.ledger import (
    AnalysisPlan,
    PlannedModel,
    PlannedScheme,
    StudyLedger,
    check_plan,
    freeze_plan,
    read_plan,
)
from tumor_response.exceptions import EvaluationError, SettingsError

SCHEME = tr.Bootstrap632Plus(n_resamples=8)


def plan(**changed) -> AnalysisPlan:
    values = {
        "end_point": "rate_percent_per_day",
        "cut": "median",
        "by_name": {
            "volume_only": PlannedModel(model="volume_only"),
            "deep": PlannedModel(model="logistic", blocks=("deep",), settings={"Cs": (0.1,)}),
        },
        "scheme": PlannedScheme.of(SCHEME),
        "primary": ("deep", "volume_only"),
    }
    return AnalysisPlan(**{**values, **changed})


def run(models=None, scheme=SCHEME, cut="median", **options):
    X, rate = make_table(24)
    models = models or {
        "volume_only": tr.make_model("volume_only"),
        "deep": tr.make_model("logistic", blocks=["deep"], Cs=(0.1,)),
    }
    return tr.evaluate(models, X, rate, scheme, label=tr.ResponderCut(cut), **options)


def test_a_plan_survives_json_and_the_disk(tmp_path):
    assert AnalysisPlan.from_json(plan().to_json()) == plan()
    frozen = freeze_plan(plan(n_patients=24, notes="agreed"), tmp_path)
    assert read_plan(tmp_path) == frozen
    assert frozen.sha256 == plan(n_patients=24, notes="agreed").sha256
    assert frozen.n_evaluations_before == 0
    entry = StudyLedger(tmp_path).entries()[0]
    assert (entry["kind"], entry["plan_sha256"]) == ("plan", frozen.sha256)


def test_a_plan_is_never_written_over(tmp_path):
    freeze_plan(plan(), tmp_path)
    content = (tmp_path / "plan.json").read_bytes()
    with pytest.raises(EvaluationError, match="never written over") as caught:
        freeze_plan(plan(cut="upper_tertile"), tmp_path)
    assert caught.value.code == "plan_exists"
    assert (tmp_path / "plan.json").read_bytes() == content


def test_a_plan_that_was_changed_afterwards_is_refused(tmp_path):
    frozen = freeze_plan(plan(), tmp_path)
    path = tmp_path / "plan.json"
    written = json.loads(path.read_text())
    changed = {**written, "plan": {**written["plan"], "cut": "upper_tertile"}}
    # with a hash that fits, the ledger still knows better
    fitting = {**changed, "sha256": plan(cut="upper_tertile").sha256}
    for content in (json.dumps(changed), json.dumps(fitting), "{", "{}"):
        path.write_text(content)
        with pytest.raises(EvaluationError) as caught:
            read_plan(tmp_path)
        assert caught.value.code == "plan_changed"
    path.write_text(json.dumps(written))
    assert read_plan(tmp_path) == frozen
    path.unlink()
    with pytest.raises(EvaluationError) as caught:
        read_plan(tmp_path)
    assert caught.value.code == "plan_missing"


def test_faults_of_a_plan_are_named():
    for changed, word in (
        ({"primary": ("deep", "typo")}, "two of the planned models"),
        ({"primary": ("deep", "deep")}, "two of the planned models"),
        ({"end_pont": "x"}, "did you mean"),
        ({"n_patients": 0}, "n_patients"),
    ):
        with pytest.raises(SettingsError, match=word):
            plan(**changed)
    with pytest.raises(Exception, match="no model named 'logstic'"):
        PlannedModel(model="logstic")


def test_a_run_as_planned(tmp_path):
    frozen = freeze_plan(plan(n_patients=24), tmp_path)
    lines = check_plan(run(), frozen)
    assert lines["as_planned"].fillna(True).all()
    assert list(lines.index[:4]) == ["plan came first", "end point", "cut", "scheme"]
    assert lines.loc["failed", "done"] == "no lesion was left out for a block"


def test_each_departure_has_its_line(tmp_path):
    frozen = freeze_plan(plan(n_patients=30), tmp_path)
    result = run(
        {
            "deep": tr.make_model("logistic", blocks=["deep"], Cs=(0.2,)),
            "xgb": tr.make_model("xgboost", n_estimators=2),
        },
        tr.Bootstrap632Plus(n_resamples=9),
        cut="upper_tertile",
    )
    lines = check_plan(result, frozen)
    told = {item: (row["done"], row["as_planned"]) for item, row in lines.iterrows()}
    assert told["cut"] == ("upper_tertile", False)
    assert told["scheme"] == ("Bootstrap632Plus(n_resamples=9, seed=0)", False)
    assert told["model volume_only"] == ("not evaluated", False)
    assert told["model deep"] == ("other parameters", False)
    assert told["model xgb"] == ("evaluated", False)
    assert told["primary comparison"] == ("not possible", False)
    assert told["patients"] == ("24", False)
    assert told["end point"][1]


def test_blocks_that_are_bound_to_columns_are_still_the_planned_ones(tmp_path):
    frozen = freeze_plan(plan(), tmp_path)
    X, _ = make_table(24)
    blocks = {
        name: [column for column in X if column.startswith(name)] for name in ("clinical", "deep")
    }
    lines = check_plan(run(blocks=blocks), frozen)
    assert lines.loc["model deep", "as_planned"]


def test_a_plan_that_came_second_says_so(tmp_path):
    StudyLedger(tmp_path).append(run())
    frozen = freeze_plan(plan(), tmp_path)
    lines = check_plan(run(), frozen)
    assert tuple(lines.loc["plan came first"]) == ("0", "1", False)


def test_lesions_that_were_left_out_for_a_block_are_held_against_the_plan(tmp_path):
    frozen = freeze_plan(plan(), tmp_path)
    X, rate = make_table(24)
    X.loc["P003", [c for c in X if c.startswith("deep")]] = float("nan")
    models = {"deep": tr.make_model("logistic", blocks=["deep"], Cs=(0.1,))}
    result = tr.evaluate(models, X, rate, SCHEME, label=tr.ResponderCut("median"), failed="drop")
    assert tuple(check_plan(result, frozen).loc["failed"]) == ("error", "drop", False)
