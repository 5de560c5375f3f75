"""A study as a folder: its settings file, its stages, and what of them is up to date."""

from tumor_response.study.foretelling import foretell
from tumor_response.study.reading import read_settings
from tumor_response.study.running import Done, StudyRun, rebuild_report, run, status
from tumor_response.study.settings import StudySettings

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
