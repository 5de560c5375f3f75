"""How firm an explanation is: ranks over resamples, agreement of top lists, permuted outcomes."""

from tumor_response.explanation.stability.band import ExplanationNull
from tumor_response.explanation.stability.firmness import Stability
from tumor_response.explanation.stability.null import explanation_null
from tumor_response.explanation.stability.overlap import TopKOverlap, nogueira, top_k_overlap
from tumor_response.explanation.stability.ranks import rank_frequencies, rank_table, top_sets

__all__ = [
    "ExplanationNull",
    "Stability",
    "TopKOverlap",
    "explanation_null",
    "nogueira",
    "rank_frequencies",
    "rank_table",
    "top_k_overlap",
    "top_sets",
]
