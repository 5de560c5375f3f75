"""What a run would do, how long it would take, and how much disk it would need."""

from __future__ import annotations

from pathlib import Path

from tumor_response.study.extracting import Tell
from tumor_response.study.running import status

__all__ = ["foretell"]


def foretell(folder: str | Path, *, n_jobs: int = 1, tell: Tell = print) -> None:
    """Say what a run would do and why."""
    for done in status(folder, n_jobs=n_jobs, tell=tell):
        tell(f"{done.stage}: {'; '.join(done.why) if done.why else 'up to date'}")
