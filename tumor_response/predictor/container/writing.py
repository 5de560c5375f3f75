"""Members to one sealed file: the same members, the same bytes."""

from __future__ import annotations

import hashlib
import io
import platform
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tumor_response._version import __version__
from tumor_response.predictor.container.layout import FORMAT, FORMAT_VERSION, MANIFEST
from tumor_response.predictor.container.strict_json import written
from tumor_response.predictor.container.zip_reader import SEAL_LENGTH, seal_of

__all__ = ["library_versions", "packed"]

_LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "xgboost", "safetensors", "torch")


def library_versions() -> dict[str, str]:
    """Return the versions that a prediction may depend on, by distribution.

    Examples
    --------
    >>> sorted(library_versions())[:2]
    ['numpy', 'pandas']
    """
    installed = {name: _version(name) for name in _LIBRARIES}
    # a table model is loaded, recalibrated and saved again without a network's libraries
    there = {name: found for name, found in installed.items() if found is not None}
    return {"tumor_response": __version__, **there}


@cache
def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def packed(members: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """Return the bytes of a predictor file.

    The manifest comes first: format and version, library versions, and of each member its size
    and SHA-256. The comment of the archive, its last 64 bytes, is the SHA-256 of all bytes before.

    Parameters
    ----------
    members
        From name to content, in order.
    facts
        JSON-able; what else the manifest says, such as the identity of the weights.

    Returns
    -------
    bytes
    """
    manifest = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "libraries": library_versions(),
        "python": platform.python_version(),
        "facts": dict(facts),
        "members": [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        ],
    }
    return sealed({MANIFEST: written(manifest), **members})


def sealed(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of the members as they are, sealed; nothing is added to them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name)  # dated 1980, so that the bytes do not tell the time
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=6)
        archive.comment = b"0" * SEAL_LENGTH
    body = buffer.getvalue()[:-SEAL_LENGTH]
    return body + seal_of(body)
