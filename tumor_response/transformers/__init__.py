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
from tumor_response.transformers.boruta import BorutaFilter
from tumor_response.transformers.clinical_set import ClinicalSet
from tumor_response.transformers.clusters import CorrelationClusters
from tumor_response.transformers.components import BlockPCA, BlockPLS, BlockSupervisedPCA
from tumor_response.transformers.correlation import CorrelationFilter
from tumor_response.transformers.encode import CategoryEncoder
from tumor_response.transformers.filters import ColumnFilter
from tumor_response.transformers.impute import MedianImputer
from tumor_response.transformers.keys import (
    chosen_key_column,
    is_key_column,
    keys_needed,
    keys_read,
    reads_keys,
)
from tumor_response.transformers.mann_whitney import MannWhitneyFilter
from tumor_response.transformers.missing import MissingnessFilter
from tumor_response.transformers.mrmr import MRMRFilter
from tumor_response.transformers.record import selection_record
from tumor_response.transformers.scale import BlockScaler, LogTransformer
from tumor_response.transformers.select import NearConstantFilter, UnivariateFilter
from tumor_response.transformers.selections import Selection, selection_steps
from tumor_response.transformers.stability import StabilitySelection
from tumor_response.transformers.stable import StableColumns, stable_steps
from tumor_response.transformers.volume import VolumeRedundancyFilter

__all__ = [
    "UNNAMED_BLOCK",
    "BlockPCA",
    "BlockPLS",
    "BlockScaler",
    "BlockSelector",
    "BlockSupervisedPCA",
    "BorutaFilter",
    "CategoryEncoder",
    "ClinicalSet",
    "ColumnFilter",
    "CorrelationClusters",
    "CorrelationFilter",
    "LogTransformer",
    "MRMRFilter",
    "MannWhitneyFilter",
    "MedianImputer",
    "MissingnessFilter",
    "NearConstantFilter",
    "Selection",
    "StabilitySelection",
    "StableColumns",
    "ToArray",
    "UnivariateFilter",
    "VolumeRedundancyFilter",
    "bind_blocks",
    "block_of",
    "block_selectors",
    "blocks_of",
    "chosen_key_column",
    "is_key_column",
    "is_predictor",
    "keys_needed",
    "keys_read",
    "reads_keys",
    "selection_record",
    "selection_steps",
    "stable_steps",
]
