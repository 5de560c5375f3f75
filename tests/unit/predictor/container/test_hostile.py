"""Hostile files: all refused, for the right reason, without harm and without much memory."""

from __future__ import annotations

import gc
import os
import pickle
import sys
import threading
import tracemalloc

import pytest

from tests.unit.predictor.container.altering import good
from tests.unit.predictor.container.hostile import FILES, MARK, Harm
from tumor_response.exceptions import BundleError
from tumor_response.predictor.saving import state_from

MOST_MEMORY = 100_000_000
"""Twice the largest of these files with all that it may unpack to."""

_watched: list[str] | None = None


def _watch(event: str, arguments: tuple) -> None:
    if _watched is None or threading.get_ident() != threading.main_thread().ident:
        return
    if event.split(".")[0] not in (
        "object",
        "sys",
        "gc",
        "code",
        "builtins",
    ):
        _watched.append(f"{event} {str(arguments)[:200]}")


sys.addaudithook(_watch)


@pytest.fixture(scope="module", autouse=True)
def warm():
    """What a good file imports is imported, so that a hostile one has nothing left to import."""
    for name in ("tiny", "xgboost", "random_forest"):
        state_from(good(name))


def test_there_are_thirty_and_more():
    assert len(FILES) >= 30


def test_the_watch_would_see_a_pickle_do_harm(monkeypatch):
    global _watched
    monkeypatch.setenv(MARK, "0")
    _watched = events = []
    try:
        pickle.loads(pickle.dumps(Harm()))
    finally:
        _watched = None
    assert os.environ[MARK] == "1"
    assert {"pickle.find_class", "exec"} <= {event.split()[0] for event in events}


@pytest.mark.parametrize("name", FILES)
def test_refused_with_its_reason_and_nothing_done(name):
    global _watched
    make, code = FILES[name]
    content = make()
    gc.disable()  # what other tests left behind is not tidied up under watch
    tracemalloc.start()
    _watched = events = []
    try:
        with pytest.raises(BundleError, match="predictor file is refused") as caught:
            state_from(content)
        _watched = None
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        _watched = None
        gc.enable()
        tracemalloc.stop()
    assert caught.value.code == code, str(caught.value)
    assert len(str(caught.value)) < 700
    assert MARK not in os.environ
    # no import, no exec, no open, no process, no socket: nothing at all that Python audits
    assert events == []
    assert peak < MOST_MEMORY
