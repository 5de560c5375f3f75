"""The model card in a real browser, with a column that wants to be mark-up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tumor_response.predictor.card import card_html

pytestmark = pytest.mark.needs("chromium")

HOSTILE = "</p><script>console.error(1)</script><img src=x onerror=console.error(2)>"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"P{i:02d}" for i in range(30)], ["1"]], names=["patient_id", "lesion_id"]
    )
    table = pd.DataFrame({f"radiomics__o__{HOSTILE}": rng.normal(size=30)}, index)
    table["clinical__volume_cc"] = rng.lognormal(3, 1, 30)
    y = pd.Series(rng.normal(size=30), index, name="rate_percent_per_day")
    predictor = tr.ShrinkagePredictor(n_resamples=2, n_repeats=1, label=tr.ResponderCut("median"))
    path = tmp_path_factory.mktemp("card") / "card.html"
    path.write_text(card_html(predictor.fit_table(table, y).state_), encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
def test_the_card_stays_quiet(visit, page: Path, width: int) -> None:
    seen = visit(page, width=width)
    assert (seen.complaints, seen.requests) == ([], [])
    assert seen.scroll_width <= width


def test_the_card_shuts_nobody_out(faults, page: Path) -> None:
    assert faults(page) == []
