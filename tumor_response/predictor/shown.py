"""What a notebook shows of a predictor: its card in short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tumor_response.notebook import CAUTION, card, facts, more, note
from tumor_response.predictor.card.sections import NOT_A_DEVICE, sections_of, title_of

if TYPE_CHECKING:
    from tumor_response.predictor.fitted import FittedPredictor

__all__ = ["predictor_html"]

_FIRST = ("Training cohort", "End point", "Performance")


def predictor_html(predictor: FittedPredictor) -> str:
    """Return what it is not, what it was fitted to, how well it did; the rest is the card's."""
    caution = note(NOT_A_DEVICE, style=CAUTION)
    if not predictor.is_fitted:
        return card("ShrinkagePredictor", "not fitted", caution)
    state = predictor.state_
    blocks = state.record.get("fit", {}).get("blocks", {})
    columns = ", ".join(f"{name} ({n})" for name, n in blocks.items())
    told = {section.title: section for section in sections_of(state)}
    known = {title: " ".join(told[title].paragraphs) for title in _FIRST if title in told}
    others = [
        more(section.title, *(note(text) for text in section.paragraphs))
        for title, section in told.items()
        if title not in _FIRST and section.paragraphs
    ]
    return card(
        "ShrinkagePredictor",
        title_of(state),
        *(caution, facts({**known, "columns": columns}), *others),
        note(".model_card() has all of it, with tables."),
    )
