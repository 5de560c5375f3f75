"""Weights that were read: the tensors, and all that has to be said of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tumor_response.features.deep.weights.config import TrainingConfig

if TYPE_CHECKING:
    import torch

__all__ = ["NOT_STATED", "RANDOM", "LoadedWeights", "state_sha256"]

NOT_STATED = "not stated"
"""Licence of weights that came without one."""
RANDOM = "random:"
"""How the source of untrained weights begins, and the only words that ask for them."""


@dataclass(frozen=True)
class LoadedWeights:
    """A network's tensors, and where they came from.

    Parameters
    ----------
    state
        Name -> tensor.
    sha256
        :func:`state_sha256` of the tensors as the source holds them, without wrappers around
        them and before any conversion; of a package, under timm's names.
    source
        Package with version, hub repository with commit, file name (never a path: it may hold a
        person's name), or ``"random:<seed>"``.
    licence
        As the source states it; :data:`NOT_STATED` where it doesn't.
    notes
        What was done to the tensors on the way in, one sentence each; empty for most.
    config
        What a ``config.json`` beside the tensors says of their training; ``None`` where there is
        none, and timm's own record holds.
    """

    state: Mapping[str, torch.Tensor]
    sha256: str
    source: str
    licence: str = NOT_STATED
    notes: tuple[str, ...] = ()
    config: TrainingConfig | None = None

    @property
    def is_random(self) -> bool:
        """Whether nobody ever trained these weights."""
        return re.fullmatch(rf"{RANDOM}\d+", self.source) is not None

    def identity(self) -> dict[str, Any]:
        """Return what belongs into the identity of an extractor, JSON-able."""
        return {
            "weights_sha256": self.sha256,
            "weights_source": self.source,
            "weights_licence": self.licence,
            "weights_notes": list(self.notes),
        }

    def description(self) -> str:
        """Return what the dictionary of every column says of the weights."""
        import timm

        what = (
            f"RANDOM weights, never trained ({self.source}): a control"
            if self.is_random
            else f"weights: {self.source}, licence {self.licence}"
        )
        notes = "".join(f"; {note}" for note in self.notes)
        return f"{what}{notes}; SHA-256 {self.sha256}; timm {timm.__version__}"


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names, types, shapes and bytes of all tensors, sorted by name.

    Examples
    --------
    >>> import torch
    >>> state_sha256({"b": torch.zeros(1), "a": torch.ones(2)})[:12]
    '8d92f12ec766'
    """
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        # by bytes: NumPy has no bfloat16
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
