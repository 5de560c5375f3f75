"""The instrument first: the browser fixture sees the faults that tests of pages look for."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("chromium")

PLANTED = {
    "console error": ("<script>console.error('planted')</script>", "complaints"),
    "exception": ("<script>notDefined()</script>", "complaints"),
    "image from elsewhere": ("<img src='http://example.invalid/x.png'>", "requests"),
    "image that is none": ("<img src='data:image/png;base64,AAAA'>", "broken_images"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_seen(visit, tmp_path: Path, fault: str) -> None:
    body, where = PLANTED[fault]
    page = tmp_path / "page.html"
    page.write_text(f"<!DOCTYPE html><title>t</title>{body}", encoding="utf-8")
    assert getattr(visit(page), where)


def test_a_plain_page_leaves_nothing(visit, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>t</title><p>Plain.</p>", encoding="utf-8")
    seen = visit(page, width=390)
    assert (seen.complaints, seen.requests, seen.broken_images) == ([], [], 0)
    assert seen.scroll_width > 0


ILL = """<!DOCTYPE html><title>t</title><style>p { color: #ccc; background: #fff }</style>
<p>hard to read</p><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">"""
WELL = """<!DOCTYPE html><html lang="en"><title>t</title><main><h1>Well</h1><button>Do</button>
<label>Much <input type="range" min="0" max="9" value="5"></label></main>
<script>document.querySelector("button").onclick = e => { e.target.textContent = "Done" };</script>
"""


def written(folder: Path, text: str) -> Path:
    page = folder / "page.html"
    page.write_text(text, encoding="utf-8")
    return page


def test_axe_finds_planted_faults_and_none_where_there_is_none(browser, tmp_path: Path) -> None:
    found = {fault.rule for fault in browser.open(written(tmp_path, ILL)).faults()}
    assert {"color-contrast", "image-alt", "html-has-lang"} <= found
    assert browser.open(written(tmp_path, WELL)).faults() == []


def test_keys_and_clicks_arrive(browser, tmp_path: Path) -> None:
    tab = browser.open(written(tmp_path, WELL))
    tab.focus("input")
    tab.press("ArrowRight", times=2)
    assert tab.evaluate("document.querySelector('input').value") == "7"
    tab.click("button")
    assert tab.evaluate("document.querySelector('button').textContent") == "Done"
    assert 0 < tab.usable_after_s("button") < 60


def test_without_javascript_no_script_of_the_page_runs(browser, tmp_path: Path) -> None:
    page = written(tmp_path, "<!DOCTYPE html><title>t</title><script>document.title='ran'</script>")
    assert browser.open(page).evaluate("document.title") == "ran"
    assert browser.open(page, javascript=False).evaluate("document.title") == "t"


def test_colour_scheme_and_media_are_as_asked(browser, tmp_path: Path) -> None:
    page = written(tmp_path, WELL)
    for scheme, media in (("light", "screen"), ("dark", "screen"), ("light", "print")):
        tab = browser.open(page, scheme=scheme, media=media)
        assert tab.evaluate(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        assert tab.evaluate(f"matchMedia('{media}').matches")
    assert tab.screenshot(tmp_path / "s.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert tab.pdf(tmp_path / "s.pdf").read_bytes()[:5] == b"%PDF-"


def test_a_page_that_is_not_there_is_no_page(browser, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ERR_FILE_NOT_FOUND"):
        browser.open(tmp_path / "none.html")
