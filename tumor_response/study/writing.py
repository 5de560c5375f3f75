"""Files that are whole or not there."""

from __future__ import annotations

from pathlib import Path

from tumor_response.evaluation.ledger.chain import write_durably

__all__ = ["write_whole"]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, flush it to the disk, and rename it; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, content)
