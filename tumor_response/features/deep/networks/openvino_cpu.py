"""A network run by OpenVINO, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tumor_response.features.deep.networks.onnx_program import onnx_program

if TYPE_CHECKING:
    import torch

__all__ = ["start"]

_OPTIONS = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "INFERENCE_PRECISION_HINT": "f32",  # where the processor has bfloat16 it would be taken
    "EXECUTION_MODE_HINT": "ACCURACY",
    "ENABLE_CPU_PINNING": False,  # else every worker is pinned to the same core
}


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
    import openvino

    del device
    # read by the runtime itself: the converter beside it sends usage statistics
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(onnx_program(module, shape)), "CPU", _OPTIONS)
    request = compiled.create_infer_request()

    def run(image: np.ndarray) -> np.ndarray:
        request.infer([image])
        return np.array(request.get_output_tensor(0).data)  # a copy: the buffer is used again

    return run
