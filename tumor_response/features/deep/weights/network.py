"""timm's network with given weights in it, built as the weights need it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.architecture import timm_config, untrained
from tumor_response.features.deep.weights.fit import fitted, n_classes_of
from tumor_response.features.deep.weights.loaded import LoadedWeights

if TYPE_CHECKING:
    import torch

__all__ = ["trained_network"]


def trained_network(backbone: str, loaded: LoadedWeights) -> tuple[torch.nn.Module, LoadedWeights]:
    """Return the network with the weights in it, and the weights as they went in.

    The network has as many classes as the weights; and the pooling, and where it takes one size
    of images only the size, that their ``config.json`` names.

    Parameters
    ----------
    backbone
        A name that :func:`checked_backbone` let pass.
    loaded
        As :func:`read_weights` returns them.

    Raises
    ------
    WeightsError
        Code ``weights_mismatch``.
    """
    timms = timm_config(backbone)
    network = untrained(backbone)
    n_classes = n_classes_of(backbone, loaded, network.state_dict())
    changed: dict[str, Any] = {"n_classes": n_classes}
    if loaded.config is not None:
        size = loaded.config.input_size
        changed["global_pool"] = loaded.config.global_pool
        if timms.get("fixed_input_size") and size not in (None, tuple(timms["input_size"])):
            changed["img_size"] = size[-1]
    if any(value is not None for value in changed.values()):
        network = _rebuilt(backbone, loaded, changed)
    loaded = fitted(backbone, loaded, network.state_dict())
    network.load_state_dict(dict(loaded.state), strict=True)
    notes = loaded.notes
    if n_classes is not None:
        note = f"last layer of {n_classes} classes, timm's has {timms['num_classes']}"
        notes = (*notes, note)
    # the network's own tensors, so that they are in memory once
    return network, replace(loaded, state=network.state_dict(), notes=notes)


def _rebuilt(backbone: str, loaded: LoadedWeights, changed: dict[str, Any]) -> torch.nn.Module:
    try:
        return untrained(backbone, **changed)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        asked = ", ".join(f"{name} {value!r}" for name, value in changed.items() if value)
        raise WeightsError(
            f"timm cannot build {backbone!r} as the weights in {loaded.source} need it ({asked}): "
            f"{' '.join(str(error).split())[:200]}",
            code="weights_mismatch",
        ) from None
