"""Whether one model is better than another, by how much, and what choosing the best has cost."""

from tumor_response.evaluation.comparison.adjusted import adjusted_p_values
from tumor_response.evaluation.comparison.best_of_k import (
    BestOfK,
    best_of_k,
    best_of_k_from_scores,
)
from tumor_response.evaluation.comparison.difference import compare_models
from tumor_response.evaluation.comparison.increments import compared_pairs, increments
from tumor_response.evaluation.comparison.nested import LikelihoodRatio, likelihood_ratio_test

__all__ = [
    "BestOfK",
    "LikelihoodRatio",
    "adjusted_p_values",
    "best_of_k",
    "best_of_k_from_scores",
    "compare_models",
    "compared_pairs",
    "increments",
    "likelihood_ratio_test",
]
