"""The network as torch runs it: what every other backend has to agree with."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["exact_arithmetic", "start"]


def start(
    module: torch.nn.Module, device: str, shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs one image through the network on a device.

    Parameters
    ----------
    module
        The network; it is moved to the device.
    device
        torch device name.
    shape
        Of the images; eager networks are not prepared for one.
    """
    import torch

    del shape
    # cuBLAS reads it when it first runs; without it sums may be taken in another order
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    network = module.to(device)

    def run(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode(), exact_arithmetic(device):
            features = network(torch.from_numpy(image).to(device))
            return np.asarray(features.cpu().numpy())

    return run


@contextmanager
def exact_arithmetic(device: str) -> Iterator[None]:
    """Hold torch to full float32 and to one order of sums, whatever the program has set.

    No TensorFloat-32 (products of 10 bits, which CUDA convolutions use unless they are told not
    to), no bfloat16, no search for the quickest algorithm. On other devices than the processor an
    operation that has no deterministic algorithm is refused. What was set before comes back.

    Parameters
    ----------
    device
        torch device name.
    """
    import torch

    precision = torch.get_float32_matmul_precision()
    strict = torch.are_deterministic_algorithms_enabled()
    only_warn = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_float32_matmul_precision("highest")
    if device != "cpu":  # there it changes no number, and fills all new memory first
        torch.use_deterministic_algorithms(True)
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=False
        ):
            yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=only_warn)
        torch.set_float32_matmul_precision(precision)
