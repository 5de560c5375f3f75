"""Pipeline steps on DataFrames: whatever is fitted here is refitted in every resample.

All steps take and return a DataFrame, keep its index (which names the patient of every row) and
implement ``get_feature_names_out``.
"""

from tumor_response.transformers.arrays import ToArray
from tumor_response.transformers.blocks import (
    UNNAMED_BLOCK,
    BlockSelector,
    bind_blocks,
    block_of,
    block_selectors,
    blocks_of,
    is_predictor,
)
from tumor_response.transformers.components import BlockPCA, BlockPLS, BlockSupervisedPCA
from tumor_response.transformers.correlation import CorrelationFilter
from tumor_response.transformers.encode import CategoryEncoder
from tumor_response.transformers.impute import MedianImputer
from tumor_response.transformers.keys import chosen_key_column, is_key_column, keys_read
from tumor_response.transformers.mrmr import MRMRFilter
from tumor_response.transformers.scale import BlockScaler, LogTransformer
from tumor_response.transformers.select import NearConstantFilter, UnivariateFilter

__all__ = [
    "UNNAMED_BLOCK",
    "BlockPCA",
    "BlockPLS",
    "BlockScaler",
    "BlockSelector",
    "BlockSupervisedPCA",
    "CategoryEncoder",
    "CorrelationFilter",
    "LogTransformer",
    "MRMRFilter",
    "MedianImputer",
    "NearConstantFilter",
    "ToArray",
    "UnivariateFilter",
    "bind_blocks",
    "block_of",
    "block_selectors",
    "blocks_of",
    "chosen_key_column",
    "is_key_column",
    "is_predictor",
    "keys_read",
]
