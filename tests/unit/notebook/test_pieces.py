"""Pieces of HTML: everything escaped, tables that end and say so, nothing raised."""

from __future__ import annotations

import warnings
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from tumor_response.notebook import card, facts, grid, more, note, picture, shown

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Tags(HTMLParser):
    """What a browser makes of a piece: its tags, and whether they close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_frame() -> pd.DataFrame:
    index = pd.Index([HOSTILE, "b"], name=HOSTILE)
    return pd.DataFrame({HOSTILE: [HOSTILE, None], "n": [1.0, np.nan]}, index=index)


@pytest.mark.parametrize(
    "piece",
    [
        facts({HOSTILE: HOSTILE}),
        grid(hostile_frame(), what=HOSTILE, n_rows=1),
        note(HOSTILE),
        note("x", HOSTILE),
        more(HOSTILE, note(HOSTILE)),
        picture(b"\x00", HOSTILE, 10),
        card(HOSTILE, HOSTILE, note(HOSTILE)),
    ],
)
def test_what_comes_from_files_is_text(piece: str) -> None:
    tags = Tags(piece)
    assert "script" not in tags.seen
    assert not any(name.startswith("on") for name in tags.attributes)
    assert tags.seen.count("img") == piece.count("data:image/png;base64,")


@pytest.mark.parametrize(("n", "said"), [(10, ""), (11, "10 of 11 lesions")])
def test_a_table_says_where_it_ends(n: int, said: str) -> None:
    tags = Tags(grid(pd.DataFrame({"a": range(n)}), what="lesions"))
    assert tags.seen.count("tr") == 1 + min(n, 10)
    assert tags.text.endswith(said)
    assert ("of" in tags.text) == bool(said)


def test_columns_are_counted_without_the_index() -> None:
    frame = pd.DataFrame(np.zeros((2, 5)), columns=list("abcde")).rename_axis("key")
    tags = Tags(grid(frame, n_columns=3))
    assert tags.seen.count("th") == 4
    assert tags.text.endswith("3 of 5 columns")


def test_no_colour_of_text_or_background_is_set() -> None:
    """Light and dark are the notebook's: a colour of ours would be unreadable in one of them."""
    whole = card("a", "b", facts({"c": 1}), grid(hostile_frame()), more("d", note("e")))
    assert ";color:" not in whole
    assert '"color:' not in whole
    assert set(whole.split("background:")[1:]) == {
        part for part in whole.split("background:")[1:] if part.startswith("transparent")
    }


def test_showing_never_raises_and_says_why() -> None:
    def broken(thing: object) -> str:
        raise KeyError(HOSTILE)

    tags = Tags(shown(object(), broken))
    assert "KeyError" in tags.text
    assert HOSTILE in tags.text


def test_showing_warns_nobody() -> None:
    def warning(thing: object) -> str:
        warnings.warn("a mean of nothing", RuntimeWarning, stacklevel=2)
        return "shown"

    assert shown(object(), warning) == "shown"
