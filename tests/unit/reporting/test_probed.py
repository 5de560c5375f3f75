"""Deep blocks and volume on the page: told where it was planted, not told where it was not."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

import tumor_response as tr
from tests.unit.evaluation.planted import evaluated, planted
from tumor_response.evaluation import volume_check

TOLD = "is the tumour's volume, as far as this study can tell"


class Text(HTMLParser):
    """What a reader sees, style sheets left out."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tag = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tag = tag

    def handle_data(self, data):
        if self.tag != "style":
            self.parts.append(data)

    def __str__(self) -> str:
        return " ".join(" ".join(self.parts).split())


def page_of(result, folder: Path, **settings) -> str:
    path = tr.report(result, folder / "report.html", headline="deep", **settings)
    return str(Text(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(("kind", "is_told"), [("volume", True), ("independent", False)])
def test_a_block_that_holds_only_volume_is_told_so_unasked(tmp_path, kind, is_told):
    text = page_of(evaluated(kind), tmp_path)
    front, _, below = text.partition("Contents")
    assert (TOLD in front) == is_told  # on page one
    assert (TOLD in below) == is_told
    assert "Deep blocks and volume" in below
    assert ("predicts something that volume does not" in below) == (not is_told)
    assert "AUC of the block among tumours of equal volume" in below
    assert "What can be read off the 40 columns of deep" in below
    assert "slice_thickness_mm" in below


def test_a_check_that_is_given_is_shown_and_none_can_be_asked_for(tmp_path):
    result = evaluated("volume", n_resamples=4)
    check = volume_check(result)
    assert "cannot be told from" in page_of(result, tmp_path, volume_checks=[check])
    without = page_of(result, tmp_path, volume_checks=())
    assert "Not checked: deep." in without
    assert TOLD not in without


def test_without_a_volume_it_says_that_nothing_can_be_told(tmp_path):
    result = evaluated("volume", n_resamples=3)
    table = result.rows.X.drop(columns="clinical__volume_cc")
    y = result.rows.outcome
    label = tr.ResponderCut("median")
    model = tr.make_model("logistic", blocks=["deep"], Cs=(0.1,))
    blind = tr.evaluate({"deep": model}, table, y, result.scheme, label=label)
    assert "can be told only where the table holds the volume" in page_of(blind, tmp_path)


def test_a_reduced_model_says_what_it_consists_of(tmp_path):
    X, rate = planted("volume", n=40)
    model = tr.make_model("logistic", blocks=["deep"], reduction="mrmr", Cs=(0.1,))
    scheme, label = tr.Bootstrap632Plus(n_resamples=2), tr.ResponderCut("median")
    result = tr.evaluate({"deep": model}, X, rate, scheme, label=label)
    text = page_of(result, tmp_path, volume_checks=())
    assert "ReducedRidgeLogistic (CorrelationFilter → MRMRFilter → BlockScaler)" in text


def test_a_table_without_a_deep_block_has_no_such_section(tmp_path):
    result = evaluated("volume", n_resamples=3)
    table = result.rows.X.rename(columns=lambda c: c.replace("deep__", "radiomics__"))
    model = tr.make_model("logistic", blocks=["radiomics"], Cs=(0.1,))
    label = tr.ResponderCut("median")
    other = tr.evaluate({"deep": model}, table, result.rows.outcome, result.scheme, label=label)
    assert "Deep blocks and volume" not in page_of(other, tmp_path)
