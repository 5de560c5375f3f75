"""Checklists: their items, what a run fills in, and that nothing is claimed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import tumor_response as tr
from tumor_response.evaluation.checklists import (
    METRICS_CONDITIONS,
    METRICS_WEIGHTS,
    checklist,
    metrics_score,
)
from tumor_response.evaluation.checklists.clear import CLEAR
from tumor_response.evaluation.checklists.metrics_tool import METRICS
from tumor_response.evaluation.checklists.run_facts import facts_of_run
from tumor_response.evaluation.checklists.study_facts import facts_of_study
from tumor_response.evaluation.checklists.tripod_ai import TRIPOD_AI
from tumor_response.exceptions import SettingsError

WHICH = {"tripod_ai": TRIPOD_AI, "clear": CLEAR, "metrics": METRICS}

# the numbers and sub-items of table 2 of Collins et al. 2024
TRIPOD_NUMBERS = [
    *("1", "2", "3a", "3b", "3c", "4", "5a", "5b", "6a", "6b", "6c", "7", "8a", "8b", "8c"),
    *("9a", "9b", "9c", "10", "11", "12a", "12b", "12c", "12d", "12e", "12f", "12g", "13", "14"),
    *("15", "16", "17", "18a", "18b", "18c", "18d", "18e", "18f", "19", "20a", "20b", "20c", "21"),
    *("22", "23a", "23b", "24", "25", "26", "27a", "27b", "27c"),
]

# table 1 of Kocak et al. 2024, to four places, as far as it is public text: items 1 to 23
PUBLISHED_WEIGHTS = (
    *(0.0368, 0.0735, 0.0919, 0.0438, 0.0292, 0.0438, 0.0292, 0.0337, 0.0225, 0.0112, 0.0622),
    *(0.0311, 0.0415, 0.0200, 0.0200, 0.0300, 0.0200, 0.0599, 0.0300, 0.0352, 0.0234, 0.0176),
    0.0117,
)


@pytest.fixture(scope="module")
def result():
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(50)], ["1", "2"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(100, 4)), index=index, columns=list("abcd"))
    X = X.add_prefix("radiomics__n__")
    X.insert(0, "clinical__volume_cc", rng.lognormal(2, 1, 100))
    X.insert(1, "clinical__age", rng.normal(60, 8, 100))
    X.insert(2, "meta__site", np.repeat(["A", "B"], 50))
    X.iloc[3, 3] = np.nan
    rate = pd.Series(X["clinical__age"] * 0.1 + rng.normal(size=100), name="rate_percent_per_day")
    rate.iloc[[1, 5]] = np.nan
    rate.attrs["reasons"] = {X.index[1]: "follow_up_missing", X.index[5]: "follow_up_missing"}
    models = {
        "ridge": tr.make_model("logistic"),
        "volume_only": tr.make_model("volume_only"),
        "dummy": tr.make_model("dummy"),
    }
    scheme = tr.Bootstrap632Plus(n_resamples=6, seed=4)
    return tr.evaluate(models, X, rate, scheme, label=tr.ResponderCut("median"))


def item(filled, number: str) -> pd.Series:
    return filled.items.set_index("item").loc[number]


# -- the guidelines ---------------------------------------------------------------------------


def test_items_are_those_of_the_sources():
    assert [one.number for one in TRIPOD_AI.items] == TRIPOD_NUMBERS
    assert len({re.match(r"\d+", number)[0] for number in TRIPOD_NUMBERS}) == 27
    assert [one.number for one in CLEAR.items] == [str(i) for i in range(1, 59)]
    assert [one.number for one in CLEAR.items if one.note] == ["53", "58"]
    assert [one.number for one in METRICS.items] == [str(i) for i in range(1, 31)]
    assert len({one.section for one in METRICS.items}) == 9


def test_weights_are_the_published_ones_as_the_tool_rounds_them():
    assert len(METRICS_WEIGHTS) == 30
    for mine, published in zip(METRICS_WEIGHTS, PUBLISHED_WEIGHTS, strict=False):
        assert mine == pytest.approx(published, abs=0.00051)
    # the paper's weights add up to 1
    assert sum(METRICS_WEIGHTS) == pytest.approx(1, abs=0.005)


def test_every_fact_that_an_item_names_exists(result):
    known = set(facts_of_run(result)) | {
        *("site_scheme", "by_site", "versions", "extraction", "failures", "resampling"),
        *("discretisation", "image_types", "feature_classes", "primary", "plan", "tried"),
    }
    for guideline in WHICH.values():
        for one in guideline.items:
            assert set(one.facts) <= known, one.number
            assert one.facts or not one.missing, one.number


# -- what is filled in ------------------------------------------------------------------------


@pytest.mark.parametrize("which", list(WHICH))
def test_nothing_is_claimed_that_the_run_cannot_know(result, which):
    filled = checklist(result, which)
    for _, row in filled.items.iterrows():
        assert (row["status"] == "open") == (row["evidence"] == "")
        assert (row["status"] == "from the run") == (row["to_add"] == "")
    assert sum(filled.counts.values()) == len(filled.items)
    assert filled.counts["open"] > 10
    assert "not a claim" in filled.to_markdown()


def test_evidence_is_what_the_summary_says(result):
    filled = checklist(result, "tripod_ai")
    summary = result.summary()
    row = summary.loc["ridge"]
    text = item(filled, "23a")["evidence"]
    interval = f"{row['ci_low']:.3f} to {row['ci_high']:.3f}, {row['ci_method']}"
    assert f"ridge: auc_oob {row['auc_oob']:.3f} ({interval})" in text
    flow = item(filled, "20a")["evidence"]
    assert "evaluated: 50 patients, 98 lesions" in flow
    assert "left out, outcome: follow_up_missing: 2 patients, 2 lesions" in flow
    assert "49 of the lesions responders" in item(filled, "21")["evidence"]
    assert '"n_resamples":6' in item(filled, "12a")["evidence"]
    assert result.scheme.sha256 in item(filled, "12a")["evidence"]
    assert "radiomics 0.26 %" in item(filled, "11")["evidence"]  # 1 of 4 x 98
    assert "median of rate_percent_per_day" in item(filled, "8a")["evidence"]
    assert (
        "MedianImputer then NearConstantFilter then BlockScaler then RidgeLogistic"
        in (item(filled, "12b")["evidence"])
    )
    assert "No model was given class weights" in item(filled, "13")["evidence"]
    assert "probability of response" in item(filled, "15")["evidence"]
    assert "one cohort" in item(filled, "16")["evidence"]
    assert "2 site(s)" in item(filled, "6a")["evidence"]
    tuning = item(checklist(result, "clear"), "35")["evidence"]
    assert "ridge: 5 inner folds" in tuning
    assert "volume_only: one penalty, not tuned" in tuning
    best = f"{summary['auc_oob'].max():.2f}, the best AUC found here"
    assert best in item(filled, "10")["evidence"]
    assert "offers 6 columns" in item(filled, "10")["evidence"]


def test_simple_models_are_recognised(result):
    text = item(checklist(result, "clear"), "42")["evidence"]
    assert "volume_only (clinical columns alone)" in text
    assert "dummy (knows nothing)" in text
    assert "ridge" not in text


def test_plan_ledger_and_table_fill_what_was_open(result):
    assert item(checklist(result, "tripod_ai"), "18c")["status"] == "open"
    plan = SimpleNamespace(
        plan=SimpleNamespace(primary=("ridge", "volume_only")),
        sha256="ab" * 32,
        frozen_at="2026-01-02T03:04:05+00:00",
        n_evaluations_before=0,
    )
    ledger = SimpleNamespace(text=lambda: "configurations tried on this outcome: 12")
    table = tr.FeatureTable(
        pd.DataFrame(
            {"radiomics__original__glcm_Contrast": [1.0]},
            index=pd.MultiIndex.from_tuples([("P", "1")], names=["patient_id", "lesion_id"]),
        ),
        pd.DataFrame(
            {
                "block": ["radiomics"],
                "family": ["glcm"],
                "role": ["predictor"],
                "ibsi_code": ["ACUI"],
                "unit": [""],
                "description": [""],
                "settings_sha256": ["cd" * 32],
            },
            index=pd.Index(["radiomics__original__glcm_Contrast"], name="column"),
        ),
        pd.DataFrame(
            [("P", "1", "radiomics", "mask_empty", 1, "")],
            columns=["patient_id", "lesion_id", "block", "reason", "n_columns_missing", "message"],
        ),
        {"extractors": {"radiomics": tr.Radiomics("head_neck_ct").identity()}},
    )
    filled = checklist(result, "clear", plan=plan, ledger=ledger, table=table)
    assert "ridge against volume_only" in item(filled, "6")["evidence"]
    assert "configurations tried on this outcome: 12" in item(filled, "37")["evidence"]
    assert "resampledPixelSpacing = [1.0,1.0,1.0]" in item(filled, "22")["evidence"]
    assert "binWidth = 25" in item(filled, "23")["evidence"]
    assert "Wavelet" in item(filled, "24")["evidence"]
    assert item(filled, "23")["status"] == "from the run"
    assert item(checklist(result, "clear"), "23")["status"] == "open"
    text = item(filled, "25")["evidence"]
    assert "cd" * 32 in text
    assert "1 with an IBSI code" in text
    tripod = checklist(result, "tripod_ai", plan=plan, table=table)
    assert "ab" * 32 in item(tripod, "18c")["evidence"]
    assert "mask_empty (1)" in item(tripod, "7")["evidence"]
    assert facts_of_study(None, None, None).keys() == {"versions"}


def test_other_outcomes_and_schemes(result):
    X = result.rows.X
    rate = pd.Series(X["clinical__age"] * 2.0, name="sgr_per_day")
    frame = X.drop(columns=["clinical__age"]).assign(radiomics__n__a=0.5)
    scheme = tr.evaluation.sampling.LeaveOneSiteOut(column="meta__site")
    fitted = tr.evaluate({"line": LinearRegression()}, frame, rate, scheme)
    filled = checklist(fitted, "tripod_ai")
    assert item(filled, "13")["status"] == "open"
    assert "tested on by models trained on the others" in item(filled, "12d")["evidence"]
    assert re.search(r"line at A: -?\d", item(filled, "23b")["evidence"])
    assert "predicted as a number" in item(filled, "8a")["evidence"]
    assert (
        "no interval" in item(filled, "23a")["evidence"] or "to" in item(filled, "23a")["evidence"]
    )


# -- how it is shown --------------------------------------------------------------------------


class Cells(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def test_names_from_files_are_text_in_html_and_stay_in_their_cell(result):
    X = result.rows.X
    y = pd.Series(result.rows.y.astype(float), index=X.index, name="<b>|x</b>")
    evil = "<script>alert(1)</script> | `x` *y*"
    found = tr.evaluate(
        {evil: LogisticRegression()}, X[["clinical__age"]], y, tr.Bootstrap632Plus(n_resamples=3)
    )
    filled = checklist(found, "tripod_ai")
    cells = Cells()
    cells.feed(filled.to_html())
    assert set(cells.tags) <= {"section", "h2", "p", "table", "thead", "tbody", "tr", "th", "td"}
    assert "<script>" not in filled.to_html()
    assert any(evil in text for text in cells.text)
    table = [line for line in filled.to_markdown().splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(TRIPOD_NUMBERS)
    for line in table:
        assert len(re.findall(r"(?<!\\)\|", line)) == 6
    assert "<script>" not in filled.to_markdown().replace(r"\<", "")


def test_frame_and_words(result):
    filled = checklist(result, "metrics")
    frame = filled.to_frame()
    frame["status"] = "met"
    assert "met" not in set(filled.items["status"])
    assert filled.items["weight"].tolist() == list(METRICS_WEIGHTS)
    assert "METRICS: 30 items" in repr(filled)
    assert "To be filled in by the authors" in filled.to_markdown()
    with pytest.raises(SettingsError, match="which='strobe'"):
        checklist(result, "strobe")


# -- the score --------------------------------------------------------------------------------


def test_score_counts_weights_over_those_that_apply():
    everything = dict.fromkeys(range(1, 31), True)
    assert metrics_score(everything) == 100.0
    assert metrics_score(dict.fromkeys(range(1, 31), False)) == 0.0
    # by hand: no segmentation takes 8, 9 and 10 out of both sums
    answers = {i: i != 27 for i in range(1, 31) if i not in (8, 9, 10)}
    total = sum(METRICS_WEIGHTS) - 0.034 - 0.022 - 0.011
    expected = round(100 * (total - 0.075) / total, 1)
    assert metrics_score(answers, {"segmentation": False}) == expected
    with pytest.raises(SettingsError, match="apply and have no answer"):
        metrics_score({1: True})
    with pytest.raises(SettingsError, match=r"\[9\] do not apply"):
        metrics_score(everything, {"automated_segmentation": False})
    with pytest.raises(SettingsError, match=r"no \['segmented'\]"):
        metrics_score(everything, {"segmented": False})
    assert set(METRICS_CONDITIONS) == {
        *("segmentation", "automated_segmentation", "handcrafted_features"),
        *("tabular_features", "end_to_end_deep_learning"),
    }
