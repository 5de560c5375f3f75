"""``tumor-response verify``: whether what was handed over is what was sent."""

from __future__ import annotations

from pathlib import Path

from tumor_response.cli.console import say
from tumor_response.cli.output import found
from tumor_response.exceptions import BundleError

__all__ = ["verify_path"]

_SHOWN = 50
_PREDICTOR = ".trz"


def verify_path(path: Path) -> bool:
    """Check a folder, or a predictor's file; say what was found, and return whether it is sound.

    Raises
    ------
    BundleError
        If it is no folder with sums.
    """
    if path.suffix.lower() == _PREDICTOR and not path.is_dir():
        return _verify_predictor(path)
    return _verify_folder(path)


def _verify_folder(directory: Path) -> bool:
    from tumor_response.export.verifying import verify

    checked = verify(directory)
    found(
        ok=checked.ok,
        n_files=checked.n_files,
        problems=[str(problem) for problem in checked.problems],
        sha256=checked.sha256,
    )
    for problem in checked.problems[:_SHOWN]:
        say(f"  {problem}")
    if len(checked.problems) > _SHOWN:
        say(f"  and {len(checked.problems) - _SHOWN} more")
    if checked.ok:
        say(f"{directory}: {checked.n_files} files, all as they were sent.")
    else:
        say(f"{directory}: {len(checked.problems)} problem(s) with {checked.n_files} files.")
    say(f"SHA-256 of the sums, to compare with the sender's: {checked.sha256}")
    return checked.ok


def _verify_predictor(path: Path) -> bool:
    from tumor_response.export.package.contents import sha256_of
    from tumor_response.predictor.saving import load_state

    sha256 = sha256_of(path)
    try:
        load_state(path, sha256=sha256)
    except BundleError as error:
        found(ok=False, n_files=1, problems=[str(error)], sha256=sha256)
        say(f"{path}: {error}")
        return False
    found(ok=True, n_files=1, problems=[], sha256=sha256)
    say(f"{path}: a predictor's file, whole and of known types; its predictions are repeated.")
    say(f"SHA-256 of the file, to compare with the sender's: {sha256}")
    return True
