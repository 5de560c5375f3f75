"""The pretrained network of a model that learns from views, and where it is cut in two.

Below the cut lies the trunk, which stays as it was trained; above it the tail, which may learn.
The cut is found from the network itself and not from a list of architectures: the parts of which
``forward_features`` calls one after another form a chain, and the chain is only believed if it
gives the network's own output to the last bit.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from tumor_response.exceptions import ModelError
from tumor_response.features.deep.networks.backbone import load_backbone

__all__ = ["Network", "Tail", "load_network", "split"]

_NESTED = ("blocks", "stages", "features", "layers")


@dataclass(frozen=True)
class Network:
    """A frozen pretrained network without its classifier.

    Parameters
    ----------
    name
        timm model name.
    module
        In evaluation mode, without gradients, on ``device``.
    mean, std
        Its normalisation, shape (1, 3, 1, 1).
    n_features
        Width of its pooled layer.
    weights_sha256, weights_source
        Which weights, to the byte, and where they come from.
    input_px
        Side of the images that it was trained with.
    device
        A torch device name.
    """

    name: str
    module: Any
    mean: torch.Tensor
    std: torch.Tensor
    n_features: int
    weights_sha256: str
    weights_source: str
    input_px: int
    device: str

    def normalised(self, views: np.ndarray) -> torch.Tensor:
        """Return views (n, 1 or 3, h, w) from 0 to 1 as the network wants them, (n, 3, h, w)."""
        batch = torch.from_numpy(np.array(views, order="C")).to(self.device)
        return (batch.expand(-1, 3, -1, -1) - self.mean) / self.std


def load_network(backbone: str, weights: str | Path, device: str) -> Network:
    """Load a pretrained network, with the normalisation of its weights.

    Raises
    ------
    FeatureError, WeightsError
        As :func:`tumor_response.features.deep.networks.backbone.load_backbone`.
    """
    loaded = load_backbone(backbone, weights)
    model: Any = loaded.module.network  # timm has no types
    model.reset_classifier(0)
    return Network(
        name=backbone,
        module=model.eval().requires_grad_(False).to(device),
        mean=torch.tensor(loaded.mean, device=device).view(1, 3, 1, 1),
        std=torch.tensor(loaded.std, device=device).view(1, 3, 1, 1),
        n_features=loaded.n_features,
        weights_sha256=loaded.weights.sha256,
        weights_source=loaded.weights.source,
        input_px=loaded.input_px,
        device=device,
    )


class Tail(nn.Module):
    """The last stages of a network: from activations that enter them to pooled features.

    Parameters
    ----------
    stages
        Copies of the network's parts, one after another; they may be trained.
    pool
        The network's own pooling, which stays as it is.
    """

    stages: nn.Sequential

    def __init__(self, stages: nn.Sequential, pool: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.stages = stages
        self._pool = pool

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        """Return pooled features, shape (n_views, n_features)."""
        return self._pool(self.stages(activations))


def split(
    network: Network, n_stages: int, size_px: int
) -> tuple[Callable[[torch.Tensor], torch.Tensor], Tail]:
    """Cut a network below its last stages.

    A stage is a part of the chain with two or more convolutions or linear layers; smaller parts
    after it (the last convolution and normalisation of an EfficientNet) go with it.

    Parameters
    ----------
    network
        The network.
    n_stages
        Stages above the cut.
    size_px
        Side of the views that it is tried on.

    Returns
    -------
    tuple
        The trunk, a function from normalised views to the activations at the cut, and the tail.

    Raises
    ------
    ModelError
        Codes ``view_size``: the network does not take views of this size; ``not_a_chain``: it
        cannot be cut there.
    """
    model = network.module
    example = torch.rand((1, 3, size_px, size_px), generator=torch.Generator().manual_seed(0)).to(
        network.device
    )
    with torch.no_grad():  # copies made in inference mode could never learn
        try:
            whole = model(example)
        except (AssertionError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"{network.name} does not take views of {size_px} x {size_px} pixels ({reason}). "
                f"Extract tr.Views(..., size_px={network.input_px}).",
                code="view_size",
            ) from None
        parts = _chain(model, example)
        stages = [at for at, (_, part) in enumerate(parts) if _is_stage(part)]
        if len(stages) <= n_stages:
            raise _no_cut(network, f"it has {len(stages)} stage(s), one must stay below the cut")
        above = parts[stages[-n_stages] :]

        def trunk(batch: torch.Tensor) -> torch.Tensor:
            return _until(model, above[0][1], batch)

        copies = nn.Sequential(*(copy.deepcopy(part) for _, part in above))
        tail = Tail(copies, lambda x: model.forward_head(x, pre_logits=True))
        try:
            same = torch.equal(tail(trunk(example)), whole)
        except (RuntimeError, TypeError, AttributeError):
            same = False
    if not same:
        raise _no_cut(network, "its parts are not simply one after another")
    return trunk, tail


def _no_cut(network: Network, why: str) -> ModelError:
    return ModelError(
        f"{network.name} cannot be cut below its last stages: {why}. unfreeze='head' works with "
        "every network.",
        code="not_a_chain",
    )


def _chain(model: Any, example: torch.Tensor) -> list[tuple[str, nn.Module]]:
    """Return the parts that ``forward_features`` calls, in the order of the calls."""
    parts: dict[str, nn.Module] = {}
    for name, child in model.named_children():
        if name in _NESTED and isinstance(child, nn.Sequential | nn.ModuleList):
            parts |= {f"{name}.{inner}": part for inner, part in child.named_children()}
        else:
            parts[name] = child
    called: list[tuple[str, nn.Module]] = []

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, *_: Any) -> None:
            called.append((name, module))

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in parts.items()]
    try:
        model.forward_features(example)
    finally:
        for handle in handles:
            handle.remove()
    return called


def _is_stage(part: nn.Module) -> bool:
    return sum(isinstance(m, nn.Conv2d | nn.Linear) for m in part.modules()) >= 2


class _ReachedError(Exception):
    """Carries the activations out of a network that need not be run to its end."""

    def __init__(self, activations: torch.Tensor) -> None:
        super().__init__()
        self.activations = activations


def _until(model: Any, first: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    def stop(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        raise _ReachedError(given[0])

    handle = first.register_forward_pre_hook(stop)
    try:
        model.forward_features(batch)
    except _ReachedError as reached:
        return reached.activations
    finally:
        handle.remove()
    raise AssertionError("the part was called a moment ago")  # pragma: no cover
