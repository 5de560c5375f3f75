"""A network as an ONNX program, for the runtimes that read one."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["INPUT", "onnx_program"]

INPUT = "image"
"""Name of the program's input."""


def onnx_program(module: torch.nn.Module, shape: tuple[int, ...]) -> bytes:
    """Return the program of a network, for one shape of input.

    Made by every process for itself, in 1 to 3 s: keeping hundreds of megabytes on disk, or sending
    them to workers, would cost more. The same network gives the same bytes.

    Parameters
    ----------
    module
        On the processor, in evaluation mode.
    shape
        (1, channels, height, width). It is fixed, so that whatever in the network depends on it
        is worked out once.

    Raises
    ------
    Exception
        Whatever torch raises for a network that it cannot express.

    Examples
    --------
    >>> import timm
    >>> network = timm.create_model("test_resnet", num_classes=0).eval()
    >>> program = onnx_program(network, (1, 3, 64, 64))
    >>> program == onnx_program(network, (1, 3, 64, 64))
    True
    """
    import torch

    # the tracing exporter folds normalisation into convolutions and takes a tenth of the time of
    # the one that is torch's default since 2.9; that it will go some day is said on every call
    with (
        tempfile.TemporaryDirectory() as place,
        warnings.catch_warnings(),
        torch.no_grad(),
    ):
        warnings.simplefilter("ignore")
        path = Path(place) / "network.onnx"
        torch.onnx.export(
            module,
            (torch.zeros(shape),),
            path,
            input_names=[INPUT],
            output_names=["features"],
            opset_version=17,
            dynamo=False,
        )
        return path.read_bytes()
