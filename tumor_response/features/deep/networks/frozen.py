"""A pretrained network on its backend: pixels in, layers out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tumor_response.exceptions import FeatureError
from tumor_response.features.deep.networks.backbone import Backbone, load_backbone
from tumor_response.features.deep.networks.backend import (
    Runner,
    example_images,
    resolve_backend,
    runner,
)
from tumor_response.features.deep.weights import LoadedWeights

__all__ = ["FrozenNetwork"]


@dataclass(frozen=True)
class FrozenNetwork:
    """A backbone that is run by one backend, without its tensors where that does not need them.

    Parameters
    ----------
    name
        timm model name.
    layers
        Name and width of each layer, in the order of the features.
    input_px
        Side of the images in pixels.
    mean, std
        Of the network's normalisation, for pixels from 0 to 1.
    weights
        What is known of the weights; the tensors themselves are left out.
    weights_bytes
        Size of the tensors.
    backend
        The name of what runs it.
    run
        Runs it.
    """

    name: str
    layers: tuple[tuple[str, int], ...]
    input_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights: LoadedWeights
    weights_bytes: int
    backend: str
    run: Runner

    @classmethod
    def resolved(
        cls,
        name: str,
        weights: str | Path,
        layers: Sequence[str],
        *,
        input_px: int | None,
        weights_sha256: str | None,
        backend: str,
        device: str,
    ) -> FrozenNetwork:
        """Load a network and choose its backend, in the process that starts the others.

        Parameters
        ----------
        name, weights, layers, input_px, weights_sha256
            As for :func:`~tumor_response.features.deep.networks.backbone.load_backbone`.
        backend
            As for :func:`~tumor_response.features.deep.networks.backend.resolve_backend`.
        device
            torch device name, not ``"auto"``.
        """
        backbone = load_backbone(
            name, weights, layers, input_px=input_px, weights_sha256=weights_sha256
        )
        example = example_images((3, backbone.input_px, backbone.input_px))
        chosen = resolve_backend(backbone.module, example, backend, device)
        return cls._of(backbone, chosen.name, chosen.run)

    @classmethod
    def loaded_again(
        cls,
        name: str,
        weights: str | Path,
        layers: Sequence[str],
        *,
        input_px: int,
        weights_sha256: str,
        backend: str,
        device: str,
    ) -> FrozenNetwork:
        """Load a network that was resolved before, in a worker: the same weights and backend.

        Raises
        ------
        WeightsError
            Code ``weights_changed``, if the weights are others by now.
        """
        backbone = load_backbone(
            name, weights, layers, input_px=input_px, weights_sha256=weights_sha256
        )
        shape = (3, backbone.input_px, backbone.input_px)
        return cls._of(backbone, backend, runner(backbone.module, backend, device, shape))

    @classmethod
    def _of(cls, backbone: Backbone, backend: str, run: Runner) -> FrozenNetwork:
        n_bytes = sum(t.numel() * t.element_size() for t in backbone.weights.state.values())
        return cls(
            backbone.name,
            backbone.layers,
            backbone.input_px,
            backbone.mean,
            backbone.std,
            dataclasses.replace(backbone.weights, state={}),
            n_bytes,
            backend,
            run,
        )

    def features(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the layers of views side by side.

        Parameters
        ----------
        pixels
            float32, shape (n, 1 or 3, input_px, input_px), 0 to 1. One channel is shown to all
            three.

        Returns
        -------
        numpy.ndarray
            float32, shape (n, n_features).

        Raises
        ------
        FeatureError
            Code ``encoder_output``: what comes out is not finite.
        """
        mean, std = (
            np.array(values, dtype=np.float32)[:, None, None] for values in (self.mean, self.std)
        )
        found = self.run((pixels - mean) / std)
        if not np.isfinite(found).all():
            raise FeatureError(
                f"{self.name}: {(~np.isfinite(found)).sum()} of {math.prod(found.shape)} features "
                "are NaN or infinite. Look at the views with tr.plot_views(case, settings), and at "
                "where the weights are from.",
                code="encoder_output",
            )
        return found
