"""The model card: what is known of a predictor, and what nobody has measured."""

from tumor_response.predictor.card.writing import card_html, card_markdown

__all__ = ["card_html", "card_markdown"]
