"""One visit of a page in a real browser, and what it left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser import Browser, Fault, Media

BROKEN_IMAGES = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
CUT_OFF = """[...document.querySelectorAll('body *')].filter(
    e => getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth
).length"""


@dataclass
class Visit:
    """What one visit of a page left behind."""

    complaints: list[str]  # console errors, warnings, exceptions
    requests: list[str]  # everything asked for, less the page itself
    scroll_width: int
    broken_images: int
    cut_off: int  # elements that hold more than they show; a reader can scroll, paper cannot


@pytest.fixture
def visit(browser: Browser) -> Callable[..., Visit]:
    """Open a local page, on screen or as printed, and report what it did; needs("chromium")."""

    def visit(page: Path, width: int = 1280, media: Media = "screen") -> Visit:
        tab = browser.open(page, width=width, media=media)
        tab.settle()
        return Visit(
            tab.complaints,
            tab.requests,
            tab.evaluate("document.documentElement.scrollWidth"),
            tab.evaluate(BROKEN_IMAGES),
            tab.evaluate(CUT_OFF),
        )

    return visit


@pytest.fixture
def faults(browser: Browser) -> Callable[[Path], list[Fault]]:
    """Return what axe-core finds serious or critical on a page, light and dark, wide and narrow."""

    def faults(page: Path) -> list[Fault]:
        seen = (browser.open(page, scheme="light"), browser.open(page, width=390, scheme="dark"))
        return [fault for tab in seen for fault in tab.faults()]

    return faults
