"""A real browser for tests of pages: headless Chromium, spoken to by the DevTools protocol."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

DEADLINE_S = 60.0
SETTLE_S = 0.5  # what a page does after it has loaded still counts


@dataclass
class Visit:
    """What one visit of a page left behind."""

    complaints: list[str] = field(default_factory=list)  # console errors, warnings, exceptions
    requests: list[str] = field(default_factory=list)  # everything asked for, less the page itself
    scroll_width: int = 0
    broken_images: int = 0
    cut_off: int = 0  # elements that hold more than they show; a reader can scroll, paper cannot


class DevTools:
    """Chromium over a pair of pipes (file descriptors 3 and 4 of the browser)."""

    def __init__(self, profile: Path) -> None:
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # well above 3 and 4, so that the shell's redirections cannot run over one another
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (to_read, from_write)]
        command = [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
            *("--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
            *(f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"),
        ]
        redirected = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
        self._browser = subprocess.Popen(
            ["bash", "-c", redirected, "chromium", *command],
            pass_fds=theirs,
            stderr=subprocess.DEVNULL,
        )
        for fd in (to_read, from_write, *theirs):
            os.close(fd)
        self._write, self._read = to_write, from_read
        os.set_blocking(self._read, False)
        self._buffer = b""
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self.wait_for(lambda m: m.get("id") == number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            for message in self.messages():
                if wanted(message):
                    return message
            time.sleep(0.01)
        raise AssertionError(f"Chromium did not answer within {DEADLINE_S:.0f} s")

    def messages(self) -> Iterator[dict[str, Any]]:
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read, 1 << 20):
                self._buffer += chunk
        while b"\0" in self._buffer:
            line, self._buffer = self._buffer.split(b"\0", 1)
            message = json.loads(line)
            if "method" in message:
                self.events.append(message)
            yield message

    def close(self) -> None:
        self._browser.terminate()
        self._browser.wait(timeout=DEADLINE_S)
        os.close(self._write)
        os.close(self._read)


@pytest.fixture
def visit(tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """Open a local page, on screen or as printed, and report what it did; needs("chromium")."""
    tools = DevTools(tmp_path / "profile")

    def visit(page: Path, width: int = 1280, media: str = "screen") -> Visit:
        target = tools.call("Target.createTarget", url="about:blank")["targetId"]
        session = tools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            tools.call(f"{domain}.enable", session)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        tools.call("Emulation.setDeviceMetricsOverride", session, **size)
        tools.call("Emulation.setEmulatedMedia", session, media=media)
        tools.events.clear()
        tools.call("Page.navigate", session, url=page.resolve().as_uri())
        tools.wait_for(lambda m: m.get("method") == "Page.loadEventFired")
        settled = time.monotonic() + SETTLE_S
        while time.monotonic() < settled:
            list(tools.messages())
            time.sleep(0.02)
        seen = Visit(
            scroll_width=_value(tools, session, "document.documentElement.scrollWidth"),
            broken_images=_value(
                *(tools, session),
                "[...document.images].filter(i => !i.complete || !i.naturalWidth).length",
            ),
            cut_off=_value(
                *(tools, session),
                "[...document.querySelectorAll('body *')].filter(e => "
                "getComputedStyle(e).overflowX !== 'visible' && e.scrollWidth > e.clientWidth"
                ").length",
            ),
        )
        for event in tools.events:
            _note(seen, event["method"], event["params"], page.resolve().as_uri())
        tools.call("Target.closeTarget", targetId=target)
        return seen

    yield visit
    tools.close()


def _value(tools: DevTools, session: str, expression: str) -> int:
    answer = tools.call("Runtime.evaluate", session, expression=expression, returnByValue=True)
    return int(answer["result"]["value"])


def _note(seen: Visit, method: str, params: dict[str, Any], page: str) -> None:
    if method == "Runtime.consoleAPICalled":
        seen.complaints.append(f"console.{params['type']}")
    elif method == "Runtime.exceptionThrown":
        seen.complaints.append(params["exceptionDetails"]["text"])
    elif method == "Log.entryAdded":
        seen.complaints.append(params["entry"]["text"])
    elif method == "Network.requestWillBeSent":
        url = params["request"]["url"]
        if url != page and not url.startswith("data:"):
            seen.requests.append(url)
