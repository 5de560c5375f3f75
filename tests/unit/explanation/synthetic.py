"""Explanations made of random numbers, for what only reads them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tumor_response.explanation import Explanation
from tumor_response.explanation.hierarchy import Hierarchy
from tumor_response.explanation.stability.band import ExplanationNull
from tumor_response.explanation.stability.overlap import overlap_of_sets
from tumor_response.explanation.stability.ranks import LEVELS, block_of_each, top_sets

LONG = "radiomics__log_sigma_3_mm__glszm_SmallAreaLowGrayLevelEmphasis"


def explanation_of(
    columns: list[str],
    n_lesions: int = 30,
    n_resamples: int | None = 20,
    seed: int = 0,
    dictionary: pd.DataFrame | None = None,
    features: pd.DataFrame | None = None,
) -> Explanation:
    """Return an explanation whose columns matter the less the later they come."""
    rng = np.random.default_rng(seed)
    blocks: dict[str, list[str]] = {}
    for column in columns:
        blocks.setdefault(column.partition("__")[0], []).append(column)
    tree = Hierarchy.of(blocks, dictionary)
    index = pd.MultiIndex.from_tuples(
        [(f"P{i:02d}", "1") for i in range(n_lesions)], names=["patient_id", "lesion_id"]
    )
    scale = 1 / (1 + np.arange(len(columns)))
    values = pd.DataFrame(
        rng.normal(size=(n_lesions, len(columns))) * scale, index, list(tree.players)
    )

    def summed(groups: dict[str, list[str]]) -> pd.DataFrame:
        return pd.DataFrame({name: values[members].sum(axis=1) for name, members in groups.items()})

    by_resample = None
    if n_resamples is not None:
        noise = rng.lognormal(0, 0.8, size=(n_resamples, len(columns)))
        by_resample = pd.DataFrame(noise * scale, columns=tree.players)

    def of_groups(groups: dict[str, list[str]]) -> pd.DataFrame | None:
        if by_resample is None:
            return None
        return pd.DataFrame(
            {name: by_resample[members].sum(axis=1) for name, members in groups.items()}
        )

    if features is None:
        features = pd.DataFrame(rng.normal(size=values.shape), index, tree.players)
    base = pd.Series(0.1, index, name="base_value")
    out_of_bag = by_resample is not None
    return Explanation(
        name="synthetic",
        mode="out_of_bag" if out_of_bag else "in_sample",
        output="log_odds",
        value_function="interventional",
        level="column",
        method="exact",
        values=values,
        block_values=summed(tree.blocks),
        family_values=summed(tree.families),
        nested_values=values,
        base_values=base,
        outputs=(base + values.sum(axis=1)).rename("output"),
        spread=0.3 * values.abs() if out_of_bag else None,
        family_spread=None,
        block_spread=None,
        standard_error=None,
        family_standard_error=None,
        block_standard_error=None,
        n_pairs=None,
        n_out_of_bag=None,
        top_ten_share=(
            pd.Series(top_sets(by_resample, 10).mean(axis=0), tree.players) if out_of_bag else None
        ),
        column_mean_abs=by_resample,
        family_mean_abs=of_groups(tree.families),
        block_mean_abs=of_groups(tree.blocks),
        block_interactions=None,
        features=features.set_axis(index)[tree.players],
        blocks=tree.blocks,
        families=tree.families,
        dictionary=dictionary,
    )


def null_of(explanation: Explanation, n_permutations: int = 19, seed: int = 1) -> ExplanationNull:
    """Return a null in which every column's values are exchangeable with the observed ones."""
    rng = np.random.default_rng(seed)
    columns = explanation.column_mean_abs
    frames = {
        "column": columns,
        "family": explanation.family_mean_abs,
        "block": explanation.block_mean_abs,
    }
    permuted = {
        level: pd.DataFrame(
            rng.lognormal(0, 0.5, size=(n_permutations, frame.shape[1])) * frame.mean().to_numpy(),
            columns=frame.columns,
        )
        for level, frame in frames.items()
    }
    listed = overlap_of_sets(top_sets(columns, 3), "column", 3)
    return ExplanationNull(
        name=explanation.name,
        columns=permuted["column"],
        families=permuted["family"],
        blocks=permuted["block"],
        observed={level: frame.mean() for level, frame in frames.items()},
        overlap=pd.DataFrame({"nogueira": 0.1, "mean_shared": 0.5}, range(n_permutations)),
        observed_overlap=listed,
        block_of={level: list(block_of_each(explanation, level).values()) for level in LEVELS},
        n_resamples=len(columns),
        n_redrawn=0,
        n_fixed=0,
        seed=seed,
    )
