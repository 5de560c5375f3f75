"""Exact games on ensembles of trees: columns, whole groups, nested groups, pairs of groups."""

from tumor_response.explanation.trees.ensemble import TreeEnsemble, tree_ensemble
from tumor_response.explanation.trees.games import (
    column_shapley,
    group_interactions,
    group_shapley,
    nested_owen,
)
from tumor_response.explanation.trees.path_dependent import (
    path_dependent_base,
    path_dependent_owen,
)
from tumor_response.explanation.trees.reading import is_tree_ensemble

__all__ = [
    "TreeEnsemble",
    "column_shapley",
    "group_interactions",
    "group_shapley",
    "is_tree_ensemble",
    "nested_owen",
    "path_dependent_base",
    "path_dependent_owen",
    "tree_ensemble",
]
