"""Where a model looked: attention maps of its prediction, in the patient's space."""

from tumor_response.explanation.attention.case_attention import CaseAttention
from tumor_response.explanation.attention.computing import attention
from tumor_response.explanation.attention.maps import AttentionMaps
from tumor_response.explanation.attention.methods import method_names
from tumor_response.explanation.attention.settings import (
    AttentionRolloutSettings,
    CamSettings,
    EigenCamSettings,
    GradientRolloutSettings,
    IntegratedGradientsSettings,
    OcclusionSettings,
    ScoreCamSettings,
)
from tumor_response.explanation.attention.weights import EmbeddingWeights, embedding_weights

__all__ = [
    "AttentionMaps",
    "AttentionRolloutSettings",
    "CamSettings",
    "CaseAttention",
    "EigenCamSettings",
    "EmbeddingWeights",
    "GradientRolloutSettings",
    "IntegratedGradientsSettings",
    "OcclusionSettings",
    "ScoreCamSettings",
    "attention",
    "embedding_weights",
    "method_names",
]
