"""Common mistakes: what is printed is what was looked at, and the documentation shows it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mistakes import MISTAKES, PAGE, PINNED, Mistake, page, small_study, typed
from tumor_response.cli.codes import ExitCode

PINNED_ONES = {one["typed"] + one["title"]: one for one in json.loads(PINNED.read_text("utf-8"))}


@pytest.fixture(scope="module")
def right() -> Iterator[Path]:
    """Where another user may look as well, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        small_study(Path(folder) / "right")
        yield Path(folder)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.title}: {one.typed}")
def test_what_is_printed_is_what_was_looked_at(mistake: Mistake, right: Path) -> None:
    folder = right / str(MISTAKES.index(mistake)) / "study"
    shutil.copytree(right / "right", folder)
    told = typed(mistake, folder)
    assert told == PINNED_ONES[f"tumor-response {mistake.typed}{mistake.title}"]
    printed = "\n".join([*told["stdout"], *told["stderr"]])
    assert "Traceback" not in printed
    assert told["exit_code"] in (ExitCode.DONE, ExitCode.FOUND, ExitCode.MISTAKE)
    if told["exit_code"] == ExitCode.MISTAKE:
        assert printed.count("Error: ") == 1


def test_all_are_pinned_and_none_that_is_gone() -> None:
    assert len(MISTAKES) >= 40
    assert list(PINNED_ONES) == [f"tumor-response {m.typed}{m.title}" for m in MISTAKES]


def test_the_page_shows_them() -> None:
    assert PAGE.read_text("utf-8") == page(list(PINNED_ONES.values()))
