"""A network run by ONNX Runtime, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tumor_response.features.deep.networks.onnx_program import INPUT, onnx_program

if TYPE_CHECKING:
    import torch

__all__ = ["start"]


def start(
    module: torch.nn.Module, device: str, shape: tuple[int, ...]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what runs one image through the network.

    Parameters
    ----------
    module
        On the processor, in evaluation mode; not needed afterwards.
    device
        ``"cpu"``.
    shape
        (1, channels, height, width) of the images.
    """
    import onnxruntime

    del device
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the calling thread: no pool is started
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.use_deterministic_compute = True
    options.log_severity_level = 3  # errors, which are raised as well
    session = onnxruntime.InferenceSession(
        onnx_program(module, shape), options, providers=["CPUExecutionProvider"]
    )

    def run(image: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {INPUT: image})[0])

    return run
