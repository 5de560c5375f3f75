"""Good predictor files turned into others, sealed anew as their author would."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from functools import cache

from tests.unit.predictor import small
from tumor_response.predictor.container.writing import sealed
from tumor_response.predictor.saving import state_bytes


@cache
def good(name: str = "tiny") -> bytes:
    return state_bytes(small.tiny() if name == "tiny" else small.state(name, n_resamples=1))


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def listed(parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """Members with a manifest that lists them as they are."""
    manifest = json.loads(parts["manifest.json"])
    manifest["members"] = [
        {"name": name, "size": len(one), "sha256": hashlib.sha256(one).hexdigest()}
        for name, one in parts.items()
        if name != "manifest.json"
    ]
    return {**parts, "manifest.json": text(manifest)}


def with_member(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """One member changed, and everything that vouches for it as well."""
    parts = members(content)
    return sealed(listed({**parts, name: change(parts[name])}))


def with_json(content: bytes, name: str, change: Callable[[dict], object]) -> bytes:
    def changed(found: bytes) -> bytes:
        value = json.loads(found)
        change(value)
        return text(value)

    return with_member(content, name, changed)


def with_seal(body: bytes) -> bytes:
    """The bytes before the seal, sealed."""
    return body + hashlib.sha256(body).hexdigest().encode()


def foreign_zip(parts: Mapping[str, bytes], **kind: object) -> bytes:
    """A zip of another program, with a seal all the same."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **kind) as archive:
        for name, one in parts.items():
            archive.writestr(name, one)
        archive.comment = b"0" * 64
    return with_seal(buffer.getvalue()[:-64])
