"""A residual network with 3-D convolutions, under the tensor names that most files use."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["ResNet3d"]

_EXPANSION = 4


class ResNet3d(nn.Module):
    """Bottleneck ResNet (He et al. 2016; the stride in the 3 x 3 x 3 convolution).

    Names are torchvision's (``conv1``, ``bn1``, ``layer1.0.conv2`` ...), which the published 3-D
    networks took over.

    Parameters
    ----------
    n_blocks
        Blocks of the four stages: (3, 4, 6, 3) is ResNet-50, (3, 8, 36, 3) is ResNet-152.
    width
        Channels of the stem; the stages end in 4, 8, 16 and 32 times as many.
    n_channels
        Input channels of the stem. A patch of one channel is shown to all of them.
    stem_kernel, stem_stride
        Of the first convolution, along depth, height and width.
    shortcut_bias
        Whether the convolutions in the shortcuts have a bias.

    Examples
    --------
    >>> import torch
    >>> from tumor_response.features.deep.encoders.resnet3d import ResNet3d
    >>> network = ResNet3d(n_blocks=(1, 1, 1, 1), width=4).eval()
    >>> network(torch.zeros(2, 1, 32, 32, 32)).shape
    torch.Size([2, 128])
    """

    def __init__(
        self,
        n_blocks: Sequence[int] = (3, 4, 6, 3),
        *,
        width: int = 64,
        n_channels: int = 1,
        stem_kernel: tuple[int, int, int] = (7, 7, 7),
        stem_stride: tuple[int, int, int] = (2, 2, 2),
        shortcut_bias: bool = False,
    ) -> None:
        super().__init__()
        d, h, w = (k // 2 for k in stem_kernel)
        self.n_channels = n_channels
        self.conv1 = nn.Conv3d(
            n_channels, width, stem_kernel, stem_stride, padding=(d, h, w), bias=False
        )
        self.bn1 = nn.BatchNorm3d(width)
        self.maxpool = nn.MaxPool3d(3, 2, padding=1)
        inner = [width * 2**i for i in range(4)]
        entering = [width, *(n * _EXPANSION for n in inner[:-1])]
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(n_in, n, depth, 1 if i == 0 else 2, shortcut_bias)
            for i, (n_in, n, depth) in enumerate(zip(entering, inner, n_blocks, strict=True))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (n, 1 or n_channels, depth, height, width) to (n, 32 * width), globally averaged."""
        if x.shape[1] == 1:
            x = x.expand(-1, self.n_channels, -1, -1, -1)
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3, 4))


def _stage(n_in: int, n: int, n_blocks: int, stride: int, shortcut_bias: bool) -> nn.Sequential:
    first = _Bottleneck(n_in, n, stride, shortcut_bias)
    others = [_Bottleneck(n * _EXPANSION, n, 1, shortcut_bias) for _ in range(n_blocks - 1)]
    return nn.Sequential(first, *others)


class _Bottleneck(nn.Module):
    """1, 3 and 1 voxel wide convolutions beside a shortcut."""

    def __init__(self, n_in: int, n: int, stride: int, shortcut_bias: bool) -> None:
        super().__init__()
        n_out = n * _EXPANSION
        self.conv1 = nn.Conv3d(n_in, n, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(n)
        self.conv2 = nn.Conv3d(n, n, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(n)
        self.conv3 = nn.Conv3d(n, n_out, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(n_out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv3d(n_in, n_out, 1, stride, bias=shortcut_bias), nn.BatchNorm3d(n_out)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))
