"""The extractor of an encoder's features."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tumor_response._version import library_version
from tumor_response.cohort import BaselineCase
from tumor_response.exceptions import FeatureError, WeightsError
from tumor_response.features.base import FeatureSpec, FeatureValues, Shortfall, checked_block
from tumor_response.features.deep.encoders.catalogue import (
    is_random,
    known_encoder,
    packaged_source,
)
from tumor_response.features.deep.encoders.encoder import Encoder, SliceSettings
from tumor_response.features.deep.encoders.network import EncoderNetwork
from tumor_response.features.deep.networks.device import resolved_device
from tumor_response.features.deep.patches import PatchSettings, patch_of
from tumor_response.features.deep.views import cut_views
from tumor_response.features.deep.views.memory import views_bytes
from tumor_response.features.memory import Extent

__all__ = ["EncoderFeatures"]


class EncoderFeatures:
    """Extract the features of an encoder that was trained on medical images, or of one's own.

    The encoder is frozen. A 2-D one sees views of the tumour, and its features are averaged over
    them; a 3-D one sees one resampled patch around the tumour.

    Parameters
    ----------
    encoder
        The name of a known one, ``"astra"``, ``"fmcib"`` or ``"radimagenet_resnet50"``
        (:doc:`/guide/encoders` says what each is), or an :class:`Encoder` of your own.
    weights
        For a known one: the file its authors published, ``"packaged"`` where an installed package
        carries it, or ``"random:<seed>"``, a control. An :class:`Encoder` has its weights already.
    transform
        What it is shown; ``None``: what it was trained on, as far as that is known.
    device
        ``"auto"`` (CUDA, else Apple's MPS, else the processor), or a torch device name.
    block
        First part of the columns' names.

    Raises
    ------
    WeightsError
        If there are no weights, or they are not what they claim to be. Weights are never made up.
    FeatureError
        Codes ``unknown_encoder``, ``settings``, ``device``, ``encoder_output``.

    Notes
    -----
    On the processor the encoder runs on one thread and sees one input at a time, so that the
    numbers depend neither on the number of cores nor on other cases.

    Examples
    --------
    >>> import tempfile, torch, tumor_response as tr
    >>> from tumor_response.features.deep.encoders import Encoder, EncoderFeatures, PatchSettings
    >>> def module():
    ...     torch.manual_seed(0)
    ...     return torch.nn.Conv3d(1, 8, 3)
    >>> shown = PatchSettings(size_voxels=(16, 32, 32), spacing_mm=(3, 3, 3), if_larger="scale")
    >>> own = EncoderFeatures(Encoder("own", module, shown, licence="ours"))
    >>> cohort = tr.simulate_cohort(n_patients=2, seed=0, directory=tempfile.mkdtemp())
    >>> tr.extract(cohort, [own]).data.columns[3]
    'deep__own__0003'
    """

    cacheable = True
    variables: tuple[str, ...] = ()
    required_variables: tuple[str, ...] = ()

    def __init__(
        self,
        encoder: str | Encoder,
        *,
        weights: str | Path = "packaged",
        transform: PatchSettings | SliceSettings | None = None,
        device: str = "auto",
        block: str = "deep",
    ) -> None:
        self.block = checked_block(block)
        if isinstance(encoder, Encoder):
            if weights != "packaged":
                raise FeatureError(
                    f"EncoderFeatures: weights={str(weights)!r} beside an Encoder, whose module "
                    "brings its own; leave weights= out.",
                    code="settings",
                )
            self.encoder = encoder
        else:
            self.encoder = known_encoder(encoder, weights)
        if transform is not None:
            self.encoder = self._shown(transform)
        self.device = resolved_device(device)
        network = EncoderNetwork.load(self.encoder, self.device)
        # an input of zeros says what comes out, and that the encoder can use what it is shown
        self.n_features = len(network.features(np.zeros(self.encoder.input_shape, np.float32)))
        self.weights_sha256 = network.weights_sha256
        self.weights_bytes = network.weights_bytes
        self._network: EncoderNetwork | None = network

    def __getstate__(self) -> dict[str, Any]:
        # a worker loads the weights again, and they must be the same ones
        return self.__dict__ | {"_network": None}

    def identity(self) -> dict[str, Any]:
        """Return the encoder, hash of its tensors, what it is shown, device and versions."""
        return {
            "extractor": "encoder",
            **self.encoder.facts(),
            "weights_sha256": self.weights_sha256,
            "device": self.device,
            "precision": "float32",
            "versions": {
                name: library_version(name)
                for name in ("torch", "timm", "SimpleITK", "scipy", "numpy")
            },
        }

    @classmethod
    def from_identity(cls, block: str, identity: Mapping[str, Any]) -> EncoderFeatures | None:
        """Make the extractor that an identity describes.

        Returns
        -------
        EncoderFeatures or None
            ``None`` where only the user has the weights or the module.
        """
        name, source = identity["encoder"], identity["weights_source"]
        weights = {packaged_source(name): "packaged"}.get(source, source)
        if weights != "packaged" and not is_random(weights):
            return None
        kind = SliceSettings if identity["dimension"] == 2 else PatchSettings
        return cls(
            name,
            weights=weights,
            transform=kind(**identity["transform"]),
            device=identity["device"],
            block=block,
        )

    def feature_specs(self) -> list[FeatureSpec]:
        """Return the dictionary rows, one per feature."""
        encoder = self.encoder
        seen = "mean over views" if encoder.dimension == 2 else "of one 3-D patch"
        return [
            FeatureSpec(
                column=self._column(i),
                block=self.block,
                family=encoder.name,
                role="baseline",
                ibsi_code="",
                unit="",
                description=(
                    f"Feature {i} of the {encoder.dimension}-D encoder {encoder.name}, {seen} "
                    f"({encoder.source}, SHA-256 {self.weights_sha256[:12]}; trained on: "
                    f"{encoder.training}; licence: {encoder.licence})."
                ),
            )
            for i in range(self.n_features)
        ]

    def extract(self, case: BaselineCase) -> FeatureValues:
        """Return the case's features.

        What a patch or view had to be given, such as padding, is told in the failures table; the
        values stay.

        Raises
        ------
        FeatureError
            As :func:`tumor_response.features.deep.patches.patch_of` or
            :func:`tumor_response.features.deep.views.cut_views`; and ``encoder_output``: what
            comes out is not finite.
        WeightsError
            If the weights changed since the extractor was made.
        """
        if self._network is None:
            self._network = self._loaded_again()
        inputs, told = self._inputs(case)
        # one by one: the last bits of a batch depend on its size
        features = np.mean([self._network.features(each) for each in inputs], axis=0)
        if not np.isfinite(features).all():
            raise FeatureError(
                f"{self.encoder.name}: {(~np.isfinite(features)).sum()} of {len(features)} "
                "features are NaN or infinite. Compare the intensities it is shown with those it "
                "was trained on.",
                code="encoder_output",
            )
        return FeatureValues(
            {self._column(i): float(value) for i, value in enumerate(features)}, told
        )

    def memory_bytes(self, extent: Extent) -> int:
        """Return what a case needs beside its image: weights, a turned copy, activations."""
        transform = self.encoder.transform
        # what the file holds and what the module holds are there at once while weights are loaded
        fixed = 130_000_000 + 2 * self.weights_bytes
        shown = math.prod(self.encoder.input_shape[1:])
        if isinstance(transform, SliceSettings):
            cut = views_bytes(transform.views, transform.size_px, extent)
        else:
            part = math.prod(
                side / step + _MARGIN_VOXELS
                for side, step in zip(transform.sides_mm, sorted(extent.spacing_mm), strict=True)
            )
            cut = _PART_BYTES * min(round(part), extent.image_voxels) + _POINT_BYTES * shown
        return fixed + cut + _ACTIVATION_BYTES * shown

    def _shown(self, transform: PatchSettings | SliceSettings) -> Encoder:
        if type(transform) is not type(self.encoder.transform):
            raise FeatureError(
                f"EncoderFeatures: transform={transform!r}: {self.encoder.name} is a "
                f"{self.encoder.dimension}-D encoder; expected "
                f"{type(self.encoder.transform).__name__}(...).",
                code="settings",
            )
        return dataclasses.replace(self.encoder, transform=transform)

    def _inputs(self, case: BaselineCase) -> tuple[np.ndarray, list[Shortfall]]:
        """Return float32 (n, channels, ...), and what has to be said of it."""
        transform = self.encoder.transform
        if isinstance(transform, SliceSettings):
            views = cut_views(case.image, case.mask, transform.views, transform.size_px)
            mean, std = (
                np.array(v, dtype=np.float32)[:, None, None]
                for v in (transform.mean, transform.std)
            )
            # one channel is shown to all three
            return (views.pixels - mean) / std, views.findings
        patch = patch_of(case.image, case.mask, transform)
        return patch.voxels[None], patch.findings

    def _loaded_again(self) -> EncoderNetwork:
        network = EncoderNetwork.load(self.encoder, self.device)
        if network.weights_sha256 != self.weights_sha256:
            raise WeightsError(
                f"The weights of {self.encoder.name!r} changed during the run: SHA-256 "
                f"{network.weights_sha256}, at the start {self.weights_sha256}.",
                code="weights_changed",
            )
        return network

    def _column(self, i: int) -> str:
        return f"{self.block}__{self.encoder.name}__{i:04d}"

    def __repr__(self) -> str:
        return f"EncoderFeatures({self.encoder.name!r}, block={self.block!r})"


_ACTIVATION_BYTES = 300
"""Per voxel or pixel of the input, of the widest layers together; measured on ``"astra"``."""
_PART_BYTES = 12
"""Per voxel of the image that decides the patch: as float32, smoothed, and in between."""
_MARGIN_VOXELS = 12
_POINT_BYTES = 64
"""Per voxel of the patch while its intensities are scaled."""
