"""Whether tensors are those of a network: names, shapes and kinds of numbers, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.architecture import classifiers_of, timm_config
from tumor_response.features.deep.weights.loaded import LoadedWeights

if TYPE_CHECKING:
    import torch

__all__ = ["fitted", "n_classes_of"]

_UNUSED = "num_batches_tracked"
"""A counter of training steps that older files lack and inference never reads."""


def n_classes_of(backbone: str, loaded: LoadedWeights, target: Mapping[str, Any]) -> int | None:
    """Return how many classes the weights' last layer has, if not as many as timm's.

    Parameters
    ----------
    backbone
        timm model name.
    loaded
        The weights.
    target
        State dict of timm's network.

    Returns
    -------
    int or None
        0 for weights without a last layer; ``None`` where nothing is to be changed.
    """
    names = classifiers_of(timm_config(backbone))
    own = {name for name in target if name.startswith(tuple(f"{c}." for c in names))}
    if not own:
        return None
    if not own & set(loaded.state):
        rest = {name for name in target if not name.endswith(_UNUSED)} - own
        return 0 if rest <= set(loaded.state) else None
    weight = f"{names[0]}.weight"
    if weight not in loaded.state or loaded.state[weight].ndim == 0:
        return None
    n_classes = int(loaded.state[weight].shape[0])
    return None if n_classes == target[weight].shape[0] else n_classes


def fitted(backbone: str, loaded: LoadedWeights, target: Mapping[str, Any]) -> LoadedWeights:
    """Return the weights under timm's names and as float32, or refuse them.

    Tensors whose names are those of the network's authors, or of an older timm, are renamed by
    timm's own function for this network; the notes say so. Nothing is resampled, cut or made up.

    Parameters
    ----------
    backbone
        timm model name.
    loaded
        The weights.
    target
        State dict of the network that is to have them.

    Raises
    ------
    WeightsError
        Code ``weights_mismatch``, with how many tensors are missing, unknown or of another shape.
    """
    missing, extra, reshaped = _differences(loaded.state, target)
    if (missing or extra) and not reshaped:
        renamed = _renamed_by_timm(backbone, loaded.state, target)
        if renamed is not None:
            note = "names as timm's own loader of this network maps them"
            loaded = replace(loaded, state=renamed, notes=(*loaded.notes, note))
            missing, extra, reshaped = _differences(loaded.state, target)
    if missing or extra or reshaped:
        example = (missing or extra or reshaped)[0]
        raise WeightsError(
            f"The weights in {loaded.source} are not those of {backbone!r}: {len(missing)} tensors "
            f"missing, {len(extra)} unknown, {len(reshaped)} of another shape (e.g. {example}).",
            code="weights_mismatch",
        )
    return _as_float32(backbone, loaded, target)


def _differences(
    state: Mapping[str, Any], target: Mapping[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    missing = sorted(n for n in set(target) - set(state) if not n.endswith(_UNUSED))
    extra = sorted(set(state) - set(target))
    reshaped = sorted(
        name
        for name in set(target) & set(state)
        if tuple(target[name].shape) != tuple(state[name].shape)
    )
    return missing, extra, reshaped


def _renamed_by_timm(
    backbone: str, state: Mapping[str, torch.Tensor], target: Mapping[str, Any]
) -> Mapping[str, torch.Tensor] | None:
    """Return the state as timm's own loader of this network takes it, ``None`` if it does not."""
    import timm
    import torch

    names = classifiers_of(timm_config(backbone))
    head = target.get(f"{names[0]}.weight") if names else None
    n_classes = 0 if head is None else int(head.shape[0])
    try:
        with torch.random.fork_rng(devices=[]):
            network = timm.create_model(
                backbone,
                pretrained=True,
                num_classes=n_classes,
                # with the same number of classes timm loads strictly
                pretrained_cfg_overlay={"state_dict": dict(state), "num_classes": n_classes},
            )
    except Exception:
        # the loaders take for granted that they get their own network's file
        return None
    result: Mapping[str, torch.Tensor] = network.state_dict()
    return result


def _as_float32(backbone: str, loaded: LoadedWeights, target: Mapping[str, Any]) -> LoadedWeights:
    converted = dict(loaded.state)
    kinds = set()
    for name, tensor in loaded.state.items():
        wanted = target[name].dtype
        if tensor.dtype == wanted:
            continue
        if tensor.is_floating_point() != wanted.is_floating_point:
            raise WeightsError(
                f"The weights in {loaded.source} are not those of {backbone!r}: {name} holds "
                f"{tensor.dtype}, expected {wanted}.",
                code="weights_mismatch",
            )
        converted[name] = tensor.to(wanted)
        if wanted.is_floating_point:
            kinds.add(str(tensor.dtype).removeprefix("torch."))
    if not kinds:
        return replace(loaded, state=converted)
    note = f"converted from {' and '.join(sorted(kinds))} to float32"
    return replace(loaded, state=converted, notes=(*loaded.notes, note))
