"""The codebook in a real browser: nothing runs but its own script, and its search finds things."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser
from tests.unit.export.books import hostile_table, outcomes_of
from tumor_response.export.codebook import codebook_table, write_codebook

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = hostile_table()
    folder = tmp_path_factory.mktemp("codebook")
    return write_codebook(folder, codebook_table(table, outcomes=outcomes_of(table)))[0]


def test_the_page_stays_quiet_on_phone_and_desktop(visit, page: Path) -> None:
    for width in (390, 1280):
        seen = visit(page, width=width)
        assert seen.complaints == []
        assert seen.requests == []
        assert seen.scroll_width <= width


@pytest.fixture
def asked(browser: Browser, page: Path) -> Callable[[str], Any]:
    """Evaluate an expression in the open page."""
    return browser.open(page).evaluate


SHOWN = """[...document.querySelectorAll("tbody tr")].filter(row => row.offsetParent !== null)
    .map(row => row.querySelector("code").textContent)"""


def enter(field: str, value: str) -> str:
    return f"""(() => {{
        const field = document.getElementById("{field}");
        field.value = {json.dumps(value)};
        field.dispatchEvent(new Event("input", {{ bubbles: true }}));
        return {SHOWN};
    }})()"""


def test_search_and_filters_leave_what_fits(asked: Callable[[str], Any]) -> None:
    names = [*hostile_table().data.columns, *outcomes_of(hostile_table()).columns]
    assert sorted(asked(SHOWN)) == sorted(names)
    contrast, kurtosis = (
        f"radiomics__original__{f}" for f in ("glcm_Contrast", "firstorder_Kurtosis")
    )
    # a code, a definition's words in another order and case, a part of a formula
    assert asked(enter("words", "acui")) == [contrast]
    assert asked(enter("words", "TREATMENT no such words")) == []
    assert asked(enter("words", "per loSt day volume")) == ["rate_cc_per_day"]
    assert asked(enter("words", "(i − j)²")) == [contrast]
    assert asked("document.getElementById('found').textContent") == "1 of 12 shown"
    assert sorted(asked(enter("words", ""))) == sorted(names)
    by_volume = asked(enter("volume", "+80"))
    assert by_volume == ["clinical__volume_cc", kurtosis, "volume_baseline_cc"]
    assert asked(enter("block", "radiomics")) == [kurtosis]
    headings = """[...document.querySelectorAll("main section")].filter(s => !s.hidden).length"""
    assert asked(headings) == 1


def test_the_page_shuts_nobody_out(faults, page: Path) -> None:
    assert faults(page) == []
