"""One lesion's views before a network: the explained scalar, its slopes, and feature maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tumor_response.exceptions import ExplanationError, FeatureError
from tumor_response.explanation.attention.pathway import Pathway

__all__ = ["Lesion"]

FloatArray = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float32]

_AT_ONCE = 8
"""Views in one pass, which decides the memory; always the same, for the last bits."""


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion's views before a network, and the scalar that is explained.

    Parameters
    ----------
    pathway
        The network.
    pixels
        float32, shape (n_views, 1 or 3, size_px, size_px), 0 to 1: the views of all draws.
    readout
        From features of all views, (..., n_views, n_features), to the scalar, (...,).
    """

    pathway: Pathway
    pixels: Pixels
    readout: Callable[[torch.Tensor], torch.Tensor]

    @property
    def network(self) -> Any:
        """Timm's network."""
        return self.pathway.module.network

    @cached_property
    def features(self) -> torch.Tensor:
        """The features of all views, shape (n_views, n_features), without a graph."""
        if self._stages:
            return self.features_of(self.pixels)
        with torch.no_grad():
            return _finite(torch.cat([self._head(part) for part in self._last]))

    def features_of(self, pixels: Pixels) -> torch.Tensor:
        """Return the features of any views, without a graph."""
        module, normalised = self.pathway.module, self.pathway.normalised
        with torch.no_grad():
            return _finite(torch.cat([module(normalised(part)) for part in _parts(pixels)]))

    @cached_property
    def slope(self) -> torch.Tensor:
        """The slope d scalar / d feature of each view, shape (n_views, n_features)."""
        return self.slope_at(self.features)

    def slope_at(self, features: torch.Tensor) -> torch.Tensor:
        """Return d scalar / d feature at other features of all views."""
        leaf = features.detach().double().requires_grad_(True)
        (slope,) = torch.autograd.grad(self.readout(leaf), leaf)
        return slope

    def view_weights(self) -> FloatArray:
        """Return each view's share in the scalar's slopes, sum 1.

        For the mean over views that is 1 / n_views, for the mean by area the share of the area.
        """
        size: FloatArray = self.slope.abs().sum(dim=1).cpu().numpy()
        total = float(size.sum())
        return size / total if total > 0 else np.full(len(size), 1 / len(size))

    def pixel_gradient(self, pixels: Pixels) -> Pixels:
        """Return d scalar / d pixel at other views, in the shape of the views."""
        slope = self.slope_at(self.features_of(pixels))
        found = []
        for part, along in zip(_parts(pixels), torch.split(slope, _AT_ONCE), strict=True):
            leaf = torch.from_numpy(part).to(self.pathway.device).requires_grad_(True)
            features = self.pathway.module(self.pathway.on_scale(leaf))
            (gradient,) = torch.autograd.grad((features.double() * along).sum(), leaf)
            found.append(gradient.cpu().numpy())
        return np.concatenate(found)

    def maps(self, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a feature map of all views, and d scalar / d map.

        Parameters
        ----------
        layer
            ``"auto"``: the last map that all columns are made of; ``"last"``: what the network
            pools; or a stage.

        Returns
        -------
        tuple of torch.Tensor
            Both of shape (n_views, n_channels, height, width).

        Raises
        ------
        ExplanationError
            Code ``no_feature_map``: a network without maps, as a vision transformer; a stage that
            it does not have, or that not all of the scalar comes through.
        """
        if layer == "auto":
            # columns of an earlier stage do not come through a later map
            layer = min(self._stages, key=_number, default="last")
        if layer == "last" and not self._stages:
            given = ((part.clone().requires_grad_(True), None) for part in self._last)
            seen = ((found, self._head(found)) for found, _ in given)
        else:
            self._check_stage(layer)
            seen = (self._through_map(part, layer) for part in _parts(self.pixels))
        maps, gradients = [], []
        for (found, features), along in zip(seen, torch.split(self.slope, _AT_ONCE), strict=True):
            if found.ndim != 4:
                raise self._no_map(f"its layer gives {tuple(found.shape[1:])} for a view, no map")
            (gradient,) = torch.autograd.grad((features.double() * along).sum(), found)
            maps.append(found.detach())
            gradients.append(gradient)
        return torch.cat(maps), torch.cat(gradients)

    @property
    def _stages(self) -> list[str]:
        return [name for name in self.pathway.module.layers if name.startswith("stage")]

    @cached_property
    def _last(self) -> list[torch.Tensor]:
        """What the network pools, of all views."""
        with torch.no_grad():
            return [
                self.network.forward_features(self.pathway.normalised(part))
                for part in _parts(self.pixels)
            ]

    def _head(self, last: torch.Tensor) -> torch.Tensor:
        parts = {"pooled": {"pre_logits": True}, "logits": {}}
        layers = self.pathway.module.layers
        return torch.cat([self.network.forward_head(last, **parts[n]) for n in layers], dim=1)

    def _through_map(self, pixels: Pixels, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a map with the features that are made of it, in one graph."""
        names = self.pathway.module.layers
        wanted = sorted({*self._stages, *({layer} - {"last"})}, key=_number)
        images = self.pathway.normalised(pixels).requires_grad_(True)
        last, stages = self.network.forward_intermediates(
            images, indices=[_number(name) - 1 for name in wanted]
        )
        found = dict(zip(wanted, stages, strict=True)) | {"last": last}
        parts = {name: found[name].flatten(2).mean(dim=2) for name in self._stages}
        if {"pooled", "logits"} & set(names):
            (reached,) = torch.autograd.grad(
                last.flatten()[0], found[layer], retain_graph=True, allow_unused=True
            )
            if reached is None:
                raise self._no_map(f"its last layer does not come through the map of {layer!r}")
            parts["pooled"] = self.network.forward_head(last, pre_logits=True)
            parts["logits"] = self.network.forward_head(last)
        return found[layer], torch.cat([parts[name] for name in names], dim=1)

    def _check_stage(self, layer: str) -> None:
        has = (
            len(self.network.feature_info) if hasattr(self.network, "forward_intermediates") else 0
        )
        if layer != "last" and _number(layer) > has:
            raise self._no_map(f"it has {has} stages, asked for was {layer!r}")
        past = [name for name in self._stages if layer == "last" or _number(name) < _number(layer)]
        if past:
            raise self._no_map(f"columns of {past[0]!r} do not come through the map of {layer!r}")

    def _no_map(self, why: str) -> ExplanationError:
        return ExplanationError(
            f"{type(self.network).__name__}: {why}. A class activation map needs a map of "
            "channels, rows and columns that all columns are made of: layer='auto' takes the last "
            "such one. For vision transformers there are method='gradient_rollout', 'occlusion' "
            "and 'integrated_gradients'.",
            code="no_feature_map",
        )


def _parts(pixels: Pixels) -> Iterator[Pixels]:
    for start in range(0, len(pixels), _AT_ONCE):
        yield pixels[start : start + _AT_ONCE]


def _number(stage: str) -> int:
    return int(stage.removeprefix("stage"))


def _finite(features: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(features).all():
        raise FeatureError(
            "The network gives NaN or infinite features of these views.", code="encoder_output"
        )
    return features
