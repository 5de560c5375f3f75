"""A real browser for tests of pages: headless Chromium, spoken to by the DevTools protocol.

Tests take the fixture ``browser`` and are marked ``needs("chromium")``::

    tab = browser.open(page, width=390, scheme="dark")
    tab.press("ArrowRight")
    assert tab.evaluate("document.title") == "Study"
    assert not (tab.complaints or tab.requests or tab.faults())
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import importlib.util
import itertools
import json
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

DEADLINE_S = 60.0
SETTLE_S = 0.5  # what a page does after it has loaded still counts

Scheme = Literal["light", "dark"]
Media = Literal["screen", "print"]

SERIOUS = ("serious", "critical")
"""The impacts that axe-core gives to faults which shut somebody out."""

_KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "PageUp": 33,
    "PageDown": 34,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}

_MIDDLE_OF = """(() => {
    const found = document.querySelector(%s);
    if (!found) return null;
    found.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const box = found.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
})()"""

_HANDLED = """addEventListener("click", event => {
    if (window.handledAfterMs === undefined)
        requestAnimationFrame(() => { window.handledAfterMs = performance.now(); });
}, true);"""


@dataclass(frozen=True)
class Fault:
    """One rule of axe-core that a page breaks, and where."""

    rule: str
    impact: str
    help: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rule} ({self.impact}): {self.help} at {'; '.join(self.places[:5])}"

    __repr__ = __str__


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
        self._buffer = bytearray()
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Ask for one thing and wait for the answer."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._write, left) :]
        answer = self.wait_for(lambda m: m.get("id") == number)
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first message that is wanted."""
        end = time.monotonic() + DEADLINE_S
        found: dict[str, Any] | None = None
        while time.monotonic() < end:
            for message in self.messages():
                if found is None and wanted(message):
                    found = message  # those behind it are read as well: none may be lost
            if found is not None:
                return found
        raise AssertionError(f"Chromium did not answer within {DEADLINE_S:.0f} s")

    def messages(self, patience_s: float = 0.05) -> Iterator[dict[str, Any]]:
        """Yield what has arrived, and keep the events."""
        select.select([self._read], [], [], patience_s)
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._read, 1 << 20):
                self._buffer += chunk
        *whole, self._buffer = self._buffer.split(b"\0")
        for line in whole:
            message = json.loads(line)
            if "method" in message:
                self.events.append(message)
            yield message

    def close(self) -> None:
        """End the browser."""
        self._browser.terminate()
        self._browser.wait(timeout=DEADLINE_S)
        os.close(self._write)
        os.close(self._read)


class Browser:
    """A Chromium that lives as long as the tests; each page gets a tab of its own."""

    def __init__(self, profile: Path) -> None:
        self._tools = DevTools(profile)
        self._tabs: list[Tab] = []

    def open(
        self,
        page: Path,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Scheme = "light",
        media: Media = "screen",
        javascript: bool = True,
    ) -> Tab:
        """Open a local page and wait until it has loaded; ``height`` is the window's."""
        tab = Tab(self._tools, page, javascript=javascript)
        self._tabs.append(tab)
        tab.resize(width, height)
        tab.show_as(scheme, media)
        tab.navigate()
        return tab

    def close_tabs(self) -> None:
        """Close the tabs that are still open."""
        while self._tabs:
            self._tabs.pop().close()

    def close(self) -> None:
        """End the browser."""
        self.close_tabs()
        self._tools.close()


class Tab:
    """One open page."""

    def __init__(self, tools: DevTools, page: Path, *, javascript: bool) -> None:
        self.url = page.resolve().as_uri()
        self._tools = tools
        self._target = tools.call("Target.createTarget", url="about:blank")["targetId"]
        attached = tools.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")
        self._call("Page.addScriptToEvaluateOnNewDocument", source=_HANDLED)
        self._call("Emulation.setFocusEmulationEnabled", enabled=True)
        self._call("Emulation.setScriptExecutionDisabled", value=not javascript)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._tools.call(method, self._session, **params)

    def resize(self, width: int, height: int = 900) -> None:
        """Give the window another size, CSS pixels; below 600 it is a phone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def show_as(self, scheme: Scheme = "light", media: Media = "screen") -> None:
        """Say what the reader prefers, and whether the page is printed."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", media=media, features=features)

    def navigate(self) -> None:
        """Load the page, anew if it was loaded before."""
        answer = self._call("Page.navigate", url=self.url)
        assert "errorText" not in answer, f"{self.url}: {answer['errorText']}"
        self._tools.wait_for(
            lambda m: (
                m.get("method") == "Page.loadEventFired" and m.get("sessionId") == self._session
            )
        )

    def settle(self, seconds: float = SETTLE_S) -> None:
        """Let the page do what it does after it has loaded."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            list(self._tools.messages(0.02))

    def evaluate(self, expression: str) -> Any:
        """Return what an expression gives, by value; a promise is waited for."""
        told = self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + DEADLINE_S
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            self.settle(0.02)

    def focus(self, selector: str) -> None:
        """Put the keyboard on an element."""
        assert self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus();"
            " return document.activeElement === e; })()"
        ), f"{selector} takes no focus"

    def press(self, key: str, times: int = 1) -> None:
        """Press a key by its name, such as ``"ArrowRight"``, ``"Tab"`` or ``"a"``."""
        code = _KEYS.get(key, ord(key.upper()[0]))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        pressed: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code}
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        for _ in range(times):
            self._call("Input.dispatchKeyEvent", **pressed, **down)
            self._call("Input.dispatchKeyEvent", **pressed, type="keyUp")

    def click(self, selector: str) -> None:
        """Scroll an element into sight and click on its middle with the mouse."""
        place = self.evaluate(_MIDDLE_OF % json.dumps(selector))
        assert place is not None, f"there is no {selector}"
        mouse = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, **mouse)

    def usable_after_s(self, selector: str) -> float:
        """Return the seconds from navigating to the frame after a click on ``selector``."""
        self.navigate()
        self.click(selector)
        self.wait_until("window.handledAfterMs !== undefined")
        return float(self.evaluate("window.handledAfterMs")) / 1000.0

    def screenshot(self, path: Path, *, whole: bool = True) -> Path:
        """Write what is seen as PNG; ``whole`` page (default), or the window."""
        shot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        """Print the page, in the size that its style sheet says."""
        self._call("Emulation.setEmulatedMedia", media="")  # emulated "screen" would be printed
        printed = self._call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        path.write_bytes(base64.b64decode(printed["data"]))
        return path

    def faults(self, impacts: tuple[str, ...] = SERIOUS) -> list[Fault]:
        """Return what axe-core finds, of these impacts."""
        if self.evaluate("typeof axe") == "undefined":
            self._call("Runtime.evaluate", expression=_axe())
        found = self.evaluate(
            "axe.run(document, { resultTypes: ['violations'] }).then(r => r.violations.map(v => ({"
            "rule: v.id, impact: v.impact, help: v.help,"
            "places: v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')) })))"
        )
        return [
            Fault(one["rule"], one["impact"], one["help"], tuple(one["places"]))
            for one in found
            if one["impact"] in impacts
        ]

    @property
    def complaints(self) -> list[str]:
        """Console messages, refusals, uncaught exceptions since the tab was opened."""
        said = {
            "Runtime.consoleAPICalled": lambda p: f"console.{p['type']}",
            "Runtime.exceptionThrown": lambda p: p["exceptionDetails"]["text"],
            "Log.entryAdded": lambda p: p["entry"]["text"],
        }
        return [said[method](params) for method, params in self._events() if method in said]

    @property
    def requests(self) -> list[str]:
        """Everything that was asked for since the tab was opened, less the page itself."""
        asked = [
            params["request"]["url"]
            for method, params in self._events()
            if method == "Network.requestWillBeSent"
        ]
        return [url for url in asked if url != self.url and not url.startswith(("data:", "blob:"))]

    def _events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for event in self._tools.events:
            if event.get("sessionId") == self._session:
                yield event["method"], event["params"]

    def close(self) -> None:
        """Close the tab; its complaints and requests are forgotten."""
        self._tools.call("Target.closeTarget", targetId=self._target)
        events = self._tools.events
        events[:] = [event for event in events if event.get("sessionId") != self._session]


def _axe() -> str:
    """Return axe-core's source, from the installed package (playwright itself is not used)."""
    found = importlib.util.find_spec("axe_playwright_python")
    assert found is not None, "axe-core is not here; pip install axe-playwright-python"
    folder = Path((found.submodule_search_locations or [])[0])
    return (folder / "axe.min.js").read_text(encoding="utf-8")
