"""Stub until the SCALE room is there."""

from __future__ import annotations


def estimated_bytes(case: object, extractors: object) -> int:
    return 0


def available_bytes() -> int:
    return 8_000_000_000
