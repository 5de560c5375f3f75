"""What a feature table proves, and what only its provenance could."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tumor_response as tr
from tumor_response.evaluation.leakage import leakage_trace
from tumor_response.evaluation.leakage.provable import provable_findings

VALUES, ROLES, OPERATIONS = (
    "values are what extraction wrote",
    "every predictor is known before treatment",
    "operations on the table",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tr.FeatureTable:
    folder = tmp_path_factory.mktemp("sim")
    cohort = tr.simulate_cohort(n_patients=4, seed=0, directory=folder)
    factors = tr.ClinicalFactors(["age", "volume_cc"])
    return tr.extract(cohort, [factors, tr.Radiomics("minimal")])


def statuses(table: Any) -> dict[str, str]:
    frame = table.data if isinstance(table, tr.FeatureTable) else table
    predictors = [name for name in frame.columns if not name.startswith("meta__")]
    return {one.check: one.status for one in provable_findings(table, predictors)}


def test_an_extracted_table_is_proven(table: tr.FeatureTable, tmp_path: Path) -> None:
    assert set(statuses(table).values()) == {"passed"}
    table.save(tmp_path / "features")
    assert set(statuses(tr.FeatureTable.load(tmp_path / "features")).values()) == {"passed"}


def test_a_bare_frame_proves_nothing(table: tr.FeatureTable) -> None:
    assert set(statuses(table.data).values()) == {"NOT CHECKABLE"}


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.iloc[1:],
        lambda data: data.iloc[:, 1:],
        lambda data: data.assign(**{data.columns[0]: data.iloc[:, 0].rank()}),
    ],
    ids=["rows", "columns", "values"],
)
def test_what_was_changed_since_is_found(table: tr.FeatureTable, change: Any) -> None:
    data = change(table.data)
    changed = replace(table, data=data, dictionary=table.dictionary.loc[data.columns])
    assert statuses(changed)[VALUES] == "FAULT"


def test_a_selection_is_not_provable_but_whole_blocks_are(
    table: tr.FeatureTable, tmp_path: Path
) -> None:
    found = statuses(table.select("radiomics"))
    assert found[VALUES] == "NOT CHECKABLE"
    assert found["blocks of a selection are whole"] == "passed"
    assert found[OPERATIONS] == "passed"
    chosen = table.select("radiomics")
    by_hand = replace(chosen, data=chosen.data.iloc[:, :20], dictionary=chosen.dictionary.iloc[:20])
    assert statuses(by_hand)["blocks of a selection are whole"] == "FAULT"
    table.save(tmp_path / "features")
    columns = ["radiomics__original__shape_Sphericity"]
    by_name = statuses(tr.FeatureTable.load(tmp_path / "features", columns=columns))
    assert by_name[OPERATIONS] == by_name["blocks of a selection are whole"] == "NOT CHECKABLE"


def test_a_column_from_the_follow_up(table: tr.FeatureTable) -> None:
    dictionary = table.dictionary.copy()
    dictionary.loc["clinical__age", "role"] = "post_baseline"
    assert statuses(replace(table, dictionary=dictionary))[ROLES] == "FAULT"
    dictionary.loc["clinical__age", "role"] = "something"
    assert statuses(replace(table, dictionary=dictionary))[ROLES] == "FAULT"


def test_a_provenance_of_somebody_else(table: tr.FeatureTable) -> None:
    more = replace(table, provenance={**table.provenance, "harmonised": "all rows"})
    assert statuses(more)[OPERATIONS] == "NOT CHECKABLE"
    without = {k: v for k, v in table.provenance.items() if k != "data_sha256"}
    assert statuses(replace(table, provenance=without))[VALUES] == "NOT CHECKABLE"


def test_selection_before_the_split_is_proven_in_a_table_alone(
    tmp_path: Path,
) -> None:
    cohort = tr.simulate_cohort(n_patients=10, seed=1, directory=tmp_path)
    table = tr.extract(cohort, [tr.ClinicalFactors(["age", "volume_cc"])])
    rate = tr.shrinkage(cohort)["rate_percent_per_day"]
    given: dict[str, Any] = {"label": tr.ResponderCut("median"), "n_resamples": 1}
    scheme = tr.Bootstrap632Plus(n_resamples=2)
    model = tr.make_model("dummy")
    whole = leakage_trace(model, table, rate, scheme, **given)
    assert whole.faults().empty, str(whole)
    assert whole.strip()["provable"] == "3 passed"
    best = table.data.select_dtypes("float64").corrwith(rate).abs().idxmax()
    chosen = table.data[[best, *[c for c in table.data if c.startswith("meta__")]]]
    selected = replace(table, data=chosen, dictionary=table.dictionary.loc[chosen.columns])
    assert list(leakage_trace(model, selected, rate, scheme, **given).faults()["class"]) == [
        "provable"
    ]
    bare = leakage_trace(model, chosen, rate, scheme, **given)
    assert bare.faults().empty
    last = bare.suspected.iloc[-1]
    assert last["status"] == "NOT CHECKABLE"
    assert "chosen" in last["check"]
