"""Several layers of one network side by side, from one pass through it."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from tumor_response.exceptions import FeatureError

__all__ = ["LayerNetwork", "checked_layers", "layer_widths", "n_stages"]

_STAGE = re.compile(r"stage([1-9]\d*)")


def checked_layers(layers: Sequence[str]) -> tuple[str, ...]:
    """Return the names of layers if they are well formed, none of them twice.

    Raises
    ------
    FeatureError
        Code ``unknown_layer``.

    Examples
    --------
    >>> checked_layers(["pooled", "stage2"])
    ('pooled', 'stage2')
    """
    names = () if isinstance(layers, str) else tuple(layers)
    wrong = [n for n in names if n not in ("pooled", "logits") and not _STAGE.fullmatch(str(n))]
    if not names or wrong or len(set(names)) < len(names):
        raise FeatureError(
            f"layers={layers!r}: expected a list without repeats of 'pooled', 'logits', 'stage1', "
            "'stage2', ...",
            code="unknown_layer",
        )
    return names


class LayerNetwork(torch.nn.Module):
    """A timm network that returns the asked-for layers of one forward pass, side by side.

    There are no hooks: it is traced, exported and compiled like any module.

    Parameters
    ----------
    network
        The network, with its last layer.
    layers
        ``"pooled"``: what the last layer gets (timm's pre-logits: the globally averaged last map,
        or the class token of a transformer that is trained by it). ``"logits"``: what the last
        layer gives. ``"stage1"``, ``"stage2"``, ...: the map after each of timm's feature stages
        (``network.feature_info``; of a vision transformer, its blocks), averaged over its pixels
        or patches, the class token left out.

    Raises
    ------
    FeatureError
        Code ``unknown_layer``: a layer that this network does not have.
    """

    def __init__(self, network: torch.nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.layers = checked_layers(layers)
        self._check_has_them(network)
        self.network = network
        self._stages = [int(m[1]) - 1 for n in self.layers if (m := _STAGE.fullmatch(n))]

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the layers of normalised images.

        Parameters
        ----------
        pixels
            float32, shape (n, 3, height, width).

        Returns
        -------
        torch.Tensor
            float32, shape (n, n_features): the layers in the order in which they were asked for.
        """
        found = self.parts(pixels)
        return torch.cat([found[name] for name in self.layers], dim=1)

    def parts(self, pixels: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Return the layers of normalised images by name, each of shape (n, width)."""
        network: Any = self.network  # timm has no types
        found: dict[str, torch.Tensor] = {}
        last, maps = None, []
        if len(self._stages) == len(self.layers):
            # what comes after the last stage asked for is not computed
            maps = network.forward_intermediates(
                pixels, indices=self._stages, stop_early=True, intermediates_only=True
            )
        elif self._stages:
            last, maps = network.forward_intermediates(pixels, indices=self._stages)
        else:
            last = network.forward_features(pixels)
        # they come in the network's order, whatever the order of the question
        for stage, each in zip(sorted(self._stages), maps, strict=True):
            found[f"stage{stage + 1}"] = each.flatten(2).mean(dim=2)
        if "pooled" in self.layers:
            found["pooled"] = network.forward_head(last, pre_logits=True)
        if "logits" in self.layers:
            found["logits"] = network.forward_head(last)
        return found

    def _check_has_them(self, network: torch.nn.Module) -> None:
        name = type(network).__name__
        if "logits" in self.layers and getattr(network, "num_classes", 0) == 0:
            raise FeatureError(
                f"{name}: these weights have no last fully connected layer, so there are no "
                "'logits'; take 'pooled'.",
                code="unknown_layer",
            )
        stages = [n for n in self.layers if _STAGE.fullmatch(n)]
        has = n_stages(network)
        beyond = [n for n in stages if int(n.removeprefix("stage")) > has]
        if beyond:
            raise FeatureError(
                f"{name} has {f'the stages 1 to {has}' if has else 'no stages that timm names'}; "
                f"asked for was {', '.join(beyond)}.",
                code="unknown_layer",
            )


def n_stages(network: Any) -> int:
    """Return how many feature stages timm gives for a network."""
    if not hasattr(network, "forward_intermediates"):
        return 0
    return len(network.feature_info)


def layer_widths(module: LayerNetwork, size_px: int) -> tuple[tuple[str, int], ...]:
    """Return name and width of each layer, for all but a few networks from shapes alone.

    Raises
    ------
    FeatureError
        Codes ``input_size`` (the network takes no images of this size) and ``unknown_layer``
        (a layer that is a map, not a row of features).
    """
    shapes: dict[int, torch.Tensor] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        shapes[id(tensor)] = torch.empty_like(tensor, device="meta")
    # a copy without values: some networks keep what they made of the last image
    hollow = copy.deepcopy(module, shapes)
    try:
        try:
            found = hollow.parts(torch.empty(1, 3, size_px, size_px, device="meta"))
        except (RuntimeError, AssertionError, ValueError):
            # a wrong size, or a network that looks at values
            with torch.no_grad():
                found = module.parts(torch.zeros(1, 3, size_px, size_px))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise FeatureError(
            f"{type(module.network).__name__}: takes no images of {size_px} pixels "
            f"({' '.join(str(error).split())[:200]}).",
            code="input_size",
        ) from None
    for name in module.layers:
        if found[name].ndim != 2:
            raise FeatureError(
                f"{type(module.network).__name__}: gives {name!r} of shape "
                f"{tuple(found[name].shape)}; expected one row of features. Its pooling is off.",
                code="unknown_layer",
            )
    return tuple((name, int(found[name].shape[1])) for name in module.layers)
