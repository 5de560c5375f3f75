"""The demo's report and a hostile one in a real browser: nothing complains, nothing leaves."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tumor_response as tr
from tests.unit.reporting.viewer_scene import scene

pytestmark = pytest.mark.needs("chromium")

HOSTILE = "</p><script>console.error(1)</script>"
IMAGE = "<img src=x onerror=console.error(2)>"


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report whose patients, columns, models, reasons and title all want to be mark-up."""
    rng = np.random.default_rng(0)
    index = pd.MultiIndex.from_product(
        [[f"{HOSTILE}{i}" for i in range(24)], ["1"]], names=["patient_id", "lesion_id"]
    )
    frame = pd.DataFrame(
        {f"clinical__{HOSTILE}": rng.normal(size=24), "clinical__$\\x$": rng.normal(size=24)}, index
    )
    y = pd.Series(rng.normal(size=24), index=index, name="rate_percent_per_day")
    y.iloc[0] = np.nan
    y.attrs["reasons"] = {index[0]: IMAGE}
    models = {IMAGE: tr.make_model("logistic", n_inner_folds=2)}
    maps, cohort = scene(tuple(index))
    result = tr.evaluate(
        models, frame, y, tr.Bootstrap632Plus(n_resamples=5), label=tr.ResponderCut("median")
    )
    return tr.report(
        result,
        tmp_path_factory.mktemp("report") / "report.html",
        explanations=[tr.explain(result, IMAGE), replace(maps, model=IMAGE)],
        cohort=cohort,
        title=f"Study {HOSTILE}",
        notes=[IMAGE],
        identified=True,
    )


@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desktop"])
def test_a_hostile_report_stays_quiet(visit, hostile_report: Path, width: int) -> None:
    seen = visit(hostile_report, width=width)
    assert seen.complaints == []
    assert seen.requests == []
    assert seen.broken_images == 0
    assert seen.scroll_width <= width  # wide tables scroll inside the page, not the page itself


def test_nothing_is_cut_off_on_paper(visit, hostile_report: Path) -> None:
    narrow = 480  # narrower than the paper, so that there is something to cut
    assert visit(hostile_report, width=narrow).cut_off > 0  # on a screen it can be scrolled
    assert visit(hostile_report, width=narrow, media="print").cut_off == 0
    a4 = 680  # 210 mm less the margins
    assert visit(hostile_report, width=a4, media="print").scroll_width <= a4


def test_a_hostile_report_shuts_nobody_out(faults, hostile_report: Path) -> None:
    assert faults(hostile_report) == []


def test_the_viewer_of_a_hostile_report_runs(browser, hostile_report: Path) -> None:
    tab = browser.open(hostile_report)
    tab.evaluate("document.querySelector('.viewer').scrollIntoView()")
    tab.wait_until("document.querySelector('[data-part=where]').textContent !== ''")
    assert tab.evaluate("document.querySelector('canvas').ariaLabel").startswith(HOSTILE)
    assert (tab.complaints, tab.requests) == ([], [])


def test_the_first_stop_of_the_keyboard_skips_to_the_results(browser, hostile_report: Path) -> None:
    tab = browser.open(hostile_report)
    tab.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    assert tab.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    tab.press("Enter")
    assert tab.evaluate("location.hash") == "#results"


def test_headings_leave_out_no_level(browser, hostile_report: Path) -> None:
    levels = browser.open(hostile_report).evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
