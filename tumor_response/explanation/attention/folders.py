"""A folder of results that is written whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tumor_response.exceptions import ExplanationError

__all__ = ["whole_folder"]


@contextlib.contextmanager
def whole_folder(directory: str | Path, is_ours: Callable[[str], bool]) -> Iterator[Path]:
    """Give a folder to write to, which takes its name when all went well.

    Parameters
    ----------
    directory
        New, empty, or what an earlier run wrote there, which is replaced.
    is_ours
        Whether a file of that name is one of an earlier run.

    Raises
    ------
    ExplanationError
        Code ``maps_unwritable``: the folder holds other files, or cannot be written to. What was
        there before is there still.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> target = Path(tempfile.mkdtemp()) / "maps"
    >>> with whole_folder(target, lambda name: name.endswith(".txt")) as folder:
    ...     _ = (folder / "a.txt").write_text("whole")
    >>> [path.name for path in target.iterdir()]
    ['a.txt']
    """
    target = Path(directory)
    try:
        there = sorted(path.name for path in target.iterdir()) if target.exists() else []
        strangers = [name for name in there if not is_ours(name)]
        if strangers:
            raise ExplanationError(
                f"{target} holds other files ({', '.join(strangers[:3])}); choose a new or an "
                "empty folder.",
                code="maps_unwritable",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
        try:
            yield made
            made.chmod(0o755)
            _put_in_place(made, target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except (OSError, RuntimeError) as error:  # RuntimeError is what ITK raises
        raise ExplanationError(
            f"{target} cannot be written ({error}). Make room or choose another folder.",
            code="maps_unwritable",
        ) from None


def _put_in_place(made: Path, target: Path) -> None:
    """Exchange what is there for what was made."""
    if not target.exists():
        made.rename(target)
        return
    before = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-before-"))
    target.replace(before)
    try:
        made.rename(target)
    except OSError:
        before.rename(target)
        raise
    shutil.rmtree(before)
