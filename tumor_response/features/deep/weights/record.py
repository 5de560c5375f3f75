"""The record beside fetched weights: what they are, to the byte, and where they came from."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from tumor_response.exceptions import SettingsError, WeightsError
from tumor_response.settings import Settings

__all__ = ["RECORD", "WeightsRecord", "check_sha256", "read_record", "write_record"]

RECORD = "weights.json"
"""Name of the record in a folder of weights."""


class WeightsRecord(Settings):
    """What weights were when they were fetched.

    Parameters
    ----------
    backbone
        timm's name of the network.
    tensors_sha256
        As :func:`~tumor_response.features.deep.weights.state_sha256`.
    source, licence
        Hub repository with commit, and the licence it states.
    timm_version
        With which the tensors were found to fit the network.

    Examples
    --------
    >>> WeightsRecord(backbone="resnet50", tensors_sha256="0" * 64, licence="apache-2.0",
    ...               source="timm/resnet50.a1_in1k at 0123", timm_version="1.0.31").licence
    'apache-2.0'
    """

    backbone: str
    tensors_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    source: str
    licence: str
    timm_version: str


def read_record(folder: Path) -> WeightsRecord | None:
    """Return a folder's record, ``None`` if it has none.

    Raises
    ------
    WeightsError
        Code ``weights_unreadable`` for a damaged one: a hash that cannot be read protects nothing.
    """
    path = folder / RECORD
    if not path.exists():
        return None
    try:
        return WeightsRecord.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SettingsError) as error:
        raise WeightsError(
            f"{path}: not a record of weights ({error}). Fetch the weights again.",
            code="weights_unreadable",
        ) from None


def write_record(folder: Path, record: WeightsRecord) -> None:
    """Write a folder's record, there whole or not at all."""
    part = folder / f".{RECORD}.part"
    part.write_text(json.dumps(record.model_dump(), indent=2) + "\n", encoding="utf-8")
    part.replace(folder / RECORD)


def check_sha256(source: str, found: str, expected: str | None, way_out: str) -> None:
    """Refuse tensors that are not the recorded ones.

    Parameters
    ----------
    source
        Where they came from.
    found, expected
        SHA-256 of the tensors; nothing is checked if none is expected.
    way_out
        What to do, a sentence.

    Raises
    ------
    WeightsError
        Codes ``weights_changed``; ``settings`` if ``expected`` is no SHA-256.
    """
    if expected is None:
        return
    digits = expected.lower() if isinstance(expected, str) else ""
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise WeightsError(
            f"weights_sha256={expected!r}: expected the 64 hexadecimal digits of a SHA-256.",
            code="settings",
        )
    if found != digits:
        raise WeightsError(
            f"The weights in {source} are not the recorded ones: SHA-256 {found}, expected "
            f"{digits}. {way_out}",
            code="weights_changed",
        )
