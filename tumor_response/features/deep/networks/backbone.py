"""A network with its weights, and what its images have to be: everything that is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.weights.architecture import (
    checked_backbone,
    timm_config,
)
from tumor_response.features.deep.weights.loaded import LoadedWeights
from tumor_response.features.deep.weights.network import trained_network
from tumor_response.features.deep.weights.sources import read_weights

if TYPE_CHECKING:
    from tumor_response.features.deep.networks.layers import LayerNetwork

__all__ = ["Backbone", "load_backbone"]


@dataclass(frozen=True)
class Backbone:
    """A frozen network, ready to be shown images.

    Parameters
    ----------
    name
        timm model name.
    module
        float32 (n, 3, ``input_px``, ``input_px``), already normalised, to float32
        (n, ``n_features``): the layers side by side. In evaluation mode, without gradients.
    layers
        Name and width of each layer.
    input_px
        Side of the images in pixels.
    mean, std
        Normalisation of the three channels: ``(pixels - mean) / std`` for pixels from 0 to 1.
    weights
        What the tensors are and where they came from.
    """

    name: str
    module: LayerNetwork
    layers: tuple[tuple[str, int], ...]
    input_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: LoadedWeights

    @property
    def n_features(self) -> int:
        """Number of features of all layers together."""
        return sum(width for _, width in self.layers)

    def identity(self) -> dict[str, Any]:
        """Return all that decides the features, JSON-able."""
        return {
            "backbone": self.name,
            "layers": [list(layer) for layer in self.layers],
            "input_px": self.input_px,
            "mean": list(self.mean),
            "std": list(self.std),
            **self.weights.identity(),
        }


def load_backbone(
    name: str,
    weights: str | Path = "packaged",
    layers: Sequence[str] = ("pooled",),
    *,
    input_px: int | None = None,
    weights_sha256: str | None = None,
) -> Backbone:
    """Return a pretrained network that gives the asked-for layers.

    Parameters
    ----------
    name
        timm model name, for example ``"inception_resnet_v2"``; with a tag, such as
        ``"vit_small_patch16_224.dino"``, where the training of that name has another
        normalisation than timm's first.
    weights
        ``"packaged"``, a file, a folder, ``"hub"`` or ``"random:<seed>"``; see
        :func:`~tumor_response.features.deep.weights.read_weights`. Weights that were fine-tuned to
        another number of classes are taken as they are: ``"pooled"`` means the same, ``"logits"``
        are those of their own classes.
    layers
        ``"pooled"``, ``"logits"``, ``"stage1"``, ...: see
        :class:`~tumor_response.features.deep.networks.layers.LayerNetwork`.
    input_px
        Side of the images; ``None``: what the network was trained with. A transformer's positions
        are interpolated to another size, by timm.
    weights_sha256
        What the tensors have to be, as an earlier run recorded it; ``None``: not checked.

    Returns
    -------
    Backbone
        With the mean, standard deviation and input size of the weights' own ``config.json`` where
        they came with one, else timm's of that name.

    Raises
    ------
    FeatureError
        Codes ``unknown_backbone``, ``unknown_layer`` and ``input_size``.
    WeightsError
        As :func:`~tumor_response.features.deep.weights.load_weights`.

    Examples
    --------
    >>> backbone = load_backbone("tf_efficientnet_lite0", layers=["stage3", "pooled"])
    >>> backbone.layers, backbone.input_px, backbone.mean
    ((('stage3', 40), ('pooled', 1280)), 224, (0.5, 0.5, 0.5))
    """
    from tumor_response.features.deep.networks.layers import (
        LayerNetwork,
        checked_layers,
        layer_widths,
    )

    layers = checked_layers(layers)
    read = read_weights(checked_backbone(name), weights, weights_sha256=weights_sha256)
    network, loaded = trained_network(name, read)
    training = dict(timm_config(name))
    if loaded.config is not None:
        training |= loaded.config.model_dump(exclude_none=True)
    trained_px = int(training["input_size"][-1])
    size_px = trained_px if input_px is None else _checked_size(input_px)
    if size_px != trained_px and training.get("fixed_input_size"):
        _resize(name, network, size_px)
    module = LayerNetwork(network, layers).eval().requires_grad_(False)
    return Backbone(
        name=name,
        module=module,
        layers=layer_widths(module, size_px),
        input_px=size_px,
        mean=tuple(training["mean"]),
        std=tuple(training["std"]),
        weights=replace(loaded, state=network.state_dict()),
    )


def _checked_size(input_px: int) -> int:
    whole = isinstance(input_px, int) and not isinstance(input_px, bool)
    if not whole or input_px < 1:
        raise FeatureError(
            f"input_px={input_px!r}: expected a number of pixels.", code="input_size"
        )
    return input_px


def _resize(name: str, network: Any, size_px: int) -> None:
    """Have a network that takes one size of images take another one."""
    if not hasattr(network, "set_input_size"):
        raise FeatureError(
            f"input_px={size_px}: {name!r} takes its own size only; leave input_px away.",
            code="input_size",
        )
    patch_px = getattr(getattr(network, "patch_embed", None), "patch_size", (1, 1))[0]
    if size_px % patch_px:
        larger = -(-size_px // patch_px) * patch_px
        raise FeatureError(
            f"input_px={size_px}: {name!r} cuts its images into patches of {patch_px} pixels and "
            f"would drop the rest; expected a multiple, such as {larger}.",
            code="input_size",
        )
    try:
        network.set_input_size(img_size=size_px)
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise FeatureError(
            f"input_px={size_px}: {name!r} cannot be set to this size ({reason}).",
            code="input_size",
        ) from None
