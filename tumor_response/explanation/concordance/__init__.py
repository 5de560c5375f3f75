"""Whether attention lay in the tumour, and where the tumour shrank."""

from tumor_response.explanation.concordance.computing import attention_concordance
from tumor_response.explanation.concordance.result import Concordance
from tumor_response.explanation.concordance.settings import ConcordanceSettings

__all__ = ["Concordance", "ConcordanceSettings", "attention_concordance"]
