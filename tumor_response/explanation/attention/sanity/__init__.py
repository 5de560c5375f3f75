"""Can a map be wrong? Randomised weights and labels, insertion and deletion, agreement."""

from tumor_response.explanation.attention.sanity.checking import attention_sanity
from tumor_response.explanation.attention.sanity.result import AttentionSanity
from tumor_response.explanation.attention.sanity.settings import SanitySettings

__all__ = ["AttentionSanity", "SanitySettings", "attention_sanity"]
