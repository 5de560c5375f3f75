"""What timm knows of a network: its name, how it was trained, and an untrained copy of it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import FeatureError

if TYPE_CHECKING:
    import torch

__all__ = ["architecture_of", "checked_backbone", "classifiers_of", "timm_config", "untrained"]


def architecture_of(backbone: str) -> str:
    """Return the network's name without the tag of a training.

    Examples
    --------
    >>> architecture_of("resnet50.tv_in1k")
    'resnet50'
    """
    return backbone.partition(".")[0]


def checked_backbone(backbone: str) -> str:
    """Return the name if timm has such a network, with that tag if it names one.

    Raises
    ------
    FeatureError
        Code ``unknown_backbone``, with the nearest names.
    """
    import timm

    if not isinstance(backbone, str) or architecture_of(backbone) not in timm.list_models():
        near = timm.list_models(f"*{backbone}*")[:5] or difflib.get_close_matches(
            str(backbone), timm.list_models(), 3
        )
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise FeatureError(
            f"timm {timm.__version__} has no model {backbone!r}.{hint}", code="unknown_backbone"
        )
    trainings = timm.list_pretrained(f"{architecture_of(backbone)}.*")
    if "." in backbone and backbone not in trainings:
        known = ", ".join(trainings) or "none"
        raise FeatureError(
            f"timm {timm.__version__} knows no training {backbone!r} of this network; it knows: "
            f"{known}.",
            code="unknown_backbone",
        )
    return backbone


def timm_config(backbone: str) -> Mapping[str, Any]:
    """Return what timm records of the network's default training, or of the one named by a tag.

    Parameters
    ----------
    backbone
        A name that :func:`checked_backbone` let pass.

    Returns
    -------
    Mapping
        Among others ``mean``, ``std``, ``input_size``, ``num_classes``, ``classifier``,
        ``license`` and ``hf_hub_id`` (where there is one); timm's defaults for a network that it
        records no training of.
    """
    import timm

    config = timm.get_pretrained_cfg(backbone, allow_unregistered=True)
    found: Mapping[str, Any] = (config or timm.models.PretrainedCfg()).to_dict()
    return found


def classifiers_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the network's last fully connected layers; distilled ones have two."""
    names = config.get("classifier") or ()
    return (names,) if isinstance(names, str) else tuple(names)


def untrained(
    backbone: str,
    *,
    n_classes: int | None = None,
    global_pool: str | None = None,
    img_size: int | None = None,
    seed: int = 0,
) -> torch.nn.Module:
    """Return the network as its authors initialise it; torch's own random state is left alone.

    Parameters
    ----------
    backbone
        A name that :func:`checked_backbone` let pass.
    n_classes
        Width of the last layer, 0 for none; ``None``: timm's.
    global_pool
        How the last map is pooled; ``None``: timm's way.
    img_size
        Side of the images in pixels, for networks of one size only; ``None``: timm's.
    seed
        Of the initial values, which decide nothing where weights are loaded.
    """
    import timm
    import torch

    chosen = {"num_classes": n_classes, "global_pool": global_pool, "img_size": img_size}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: torch.nn.Module = timm.create_model(
            backbone,
            pretrained=False,
            **{name: value for name, value in chosen.items() if value is not None},
        )
    return network
