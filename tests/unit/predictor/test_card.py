"""The card says what was measured, and of the rest that it was not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.exceptions import EvaluationError
from tumor_response.predictor.card import card_html, card_markdown
from tumor_response.predictor.card.sections import NOT_A_DEVICE
from tumor_response.predictor.predictor import ShrinkagePredictor
from tumor_response.predictor.record import described
from tumor_response.predictor.state import PredictorState

N = 60


@pytest.fixture(scope="module")
def study() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"SECRET{i:03d}" for i in range(N)], ["1"]], names=["patient_id", "lesion_id"]
    )
    X = pd.DataFrame(rng.normal(size=(N, 4)), index, [f"radiomics__o__f{i}" for i in range(4)])
    X["clinical__volume_cc"] = rng.lognormal(3, 1, N)
    y = pd.Series(X.iloc[:, 0] + rng.normal(size=N), index, name="rate_percent_per_day")
    return X, y


@pytest.fixture(scope="module")
def result(study: tuple[pd.DataFrame, pd.Series]) -> tr.EvaluationResult:
    models = {name: tr.make_model(name) for name in ("logistic", "volume_only")}
    scheme = tr.Bootstrap632Plus(n_resamples=6)
    return tr.evaluate(models, *study, scheme, label=tr.ResponderCut("median"))


@pytest.fixture(scope="module")
def state(study: tuple[pd.DataFrame, pd.Series]) -> PredictorState:
    predictor = ShrinkagePredictor(n_resamples=3, n_repeats=1, label=tr.ResponderCut("median"))
    return predictor.fit_table(*study).state_


def section(page: str, title: str) -> str:
    return page.split(f"## {title}\n")[1].split("\n## ")[0]


def test_what_was_not_measured_is_said_not_to_be(state: PredictorState) -> None:
    page = card_markdown(state)
    assert NOT_A_DEVICE in page
    for title in ("Performance", "Negative controls"):
        assert "Not measured." in section(page, title)
    assert "Not traced." in section(page, "Leakage")
    assert "no other file before it" in section(page, "Parentage")
    assert "None" not in page
    assert "nan" not in page.lower().split()


def test_the_evaluations_numbers_stand_beside_volumes(
    state: PredictorState, result: tr.EvaluationResult
) -> None:
    page = section(card_markdown(described(state, evaluation=result)), "Performance")
    summary = result.summary()
    for name in ("logistic", "volume_only"):
        row = summary.loc[name]
        said = f"{row['auc_oob']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
        assert said in page
    difference = result.compare("logistic", "volume_only")
    assert f"{difference['difference']:+.3f}" in page
    assert "Against clinical factors: not measured." in page


def test_a_difference_whose_interval_holds_zero_is_not_called_better(
    state: PredictorState, result: tr.EvaluationResult
) -> None:
    found = described(state, evaluation=result)
    evaluation = {
        **found.record["evaluation"],
        "beyond_volume_only": {"difference": 0.1, "ci_low": -0.01, "ci_high": 0.21},
    }
    page = card_markdown(replace(found, record={**found.record, "evaluation": evaluation}))
    assert "That it is better than volume alone is not shown." in page


def test_another_studys_evaluation_is_refused(
    state: PredictorState, study: tuple[pd.DataFrame, pd.Series], result: tr.EvaluationResult
) -> None:
    X, y = study
    fewer = tr.evaluate(
        tr.make_model("logistic"),
        X[:40],
        y[:40],
        tr.Bootstrap632Plus(n_resamples=4),
        label=tr.ResponderCut("median"),
    )
    with pytest.raises(EvaluationError, match="n_lesions 40, the predictor's 60") as caught:
        described(state, evaluation=fewer)
    assert caught.value.code == "other_evaluation"
    with pytest.raises(EvaluationError, match="which of") as caught:
        described(state, evaluation=result, model="forest")
    assert caught.value.code == "unknown_model"


def test_what_a_person_wrote_is_text_not_mark_up(state: PredictorState) -> None:
    hostile = "<script>alert(1)</script> | ![x](http://a) **b**"
    found = described(state, about={"name": hostile, "limits": hostile})
    page = card_html(found)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "![" not in card_markdown(found)
    assert "<script" not in card_markdown(found)
    with pytest.raises(EvaluationError, match="colour") as caught:
        described(state, about={"colour": "red"})
    assert caught.value.code == "about"


def test_no_patient_is_named_and_both_pages_say_the_same(
    state: PredictorState, result: tr.EvaluationResult
) -> None:
    found = described(state, evaluation=result, trace=result.leakage(n_resamples=2))
    html, markdown = card_html(found), card_markdown(found)
    assert "SECRET" not in html + markdown
    assert html.count("not a medical device".capitalize()) + html.count("Not a medical device") > 1
    n_rows = html.count("<tr>") - html.count("<thead>")
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(tables) - 2 * html.count("<thead>") == n_rows
