"""Where a network's weights come from, and what they are, to the byte.

There is no fallback: no weights is an error that says what to install or to pass. Untrained
weights would give numbers that look like features; they are there for who asks for
``"random:<seed>"``, and are called so wherever they are named.
"""

from tumor_response.features.deep.weights.architecture import architecture_of, checked_backbone
from tumor_response.features.deep.weights.loaded import LoadedWeights, state_sha256
from tumor_response.features.deep.weights.packaged import PACKAGED
from tumor_response.features.deep.weights.sources import load_weights, read_weights

__all__ = [
    "PACKAGED",
    "LoadedWeights",
    "architecture_of",
    "checked_backbone",
    "load_weights",
    "read_weights",
    "state_sha256",
]
