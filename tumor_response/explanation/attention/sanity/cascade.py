"""A network whose weights are randomised from the top down (Adebayo et al. 2018, NeurIPS)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch

from tumor_response.features.deep.networks.layers import LayerNetwork

__all__ = ["cascade", "parts_from_the_top"]


def parts_from_the_top(module: LayerNetwork) -> list[tuple[str, list[torch.nn.Module]]]:
    """Return the parts of a network that hold weights, from its output to its input.

    A part is a child of the network, or a child of a sequence of them (a block). What holds no
    weights but those of a normalisation goes with the part before it. A last layer that no column
    comes from is left out: whatever its weights are, they change nothing.

    Parameters
    ----------
    module
        The network, by its layers.

    Returns
    -------
    list of (str, list of torch.nn.Module)
        Name of each part, and its modules.
    """
    network: Any = module.network  # timm has no types
    unused = network.get_classifier() if "logits" not in module.layers else None
    parts: list[tuple[str, list[torch.nn.Module]]] = []
    for name, child in _children(network):
        if child is unused or not any(True for _ in child.parameters()):
            continue
        if parts and all(p.ndim < 2 for p in child.parameters()):
            parts[-1][1].append(child)
        else:
            parts.append((name, [child]))
    return parts[::-1]


def cascade(module: LayerNetwork, seed: int) -> Iterator[tuple[str, LayerNetwork]]:
    """Yield the network as more and more of its parts are randomised, from the top down.

    The numbers of every tensor of weights are permuted among themselves, so that it keeps its
    distribution; what batch normalisation remembers of its training stays. The last one yielded
    knows nothing that it was trained for.

    Parameters
    ----------
    module
        Left as it is.
    seed
        Of the permutations.

    Yields
    ------
    tuple of str and LayerNetwork
        The part that was randomised last, and the network: one object, changed from step to step.
    """
    changed = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(seed)
    for name, modules in parts_from_the_top(changed):
        with torch.no_grad():
            for parameter in (p for one in modules for p in one.parameters()):
                order = torch.randperm(parameter.numel(), generator=generator)
                flat = parameter.flatten()[order.to(parameter.device)]
                parameter.copy_(flat.reshape(parameter.shape))
        yield name, changed


def _children(network: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    for name, child in network.named_children():
        if isinstance(child, torch.nn.Sequential | torch.nn.ModuleList):
            yield from ((f"{name}.{inner}", one) for inner, one in child.named_children())
        else:
            yield name, child
