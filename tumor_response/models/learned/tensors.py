"""Between a model or an optimizer and plain arrays, for states and checkpoints."""

from __future__ import annotations

import numpy as np
import torch

from tumor_response.models.learned.modules import CaseModel

__all__ = [
    "is_of_optimizer",
    "learned_tensors",
    "load_optimizer",
    "load_tensors",
    "optimizer_tensors",
]

_PREFIX = "optimizer."


def learned_tensors(model: CaseModel) -> dict[str, np.ndarray]:
    """Return all that a fit decides: what was trained, and how features are standardised."""
    learned = {name for name, value in model.named_parameters() if value.requires_grad}
    return {
        name: value.detach().cpu().numpy().copy()
        for name, value in model.state_dict().items()
        if name in learned | {"centre", "scale"}
    }


def load_tensors(model: CaseModel, tensors: dict[str, np.ndarray]) -> None:
    """Put learned tensors into a model; the others stay as they are."""
    state = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    model.load_state_dict(model.state_dict() | state, strict=True)


def is_of_optimizer(name: str) -> bool:
    """Tell whether an array of a checkpoint is the optimizer's."""
    return name.startswith(_PREFIX)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, np.ndarray]:
    """Return what the optimizer remembers of earlier steps."""
    return {
        f"{_PREFIX}{number}.{name}": value.cpu().numpy()
        for number, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, np.ndarray]) -> None:
    """Give the optimizer its memory back."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name in filter(is_of_optimizer, tensors):
        _, number, moment = name.split(".")
        state.setdefault(int(number), {})[moment] = torch.from_numpy(tensors[name].copy())
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
