"""Encoders trained on medical images, 2-D and 3-D: adapters for known ones, and for one's own."""

from tumor_response.features.deep.encoders.catalogue import ENCODERS, known_encoder
from tumor_response.features.deep.encoders.encoder import Encoder, SliceSettings
from tumor_response.features.deep.encoders.extractor import EncoderFeatures
from tumor_response.features.deep.patches import PatchSettings

__all__ = [
    "ENCODERS",
    "Encoder",
    "EncoderFeatures",
    "PatchSettings",
    "SliceSettings",
    "known_encoder",
]
