"""The model hub: only when asked for, and through a cache that later runs read without it."""

from __future__ import annotations

import os
from pathlib import Path

from tumor_response.exceptions import WeightsError
from tumor_response.features.deep.weights.architecture import timm_config

__all__ = ["HUB", "downloaded", "hub_address"]

HUB = "hub"
"""The word that asks for the hub: ``"hub"``, or ``"hub:owner/name"`` with ``"@revision"``."""


def hub_address(backbone: str, weights: str = HUB) -> tuple[str, str | None]:
    """Return repository and revision that the words mean.

    Parameters
    ----------
    backbone
        timm model name; timm knows where its weights are.
    weights
        ``"hub"``, or ``"hub:owner/name"`` for another repository; ``"@revision"`` may follow
        either (a commit, a tag or a branch).

    Raises
    ------
    WeightsError
        Code ``weights_missing``: timm knows of no repository.

    Examples
    --------
    >>> hub_address("resnet50", "hub:someone/resnet50-ct@v1")
    ('someone/resnet50-ct', 'v1')
    """
    place, _, revision = weights.partition("@")
    repository = place.partition(":")[2] or timm_config(backbone).get("hf_hub_id")
    if not repository:
        raise WeightsError(
            f"timm knows no weights of {backbone!r} on the hub. Name a repository: "
            "weights='hub:owner/name'.",
            code="weights_missing",
        )
    return str(repository), revision or None


def downloaded(repository: str, revision: str | None, cache: Path | None = None) -> Path:
    """Bring one repository's weights into a cache, and return the folder of their snapshot.

    Parameters
    ----------
    repository, revision
        As :func:`hub_address`; ``None``: what the repository's main branch is today.
    cache
        Where; ``None``: the hub's own cache folder of this user. What lies there is not fetched
        again.

    Raises
    ------
    WeightsError
        Codes ``hub_unreachable``, ``weights_missing`` (no such repository, revision or file, or
        no permission).
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    def file(name: str, commit: str | None) -> Path:
        return Path(
            hf_hub_download(
                repository,
                name,
                revision=commit,
                cache_dir=cache,
                # as it is now, not as it was when the package was imported
                endpoint=os.environ.get("HF_ENDPOINT"),
            )
        )

    def optional(name: str, commit: str) -> bool:
        try:
            file(name, commit)
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            return False
        return True

    try:
        snapshot = file("config.json", revision).parent
        # one commit for all files, though somebody may push another meanwhile
        if not optional("model.safetensors", snapshot.name):
            file("pytorch_model.bin", snapshot.name)
        optional("README.md", snapshot.name)
    except Exception as error:
        raise _refused(repository, revision, error) from error
    return snapshot


def _refused(repository: str, revision: str | None, error: Exception) -> WeightsError:
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    place = f"{repository}@{revision}" if revision else repository
    reason = " ".join(str(error).split())[:200]
    absent = (EntryNotFoundError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError)
    if isinstance(error, absent) and not isinstance(error, LocalEntryNotFoundError):
        return WeightsError(
            f"The hub has no weights of timm's at {place}, or not for you ({reason}).",
            code="weights_missing",
        )
    return WeightsError(
        f"The hub cannot be reached for {place} ({reason}). On a machine with a network: "
        "tumor-response weights fetch NAME --to FOLDER; then pass weights=FOLDER here.",
        code="hub_unreachable",
    )
