"""What a reader would stumble over in a figure: small, hidden or cut texts."""

from __future__ import annotations

import itertools
from typing import Any

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SMALLEST_PT = 7.0
_TOUCHES_PX = 2.0


class _Recorder(RendererAgg):
    """Notes the texts that are really drawn; hidden ticks are not."""

    def __init__(self, *size: float) -> None:
        super().__init__(*size)
        self.texts: dict[int, Text] = {}

    def draw_text(self, *args: Any, **kwargs: Any) -> None:
        mtext = kwargs.get("mtext") or args[-1]
        if isinstance(mtext, Text):
            self.texts[id(mtext)] = mtext


def texts_of(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Return every text that is drawn, with where it is in pixels."""
    width, height = figure.bbox.size
    renderer = _Recorder(width, height, figure.dpi)
    figure.draw_without_rendering()  # as before saving: the first layout is not the settled one
    figure.draw(renderer)
    # an annotation counts its arrow in; it is not text
    extent = Text.get_window_extent
    return [(text, extent(text, renderer)) for text in renderer.texts.values()]


def faults_of(figure: Figure) -> list[str]:
    """Return what is wrong with a figure's texts, in words."""
    texts = texts_of(figure)
    told = [
        f"{text.get_text()!r} has {text.get_fontsize()} pt"
        for text, _ in texts
        if text.get_fontsize() < SMALLEST_PT
    ]
    width, height = figure.bbox.size
    for text, box in texts:
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            told.append(f"{text.get_text()!r} is cut off")
    # the box of a slanted text says little about where its letters are
    upright = [(text, box) for text, box in texts if text.get_rotation() in (0.0, 90.0)]
    for (one, of_one), (other, of_other) in itertools.combinations(upright, 2):
        wide = min(of_one.x1, of_other.x1) - max(of_one.x0, of_other.x0)
        high = min(of_one.y1, of_other.y1) - max(of_one.y0, of_other.y0)
        if wide > _TOUCHES_PX and high > _TOUCHES_PX:
            told.append(f"{one.get_text()!r} lies on {other.get_text()!r}")
    return told
