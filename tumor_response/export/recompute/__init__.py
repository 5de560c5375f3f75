"""Scripts that recompute the headline from the files of a bundle, in R and in Stata."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["SCRIPTS", "write_scripts"]

SCRIPTS = ("recompute.R", "recompute.do")


def write_scripts(directory: Path) -> list[Path]:
    """Write the scripts; they are the same in every bundle and read what to do from its files.

    Returns
    -------
    list of Path
        ``recompute.R`` (R, no packages) and ``recompute.do`` (Stata 15 or later).
    """
    here = files("tumor_response.export.recompute")
    for name in SCRIPTS:
        (directory / name).write_bytes(here.joinpath(name).read_bytes())
    return [directory / name for name in SCRIPTS]
