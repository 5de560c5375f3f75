"""A study as a folder: its settings file, its stages, and what of them is up to date."""

from tumor_response.study.reading import read_settings
from tumor_response.study.running import Done, StudyRun, run, status
from tumor_response.study.settings import StudySettings

__all__ = ["Done", "StudyRun", "StudySettings", "read_settings", "run", "status"]
