"""Where a study is: the folder with its settings file, found before anything heavy is loaded."""

from __future__ import annotations

import difflib
from pathlib import Path

from tumor_response.exceptions import SettingsError

__all__ = ["FILE_NAME", "study_folder"]

FILE_NAME = "study.toml"


def study_folder(folder: str | Path) -> Path:
    """Return the folder of a study, given it or its settings file.

    Raises
    ------
    SettingsError
        If there is no settings file, with the nearest study beside it.
    """
    folder = Path(folder)
    if folder.name == FILE_NAME and folder.is_file():
        folder = folder.parent
    if (folder / FILE_NAME).is_file():
        return folder
    beside = sorted(path.parent.name for path in folder.parent.glob(f"*/{FILE_NAME}"))
    near = difflib.get_close_matches(folder.name, beside, n=1)
    meant = f" Did you mean {folder.parent / near[0]}?" if near else ""
    raise SettingsError(
        f"{folder / FILE_NAME}: no such file. A study is a folder with a {FILE_NAME}; make one "
        f"with tumor-response init STUDY --from MANIFEST|FOLDER.{meant}"
    )
