"""What the blocks of a vision transformer attend to, and how the log-odds move with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tumor_response.exceptions import ExplanationError
from tumor_response.explanation.attention.lesion import AT_ONCE, Lesion, parts

__all__ = ["AttentionOfBlocks", "attention_of_blocks"]


@dataclass(frozen=True, eq=False)
class AttentionOfBlocks:
    """Attention of all blocks, from the first to the last.

    Parameters
    ----------
    attention, slope
        For each block, shape (n_views, n_heads, n_tokens, n_tokens): how much each token (row)
        takes from each other (column), and d log-odds / d that.
    n_before
        Tokens before the patches: class token, registers.
    grid
        Rows and columns of patches.
    pools_patches
        Whether the patches' mean is what goes on, and not the class token.
    """

    attention: tuple[torch.Tensor, ...]
    slope: tuple[torch.Tensor, ...]
    n_before: int
    grid: tuple[int, int]
    pools_patches: bool

    def cells(self, flow: torch.Tensor) -> torch.Tensor:
        """Return what each patch gives to what is pooled, shape (n_views, rows, columns)."""
        taken = flow[:, self.n_before :].mean(dim=1) if self.pools_patches else flow[:, 0]
        return taken[:, self.n_before :].reshape(len(flow), *self.grid)


def attention_of_blocks(lesion: Lesion) -> AttentionOfBlocks:
    """Return the attention in a lesion's views.

    Raises
    ------
    ExplanationError
        Code ``no_attention``: the network is no plain vision transformer, in which every patch
        may attend to every other, or it is read at a stage.
    """
    network = lesion.network
    _check(lesion)
    attention: list[list[torch.Tensor]] = []
    slopes: list[list[torch.Tensor]] = []
    along = torch.split(lesion.slope, AT_ONCE)
    for part, weight in zip(parts(lesion.pixels), along, strict=True):
        images = lesion.pathway.normalised(part).requires_grad_(True)
        with _noted(network) as noted:
            features = lesion.pathway.module(images)
        found = torch.autograd.grad((features.double() * weight).sum(), noted)
        attention.append([one.detach() for one in noted])
        slopes.append(list(found))
    rows, columns = network.patch_embed.grid_size
    return AttentionOfBlocks(
        attention=_joined(attention),
        slope=_joined(slopes),
        n_before=int(network.num_prefix_tokens),
        grid=(int(rows), int(columns)),
        pools_patches=network.global_pool != "token",
    )


def _joined(each: list[list[torch.Tensor]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.cat(block) for block in zip(*each, strict=True))


def _check(lesion: Lesion) -> None:
    from timm.models.vision_transformer import Attention, VisionTransformer

    network, layers = lesion.network, lesion.pathway.module.layers
    plain = isinstance(network, VisionTransformer) and all(
        isinstance(block.attn, Attention) for block in network.blocks
    )
    known = plain and network.global_pool in ("token", "avg")
    if not known or any(name.startswith("stage") for name in layers):
        raise ExplanationError(
            f"{type(network).__name__} with the layers {', '.join(layers)}: rollout needs a plain "
            "vision transformer, read by its class token or the mean of its patches. For "
            "convolutional networks there is method='grad_cam'; 'occlusion' and "
            "'integrated_gradients' work with every network.",
            code="no_attention",
        )


@contextmanager
def _noted(network: Any) -> Iterator[list[torch.Tensor]]:
    """Note each block's attention; while it lasts, no fused kernel hides it."""
    noted: list[torch.Tensor] = []
    blocks = [block.attn for block in network.blocks]
    fused = [block.fused_attn for block in blocks]
    hooks = [
        block.attn_drop.register_forward_hook(lambda _m, _given, found: noted.append(found))
        for block in blocks
    ]
    try:
        for block in blocks:
            block.fused_attn = False
        yield noted
    finally:
        for block, was in zip(blocks, fused, strict=True):
            block.fused_attn = was
        for hook in hooks:
            hook.remove()
