"""Which backend is tried first for which kind of network, as measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["ORDERS", "network_family"]

ORDERS: dict[str, tuple[str, ...]] = {
    "depthwise": ("onnxruntime", "openvino", "eager"),
    "dense": ("onnxruntime", "openvino", "eager"),
    "linear": ("onnxruntime", "openvino", "eager"),
}
"""Family of networks -> backends that ``"auto"`` tries, in this order.

Decided by ``benchmarks/deep_speed.py`` (``benchmarks/results/deep_speed_backends.csv``): ONNX
Runtime and OpenVINO are within a few percent of each other on all families, and the first is
installed with the library; torch itself is slower. What torch compiles stands in no order: it
takes minutes before the first number.
"""


def network_family(module: torch.nn.Module) -> str:
    """Return what most of a network's weights are in.

    Parameters
    ----------
    module
        Any network.

    Returns
    -------
    str
        ``"linear"`` (layers of matrices: transformers, ConvNeXt), else ``"depthwise"``
        (convolutions, some of them of single channels: MobileNet, EfficientNet), else
        ``"dense"`` (convolutions over all channels: ResNet, Inception).

    Examples
    --------
    >>> import timm
    >>> names = "test_efficientnet", "test_resnet", "test_vit"
    >>> [network_family(timm.create_model(name, num_classes=0)) for name in names]
    ['depthwise', 'dense', 'linear']
    """
    from torch import nn

    linear = convolution = 0
    depthwise = False
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            linear += layer.weight.numel()
        elif isinstance(layer, nn.Conv2d | nn.Conv3d):
            convolution += layer.weight.numel()
            depthwise |= 1 < layer.groups == layer.in_channels
    if linear > convolution:
        return "linear"
    return "depthwise" if depthwise else "dense"
