"""A network compiled by torch, with its weights as constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["start"]


def start(
    module: torch.nn.Module, device: str, shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs one image through the network; compiling takes a minute or more.

    Parameters
    ----------
    module
        On the processor, in evaluation mode.
    device
        ``"cpu"``.
    shape
        (1, channels, height, width) of the images.
    """
    import torch

    from tumor_response.features.deep.networks.eager import exact_arithmetic

    compiled = torch.compile(module, dynamic=False, options={"freezing": True})

    def run(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), exact_arithmetic(device):
            return np.array(compiled(torch.from_numpy(image)).numpy())

    run(np.zeros(shape, dtype=np.float32))  # compiled now, and not under the first case
    return run
