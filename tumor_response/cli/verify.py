"""``tumor-response verify``: whether what was handed over is what was sent."""

from __future__ import annotations

from pathlib import Path

from tumor_response.cli.console import say

__all__ = ["verify_path"]

_SHOWN = 50


def verify_path(path: Path) -> bool:
    """Check a folder or a predictor's file, say what was found, and return whether it is sound."""
    return _verify_folder(path)


def _verify_folder(directory: Path) -> bool:
    from tumor_response.export.verifying import verify

    found = verify(directory)
    for problem in found.problems[:_SHOWN]:
        say(f"  {problem}")
    if len(found.problems) > _SHOWN:
        say(f"  and {len(found.problems) - _SHOWN} more")
    if found.ok:
        say(f"{directory}: {found.n_files} files, all as they were sent.")
    else:
        say(f"{directory}: {len(found.problems)} problem(s) with {found.n_files} files.")
    say(f"SHA-256 of the sums, to compare with the sender's: {found.sha256}")
    return found.ok
