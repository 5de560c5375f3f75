"""What a reader sees of a page: texts by section, pictures as arrays."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np

__all__ = ["pictures", "section", "text", "verdict"]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.inside: list[str] = []
        self.parts: dict[str, list[str]] = {}
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag in ("section", "footer", "header", "style", "title"):
            self.inside.append(found.get("aria-labelledby", tag))
        if tag == "img":
            self.sources.append(found["src"])

    def handle_endtag(self, tag):
        if tag in ("section", "footer", "header", "style", "title"):
            self.inside.pop()

    def handle_data(self, data):
        words = " ".join(data.split())
        if words and "style" not in self.inside:
            self.said.append(words)
            self.parts.setdefault(self.inside[-1] if self.inside else "", []).append(words)


def _read(page: Path) -> _Reader:
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def text(page: Path) -> str:
    return " ".join(_read(page).said)


def section(page: Path, name: str) -> str:
    return " ".join(_read(page).parts.get(name, []))


def verdict(page: Path) -> str:
    found = re.search(r'data-verdict="(\w+)"', page.read_text(encoding="utf-8"))
    assert found
    return found[1]


def pictures(page: Path) -> list[np.ndarray]:
    return [
        matplotlib.image.imread(io.BytesIO(base64.b64decode(source.partition(",")[2])))
        for source in _read(page).sources
    ]
