"""Weights from the hub into a folder that can be carried to a machine without a network."""

from __future__ import annotations

import shutil
from pathlib import Path

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.architecture import checked_backbone
from tumor_response.features.deep.weights.folders import folder_weights, repository_at
from tumor_response.features.deep.weights.hub import HUB, downloaded, hub_address
from tumor_response.features.deep.weights.network import trained_network
from tumor_response.features.deep.weights.record import RECORD, WeightsRecord, write_record

__all__ = ["fetch_weights"]

_UNFINISHED = ".download"
_FILE = "model.safetensors"


def fetch_weights(backbone: str, folder: Path, weights: str = HUB) -> WeightsRecord:
    """Write a network's weights and the record of them into a folder.

    Parameters
    ----------
    backbone
        timm model name.
    folder
        New or empty. It gets ``model.safetensors``, ``config.json``, ``README.md`` (which states
        the licence) and, last, ``weights.json``. A download that was broken off goes on.
    weights
        ``"hub"``, ``"hub@revision"`` or ``"hub:owner/name"``.

    Returns
    -------
    WeightsRecord
        What was written to ``weights.json``.

    Raises
    ------
    WeightsError
        Codes as :func:`load_weights`, and ``folder_not_empty``. Weights that do not fit the
        network are not written.
    """
    import timm
    from safetensors.torch import save_file

    checked_backbone(backbone)
    held = [] if not folder.exists() else [p.name for p in folder.iterdir()]
    if set(held) - {_UNFINISHED}:
        raise WeightsError(
            f"{folder}: not empty ({', '.join(sorted(held)[:3])}). Name a new folder; weights are "
            "never written over others.",
            code="folder_not_empty",
        )
    repository, revision = hub_address(backbone, weights)
    cache = folder / _UNFINISHED
    cache.mkdir(parents=True, exist_ok=True)
    snapshot = downloaded(repository, revision, cache)
    loaded = folder_weights(backbone, snapshot)
    trained_network(backbone, loaded)
    file = repository_at(snapshot, backbone).file
    if file.name == _FILE:
        shutil.copyfile(file, folder / _FILE)
    else:
        save_file({n: t.contiguous().clone() for n, t in loaded.state.items()}, folder / _FILE)
    for name in ("config.json", "README.md"):
        if (snapshot / name).is_file():
            shutil.copyfile(snapshot / name, folder / name)
    record = WeightsRecord(
        backbone=backbone,
        tensors_sha256=loaded.sha256,
        source=loaded.source,
        licence=loaded.licence,
        timm_version=timm.__version__,
    )
    write_record(folder, record)
    try:
        folder_weights(backbone, folder)
    except WeightsError:
        (folder / RECORD).unlink()
        raise
    shutil.rmtree(cache)
    return record
