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

Decided by ``benchmarks/deep_speed.py --only backends``
(``benchmarks/results/deep_speed_backends.csv``).
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
    >>> network_family(timm.create_model("test_efficientnet")), network_family(
    ...     timm.create_model("test_vit"))
    ('depthwise', 'linear')
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
