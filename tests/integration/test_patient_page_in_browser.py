"""Patient pages in a real browser: one side of A4, quiet, usable on a phone, without fault."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import tumor_response as tr
from tests.browser import Browser
from tests.unit.reporting.patient.made import write_lesion
from tumor_response.predictor import RefusalRule

pytestmark = pytest.mark.needs("chromium")

HOSTILE = "</p><script>console.error(1)</script>"
LONG = f"{HOSTILE}{' a name that is far too long for any page' * 5}"
KINDS = ["attention", "plain", "refused"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The fullest pages there are, with hostile and long names, and a refused one."""
    folder = tmp_path_factory.mktemp("patient")
    rows = pd.DataFrame(
        [
            {
                "patient_id": f"P{place:02d}{LONG}",
                "lesion_id": "1",
                "age": 40.0 + 3 * place,
                **write_lesion(folder, f"case{place}", 4 + place % 5),
            }
            for place in range(14)
        ]
    )
    rows[f"marker {HOSTILE} of a very long and winding name"] = rows["age"] % 7
    every = list(tr.Cohort.from_frame(rows))
    train, new = tr.Cohort(every[:12]), tr.Cohort(every[12:])
    variables = ["age", "volume_cc", rows.columns[-1]]
    network = tr.DeepFeatures("test_resnet", weights="random:0", input_px=64)
    extractors = [tr.Radiomics("minimal"), network, tr.ClinicalFactors(variables)]
    table = tr.extract(train, extractors)
    predictor = tr.ShrinkagePredictor(
        extractors,
        label=tr.ResponderCut("median"),
        n_folds=2,
        n_repeats=1,
        n_resamples=2,
        coverages=(0.6,),
    )
    y = pd.Series(range(12), train.keys, name="rate_percent_per_day", dtype=float)
    predictor.fit_table(table, y).describe(about={"name": LONG})
    predictor.save(folder / "model.trz")
    asked = {"training": table, "y": y, "coverage": 0.6, "identified": True}
    full = tr.patient_page(predictor, new, folder / "full", attention=True, contours=2, **asked)
    plain = tr.patient_page(predictor, every[12], folder / "plain", **asked)
    rule = RefusalRule(out_of_domain=True)
    aged = rows.iloc[12:13].assign(age=400.0)
    refused = tr.patient_page(
        predictor, tr.Cohort.from_frame(aged), folder / "refused", refuse=rule, **asked
    )
    return {
        kind: next(iter(written.paths.values()))
        for kind, written in zip(KINDS, (full, plain, refused), strict=True)
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_page_is_quiet_and_without_fault(
    browser: Browser, pages: dict[str, Path], kind: str, width: int, scheme: str
) -> None:
    tab = browser.open(pages[kind], width=width, scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    assert tab.faults() == []
    assert (tab.complaints, tab.requests) == ([], [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_prints_to_one_side_of_a4(
    browser: Browser, pages: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    printed = browser.open(pages[kind], media="print").pdf(tmp_path / "page.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) == 1
    boxes = re.findall(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)", printed)
    assert [(round(float(w)), round(float(h))) for w, h in boxes] == [(595, 842)]


def test_the_fullest_page_shows_all_it_has(browser: Browser, pages: dict[str, Path]) -> None:
    tab = browser.open(pages["attention"])
    assert tab.evaluate("document.images.length") == 6
    sections = "[...document.querySelectorAll('section')].map(s => s.className.split(' ')[0])"
    assert tab.evaluate(sections) == ["said", "tumour", "beside", "domain", "similar", "drove"]
    assert tab.evaluate("document.querySelectorAll('.similar tbody tr').length") == 5
