"""Trees: their exact games on the players of a hierarchy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tumor_response.explanation.attributed import Attribution, Seen
from tumor_response.explanation.game import ValueFunction
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.trees import (
    TreeEnsemble,
    group_interactions,
    nested_owen,
    path_dependent_base,
    path_dependent_owen,
)

__all__ = ["tree_attribution"]

FloatArray = npt.NDArray[np.float64]


def tree_attribution(
    ensemble: TreeEnsemble, seen: Seen, hierarchy: Hierarchy, value_function: ValueFunction
) -> Attribution:
    """Attribute an ensemble of trees in the output that they sum up, at every level, exactly.

    Parameters
    ----------
    ensemble
        The trees.
    seen
        Background and rows as they reach them.
    hierarchy
        The players.
    value_function
        What stands for an absent column.
    """
    z, x = seen.numbers()
    tree, n_blocks, width = hierarchy, len(hierarchy.blocks), len(hierarchy.players)
    block, family = tree.block_of_player[seen.owner], tree.family_of_player[seen.owner]
    levels = [block, family, seen.owner]
    pairs = None
    if value_function == "interventional":
        base = float(ensemble.outputs(z).mean())
        nested = nested_owen(ensemble, z, x, levels)
        single = nested_owen(ensemble, z, x, [seen.owner])
        if n_blocks > 1:
            both = group_interactions(ensemble, z, x, block, n_blocks)
            pairs = both[:, *np.triu_indices(n_blocks, 1)]
    else:
        base = path_dependent_base(ensemble)
        nested = path_dependent_owen(ensemble, x, levels)
        single = path_dependent_owen(ensemble, x, [seen.owner])
    return Attribution(
        values=_widened(single[0], width),
        nested_values=_widened(nested[2], width),
        family_values=_widened(nested[1], len(tree.families)),
        block_values=_widened(nested[0], n_blocks),
        base=base,
        outputs=ensemble.outputs(x),
        interactions=pairs,
    )


def _widened(values: FloatArray, width: int) -> FloatArray:
    """Return values of all players: the last ones, of which no column is left, have 0."""
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))
