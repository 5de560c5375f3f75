"""Models that learn from images inside the fold: fine-tuned networks, learned pooling."""

from tumor_response.models.learned.attention_pooling import AttentionPooling
from tumor_response.models.learned.finetuned import FineTuned

__all__ = ["AttentionPooling", "FineTuned"]
