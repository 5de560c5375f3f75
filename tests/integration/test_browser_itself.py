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
