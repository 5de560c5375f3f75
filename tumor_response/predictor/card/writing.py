"""The card as Markdown and as one HTML page, from the same sections."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2

from tumor_response._version import __version__
from tumor_response.predictor.card.sections import NOT_A_DEVICE, Section, sections_of, title_of
from tumor_response.predictor.state import PredictorState

__all__ = ["card_html", "card_markdown"]

_TEMPLATES = Path(__file__).parent / "templates"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!])")


def card_markdown(state: PredictorState) -> str:
    """Return the model card as Markdown; whatever could be mark-up in it is escaped.

    Parameters
    ----------
    state
        Of a fitted predictor.
    """
    parts = [f"# {_plain(title_of(state))}", f"> **{NOT_A_DEVICE}**"]
    for section in sections_of(state):
        parts.append(f"## {_plain(section.title)}")
        parts += [_plain(text) for text in section.paragraphs]
        if section.header:
            parts.append(_table(section))
    parts.append(f"Made by tumor_response {__version__} from the predictor's own record.")
    return "\n\n".join(parts) + "\n"


def card_html(state: PredictorState) -> str:
    """Return the model card as one page that needs no network.

    Parameters
    ----------
    state
        Of a fitted predictor.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,  # names and notes are text, never mark-up
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("card.html.jinja").render(
        title=title_of(state),
        warning=NOT_A_DEVICE,
        sections=sections_of(state),
        css=(_TEMPLATES / "card.css").read_text(encoding="utf-8"),
        version=__version__,
    )


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _table(section: Section) -> str:
    lines = [section.header, ("---",) * len(section.header)]
    written = [f"| {' | '.join(map(_plain, lines[0]))} |", f"| {' | '.join(lines[1])} |"]
    written += [f"| {' | '.join(map(_plain, row))} |" for row in section.rows]
    return "\n".join(written)
