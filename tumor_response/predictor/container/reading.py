"""A predictor file to its members, or the reason why it is none."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from tumor_response.predictor.container.layout import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    MOST_BYTES,
    expected_order,
)
from tumor_response.predictor.container.refusing import refused
from tumor_response.predictor.container.strict_json import parsed
from tumor_response.predictor.container.zip_reader import unpacked

__all__ = ["members_of", "read_file"]


def read_file(path: str | Path, max_bytes: int = MOST_BYTES, sha256: str | None = None) -> bytes:
    """Return the bytes of a file, at most ``max_bytes``.

    Raises
    ------
    BundleError
        Code ``file_missing``: no such file; ``file_too_large``; ``other_file``: not the file
        whose SHA-256 was given.
    """
    place = Path(path)
    if not place.is_file():
        raise refused(f"there is no file {place.name!r}.", "Correct the path.", code="file_missing")
    with place.open("rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise refused(
            f"it has more than {max_bytes:,} bytes.",
            "If that is right, say max_bytes=.",
            code="file_too_large",
        )
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise refused(
            f"its SHA-256 is {found}; expected {sha256}. It is another file.", code="other_file"
        )
    return content


def members_of(content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest and the other members of a predictor file.

    Every byte is accounted for before a member is interpreted: the file's seal, the zip's layout,
    the manifest, each member's size and SHA-256, the exact list of members.

    Raises
    ------
    BundleError
        As :func:`~tumor_response.predictor.container.zip_reader.unpacked`; ``unknown_version``,
        ``missing_member``, ``extra_member``, ``changed_member``, ``damaged_member``.
    """
    members = unpacked(content)
    if next(iter(members), None) != MANIFEST:
        raise refused(f"{MANIFEST} is not its first member.", code="missing_member")
    manifest = parsed(members[MANIFEST], MANIFEST)
    try:
        told, version, listed = manifest["format"], manifest["version"], manifest["members"]
        expected = {one["name"]: (one["size"], one["sha256"]) for one in listed}
        libraries = dict(manifest["libraries"])
        python, facts = str(manifest["python"]), dict(manifest["facts"])
    except (KeyError, TypeError, ValueError) as error:
        raise refused(f"{MANIFEST} lacks {error}.", code="damaged_member") from None
    if told != FORMAT:
        raise refused(
            f"it calls itself {str(told)[:80]!r}, not {FORMAT!r}.", code="not_a_predictor"
        )
    if type(version) is not int or version != FORMAT_VERSION:
        raise refused(
            f"its format is version {str(version)[:20]}; this library reads {FORMAT_VERSION}.",
            f"It was written by tumor_response {str(libraries.get('tumor_response'))[:20]}: "
            "install that version, or a newer one.",
            code="unknown_version",
        )
    _check_list(list(members), [MANIFEST, *expected])
    for name, (size, sha256) in expected.items():
        found = members[name]
        if len(found) != size or hashlib.sha256(found).hexdigest() != sha256:
            raise refused(f"{name} is not what the manifest says.", code="changed_member")
        if found[:1] == b"\x80" and name.endswith(".json"):
            raise refused(f"{name} is a pickle, which is never read.", code="pickle")
    kept = {name: found for name, found in members.items() if name != MANIFEST}
    return {"libraries": libraries, "python": python, "facts": facts}, kept


def _check_list(there: list[str], listed: list[str]) -> None:
    exact = expected_order(there)
    for name in exact:
        if name not in there or name not in listed:
            raise refused(f"{name} is missing.", code="missing_member")
    for name in [*there, *listed]:
        if name not in exact:
            raise refused(f"{name!r} does not belong to it.", code="extra_member")
    if not there == listed == exact:
        raise refused("its members are in another order than this library's.", code="zip_layout")
