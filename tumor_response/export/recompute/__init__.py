"""Scripts that recompute the headline from the files of a bundle, in R and in Stata."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["SCRIPTS", "write_scripts"]

SCRIPTS = {
    "recompute.R": "recomputes the headline figures and every interval (R, no packages)",
    "recompute.do": "recomputes the headline AUCs and their intervals (Stata 15 or later)",
}
"""The scripts and what they do."""


def write_scripts(directory: Path) -> None:
    """Write the scripts; they are the same in every bundle and read what to do from its files."""
    here = files("tumor_response.export.recompute")
    for name in SCRIPTS:
        (directory / name).write_bytes(here.joinpath(name).read_bytes())
