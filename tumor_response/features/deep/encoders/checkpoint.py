"""Tensors out of a file that somebody else wrote, under the names our modules have."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tumor_response.exceptions import WeightsError

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["filled", "from_bytes", "from_file", "without"]

_SUFFIXES = (".pth", ".pt", ".torch", ".ckpt")
_WRAPPERS = ("trunk_state_dict", "state_dict", "model_state_dict", "model")
"""Under which a training run's checkpoint keeps its tensors."""


def from_file(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a file; nothing in it is ever executed.

    Parameters
    ----------
    path
        ``.safetensors``; or ``.pth``, ``.pt``, ``.torch`` or ``.ckpt``, opened with
        ``weights_only=True``: plain tensors, or a checkpoint that keeps them under
        ``state_dict`` or the like.

    Raises
    ------
    WeightsError
        Codes ``weights_missing`` and ``weights_unreadable``.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file.", code="weights_missing")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise _unreadable(path.name, f"no whole safetensors file: {error}") from None
    if path.suffix not in _SUFFIXES:
        raise _unreadable(path.name, f"expected .safetensors, {', '.join(_SUFFIXES)}")
    with path.open("rb") as file:
        return _tensors(file, path.name)


def from_bytes(content: bytes, source: str) -> dict[str, torch.Tensor]:
    """Return the tensors of a file's content, as :func:`from_file`."""
    return _tensors(io.BytesIO(content), source)


def without(
    state: Mapping[str, torch.Tensor], prefixes: Iterable[str], heads: Sequence[str]
) -> dict[str, torch.Tensor]:
    """Return tensors whose names have lost prefixes, and those of heads not at all.

    Parameters
    ----------
    prefixes
        Taken off in this order, each where it stands.
    heads
        Beginnings, after that, of what follows the encoder: a classifier, a projection.
    """
    kept = {}
    for name, tensor in state.items():
        short = name
        for prefix in prefixes:
            short = short.removeprefix(prefix)
        if not short.startswith(tuple(heads)):
            kept[short] = tensor
    return kept


def filled(module: nn.Module, state: Mapping[str, torch.Tensor], source: str) -> nn.Module:
    """Return a module of ``meta`` tensors with the file's, float32, frozen.

    Raises
    ------
    WeightsError
        Code ``weights_mismatch``: a tensor is missing, unknown or of another shape.
    """
    target = module.state_dict()
    # counters of training steps, which some files leave out, decide no value
    wanted = {name for name in target if not name.endswith("num_batches_tracked")}
    given = {name for name in state if not name.endswith("num_batches_tracked")}
    missing, extra = sorted(wanted - given), sorted(given - wanted)
    reshaped = sorted(n for n in wanted & given if target[n].shape != state[n].shape)
    if missing or extra or reshaped:
        raise WeightsError(
            f"The tensors in {source} are not those of this encoder: {len(missing)} missing, "
            f"{len(extra)} unknown, {len(reshaped)} of another shape (e.g. "
            f"{(missing or extra or reshaped)[0]}).",
            code="weights_mismatch",
        )
    import torch

    tensors = {name: state[name].to(torch.float32) for name in wanted}
    tensors |= {n: torch.zeros((), dtype=torch.long) for n in set(target) - wanted}
    module.load_state_dict(tensors, strict=True, assign=True)
    return module.eval().requires_grad_(False)


def _tensors(file: BinaryIO, source: str) -> dict[str, torch.Tensor]:
    import torch

    try:
        state: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what is damaged makes unpickling fail in many ways
        reason = " ".join(str(error).split())[:200]
        raise _unreadable(source, reason) from None
    if isinstance(state, Mapping):
        state = next((state[name] for name in _WRAPPERS if name in state), state)
    if not isinstance(state, Mapping) or not all(
        isinstance(tensor, torch.Tensor) for tensor in state.values()
    ):
        raise _unreadable(source, "expected a dictionary of tensors")
    return dict(state)


def _unreadable(source: str, reason: str) -> WeightsError:
    return WeightsError(
        f"{source}: not readable as plain tensors ({reason}). A file that runs code when it is "
        "opened is never opened; save the tensors as .safetensors.",
        code="weights_unreadable",
    )
