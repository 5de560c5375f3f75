"""Tensors and a JSON header as safetensors bytes: what a fit saves, and leaves when killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tumor_response.exceptions import BundleError, ModelError
from tumor_response.features.cache.stores import LocalStore
from tumor_response.settings import canonical_json

__all__ = ["Checkpoint", "packed", "unpacked"]

Tensors = Mapping[str, np.ndarray]


def packed(tensors: Tensors, header: Mapping[str, Any]) -> bytes:
    """Return tensors and header as the bytes of a safetensors file; the same input, the same bytes.

    Examples
    --------
    >>> import numpy as np
    >>> data = packed({"a": np.zeros(2, np.float32)}, {"epoch": 3})
    >>> unpacked(data)[1]
    {'epoch': 3}
    """
    from safetensors.numpy import save

    ordered = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    text = canonical_json(dict(header))
    # one entry, since several are written in no fixed order
    sealed = canonical_json({"header": text, "sha256": _digest(ordered, text)})
    content: bytes = save(ordered, {"tumor_response": sealed})
    return content


def unpacked(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return tensors and header of :func:`packed` bytes, after checking that they are whole.

    Raises
    ------
    BundleError
        If they are no safetensors file, not one of this library's, or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size])["__metadata__"]
        sealed = json.loads(metadata["tumor_response"])
        text, recorded = sealed["header"], sealed["sha256"]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"The saved state is not one of this library's ({error}).") from None
    ordered = {name: tensors[name] for name in sorted(tensors)}
    if _digest(ordered, text) != recorded:
        raise BundleError("The saved state is damaged: its SHA-256 is not the recorded one.")
    return ordered, json.loads(text)


def _digest(ordered: Tensors, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in ordered.items():
        digest.update(f"{name}|{tensor.dtype}|{tensor.shape}|".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


class Checkpoint:
    """Where a fit keeps how far it is, under a name made of all that decides it.

    Parameters
    ----------
    directory
        A folder, made if it is not there; None: nothing is kept.
    identity
        SHA-256 of all that decides the fit.

    Raises
    ------
    ModelError
        Code ``checkpoint_unusable``, at once or when it is written.
    """

    def __init__(self, directory: str | Path | None, identity: str) -> None:
        self._directory = directory
        self._name = f"{identity[:2]}/{identity}.safetensors"
        self._files: LocalStore | None = None
        if directory is not None:
            try:
                self._files = LocalStore(Path(directory))
            except OSError as error:
                raise self._unusable(error) from None

    def load(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Return what was kept; a damaged file counts as none, and the fit starts anew."""
        content = self._files.read(self._name) if self._files is not None else None
        if content is None:
            return None
        try:
            return unpacked(content)
        except BundleError:
            return None

    def save(self, tensors: Tensors, header: Mapping[str, Any]) -> None:
        """Keep tensors and header, at once or not at all."""
        if self._files is None:
            return
        try:
            self._files.write(self._name, packed(tensors, header))
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> ModelError:
        return ModelError(
            f"checkpoint_dir={str(self._directory)!r} cannot be used ({error.strerror or error}). "
            "Make room, choose another folder, or checkpoint_dir=None.",
            code="checkpoint_unusable",
        )
