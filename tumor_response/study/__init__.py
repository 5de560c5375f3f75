"""A study as a folder: its settings file, its stages, and what of them is up to date.

The names below are loaded on first use: whoever mistypes a folder need not wait for them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tumor_response.study.foretelling import foretell
    from tumor_response.study.reading import read_settings
    from tumor_response.study.running import Done, StudyRun, rebuild_report, run, status
    from tumor_response.study.settings import StudySettings

_HOME = {
    "Done": "running",
    "foretell": "foretelling",
    "read_settings": "reading",
    "rebuild_report": "running",
    "run": "running",
    "status": "running",
    "StudyRun": "running",
    "StudySettings": "settings",
}

__all__ = [
    "Done",
    "StudyRun",
    "StudySettings",
    "foretell",
    "read_settings",
    "rebuild_report",
    "run",
    "status",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'tumor_response.study' has no attribute {name!r}")
    value = getattr(import_module(f"tumor_response.study.{home}"), name)
    globals()[name] = value
    return value
