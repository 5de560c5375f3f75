"""Weights in a folder: a repository as the model hub lays it out, or the hub's cache of many."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.architecture import architecture_of, timm_config
from tumor_response.features.deep.weights.config import TrainingConfig, read_config
from tumor_response.features.deep.weights.files import file_sha256, tensors_of
from tumor_response.features.deep.weights.loaded import NOT_STATED, LoadedWeights, state_sha256
from tumor_response.features.deep.weights.record import WeightsRecord, check_sha256, read_record

__all__ = ["Repository", "folder_weights", "hash_in_name", "repository_at"]

_FILES = ("model.safetensors", "pytorch_model.bin")
_CACHED = "models--"
_BLOB = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """The folder of one training of one network.

    Parameters
    ----------
    file
        The weights.
    config
        Of its ``config.json``, if there is one.
    licence
        As its record, its ``README.md`` or its ``config.json`` state it.
    source
        Hub repository with commit, or what is known without a path.
    record
        Of its ``weights.json``, if there is one.
    """

    file: Path
    config: TrainingConfig | None
    licence: str
    source: str
    record: WeightsRecord | None


def folder_weights(backbone: str, folder: Path) -> LoadedWeights:
    """Return the weights of a network from a folder.

    Parameters
    ----------
    backbone
        timm model name.
    folder
        A repository (``model.safetensors`` or ``pytorch_model.bin``, mostly with a
        ``config.json``), its folder in a cache (``models--timm--resnet50.a1_in1k``), or the cache.

    Raises
    ------
    WeightsError
        Codes as :func:`load_weights`. The folder is held against all that it says of itself: the
        network's name, the hash in a ``weights.json``, and the hash that a cache names files by.
    """
    repository = repository_at(folder, backbone)
    config = repository.config
    named = None if config is None else f"{config.architecture}.{config.tag or ''}".rstrip(".")
    if config is not None and (
        config.architecture != architecture_of(backbone)
        or ("." in backbone and config.tag is not None and named != backbone)
    ):
        raise WeightsError(
            f"{folder}: its config.json says {named!r}, asked for was {backbone!r}.",
            code="weights_mismatch",
        )
    state, notes = tensors_of(repository.file)
    if (blob := hash_in_name(repository.file)) is not None:
        found = file_sha256(repository.file)
        check_sha256(f"{repository.file} (the file)", found, blob, "Fetch them again.")
    loaded = LoadedWeights(
        state, state_sha256(state), repository.source, repository.licence, notes, config
    )
    if repository.record is not None:
        check_sha256(
            str(folder), loaded.sha256, repository.record.tensors_sha256, "Fetch them again."
        )
    return loaded


def repository_at(folder: Path, backbone: str | None) -> Repository:
    """Return what a folder holds, without reading the tensors.

    Parameters
    ----------
    folder
        As :func:`folder_weights`.
    backbone
        Which network's repository is taken from a cache of many; ``None``: the folder is one
        repository.

    Raises
    ------
    WeightsError
        Codes ``weights_missing``, ``weights_unreadable`` and ``weights_mismatch``.
    """
    for cache in (folder, folder / "hub"):
        if not (folder / "snapshots").is_dir() and any(cache.glob(f"{_CACHED}*")):
            folder = _in_cache(cache, backbone)
            break
    if (folder / "snapshots").is_dir():
        folder = _snapshot(folder)
    file = next((folder / name for name in _FILES if _is_named(folder / name)), None)
    if file is None:
        raise WeightsError(
            f"{folder}: holds neither {' nor '.join(_FILES)}.", code="weights_missing"
        )
    path = folder / "config.json"
    config = read_config(path) if _is_named(path) else None
    record = read_record(folder)
    licence = _licence_of_readme(folder / "README.md") or (config.license if config else None)
    plain = Repository(file, config, licence or NOT_STATED, _source(folder, file, config), record)
    if record is None:
        return plain
    return replace(plain, licence=record.licence, source=record.source)


def _in_cache(cache: Path, backbone: str | None) -> Path:
    held = sorted(path.name for path in cache.glob(f"{_CACHED}*"))
    if backbone is None:
        raise WeightsError(
            f"{cache}: a cache of several repositories ({', '.join(held)}); name one of them.",
            code="weights_missing",
        )
    repository = str(timm_config(backbone).get("hf_hub_id") or f"timm/{backbone}")
    found = cache / (_CACHED + repository.replace("/", "--"))
    if not found.is_dir():
        near = [name for name in held if architecture_of(backbone) in name]
        raise WeightsError(
            f"{cache}: has no {found.name}, the weights of {backbone!r}; of this network it has: "
            f"{', '.join(near) or 'nothing'}. Another training is another backbone: name it with "
            "its tag, such as 'resnet50.tv_in1k'.",
            code="weights_missing",
        )
    return found


def _snapshot(repository: Path) -> Path:
    """Return the files of the commit that ``main`` stands for, or of the only one there is."""
    snapshots = sorted(path for path in (repository / "snapshots").iterdir() if path.is_dir())
    main = repository / "refs" / "main"
    if main.is_file():
        commit = main.read_text(encoding="utf-8").strip()
        found = [path for path in snapshots if path.name == commit]
    else:
        found = snapshots
    if len(found) != 1:
        raise WeightsError(
            f"{repository}: {len(snapshots)} snapshots, and "
            f"{'the one of main is not there' if main.is_file() else 'no refs/main chooses one'}. "
            "Name the folder of one snapshot, or fetch the weights again.",
            code="weights_missing",
        )
    return found[0]


def _is_named(path: Path) -> bool:
    # a link whose target is gone is there by name, and has to be reported as what it is
    return path.is_file() or path.is_symlink()


def _source(folder: Path, file: Path, config: TrainingConfig | None) -> str:
    repository = folder.absolute().parent.parent.name
    if folder.absolute().parent.name == "snapshots" and repository.startswith(_CACHED):
        name = repository.removeprefix(_CACHED).replace("--", "/")
        return f"{name} at {folder.name[:12]}"
    if config is None:
        return f"{file.name} in a folder"
    return f"{file.name} in a folder of {config.architecture}.{config.tag or ''}".rstrip(".")


def _licence_of_readme(path: Path) -> str | None:
    """Return ``license`` of the front matter, which is where the hub keeps it."""
    if not path.is_file():
        return None
    try:
        parts = path.read_text(encoding="utf-8").split("---\n", 2)
        front = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    licence = front.get("license") if isinstance(front, dict) else None
    return licence if isinstance(licence, str) else None


def hash_in_name(file: Path) -> str | None:
    """Return the SHA-256 that the hub's caches call a large file by, ``None`` elsewhere."""
    blob = file.resolve().name
    return blob if file.is_symlink() and _BLOB.fullmatch(blob) else None
