"""Names and shapes of published files, written down apart from the code that reads them."""

from __future__ import annotations

from collections.abc import Iterator

import torch

Shapes = dict[str, tuple[int, ...]]


def norm(name: str, n: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    for tensor in ("weight", "bias", "running_mean", "running_var"):
        yield f"{name}.{tensor}", (n,)
    yield f"{name}.num_batches_tracked", ()


def resnet3d(
    blocks: tuple[int, ...],
    width: int,
    stem: tuple[int, ...],
    *,
    shortcut_bias: bool = False,
) -> Shapes:
    """A bottleneck ResNet of MONAI's and torchvision's naming; ``stem`` is (channels, d, h, w)."""
    shapes: Shapes = {"conv1.weight": (width, *stem)} | dict(norm("bn1", width))
    entering = width
    for stage, n_blocks in enumerate(blocks, start=1):
        inner = width * 2 ** (stage - 1)
        for block in range(n_blocks):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (inner, entering, 1, 1, 1)
            shapes[f"{name}.conv2.weight"] = (inner, inner, 3, 3, 3)
            shapes[f"{name}.conv3.weight"] = (4 * inner, inner, 1, 1, 1)
            for i, n in enumerate((inner, inner, 4 * inner), start=1):
                shapes |= dict(norm(f"{name}.bn{i}", n))
            if block == 0:
                shapes[f"{name}.downsample.0.weight"] = (4 * inner, entering, 1, 1, 1)
                if shortcut_bias:
                    shapes[f"{name}.downsample.0.bias"] = (4 * inner,)
                shapes |= dict(norm(f"{name}.downsample.1", 4 * inner))
            entering = 4 * inner
    return shapes


def fmcib(width: int = 128) -> Shapes:
    """MONAI's ``resnet50(n_input_channels=1, widen_factor=2, conv1_t_stride=2)``, no last layer."""
    return resnet3d((3, 4, 6, 3), width, (1, 7, 7, 7), shortcut_bias=True)


def astra(width: int = 64) -> Shapes:
    """930 tensors, 117.5 million numbers, as the package says of its file."""
    return resnet3d((3, 8, 36, 3), width, (3, 3, 7, 7))


def random_state(shapes: Shapes, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors that keep activations near 1, as trained ones do."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in shapes.items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif len(shape) > 1:
            fan_in = torch.tensor(shape[1:]).prod()
            state[name] = torch.randn(shape, generator=random) * (2 / fan_in).sqrt()
        else:
            low = 0.5 if name.endswith(("weight", "running_var")) else -0.2
            state[name] = low + 0.4 * torch.rand(shape, generator=random)
    return state
