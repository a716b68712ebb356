"""Drive headless Chromium over its DevTools protocol: no port, no packages, only two pipes.

``--remote-debugging-pipe`` takes commands on file descriptor 3 and answers on 4, JSON texts that end with a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "headless_shell")
_DEADLINE_S = 30.0
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # tests may run as root, where there is none
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
# the numbers must be 3 and 4 in the browser: first out of their way, then there
_PLACE = """
import os, sys
low, high = (os.dup(os.dup(os.dup(int(text)))) for text in sys.argv[1:3])
os.dup2(low, 3)
os.dup2(high, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
_KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    "ArrowUp": (38, ""),
    "ArrowDown": (40, ""),
    "ArrowLeft": (37, ""),
    "ArrowRight": (39, ""),
    " ": (32, " "),
}


def find_chromium() -> str | None:
    """Where Chromium is on this machine, if it is; ``FERROFEED_CHROMIUM`` says it first."""
    return os.environ.get("FERROFEED_CHROMIUM") or next((path for path in map(shutil.which, _NAMES) if path), None)


class Browser:
    """One browser with a profile of its own, gone when it is closed."""

    def __init__(self, program: str) -> None:
        self._profile = tempfile.TemporaryDirectory(prefix="ferrofeed-chromium-", ignore_cleanup_errors=True)
        profile = f"--user-data-dir={self._profile.name}"
        self._pending = b""
        self._number = 0
        self._pages: dict[str, Page] = {}
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        self._process = subprocess.Popen(
            [sys.executable, "-ISc", _PLACE, str(theirs_in), str(theirs_out), program, *_FLAGS, profile, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out),
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(self, method: str, params: Mapping[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """Ask and wait for the answer; what happens meanwhile goes to the pages."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": dict(params or {})}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            answer = self._read(deadline, method)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def pump(self, seconds: float) -> None:
        """Take what happens for so long."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._read(deadline, "")
            except TimeoutError:
                return

    def page(self) -> Page:
        """Open an empty page, which shares neither storage nor sockets with any other."""
        context = self.call("Target.createBrowserContext", {"disposeOnDetach": True})["browserContextId"]
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session, context)
        self._pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        return page

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._profile.cleanup()

    def _read(self, deadline: float, why: str) -> dict[str, Any]:
        while b"\0" not in self._pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise TimeoutError(f"Chromium did not answer {why}")
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise RuntimeError("Chromium ended")
            self._pending += chunk
        text, _, self._pending = self._pending.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        page = self._pages.get(message.get("sessionId", ""))
        if page is not None and "method" in message:
            page.happened(message["method"], message["params"])
        return message


class Page:
    """One tab, used as a person would: mouse, keys, eyes."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context
        self._open = True
        self.problems: list[str] = []
        """Errors on the console, uncaught exceptions, what a content policy forbade."""
        self.requests: list[str] = []
        """Every address that the page asked for, data: aside."""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask of this page."""
        return self._browser.call(method, params, self._session)

    def happened(self, method: str, params: Mapping[str, Any]) -> None:
        """Keep what a test wants to know."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(" ".join(str(entry.get("value", entry)) for entry in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif method in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            url = params["url"] if "url" in params else params["request"]["url"]
            if not url.startswith("data:"):
                self.requests.append(url)

    def close(self) -> None:
        """Close the tab and all its connections, used or not. May be called twice."""
        if self._open:
            self._open = False
            self._browser.call("Target.disposeBrowserContext", {"browserContextId": self._context})

    def rest(self, seconds: float) -> None:
        """Let time pass, so that what must not happen could."""
        self._browser.pump(seconds)

    def look(self, width: int, height: int, scheme: str = "light", *, phone: bool = False, motion: bool = True) -> None:
        """Set the window's size and what the person likes."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "no-preference" if motion else "reduce"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def open(self, url: str) -> None:
        """Go there and wait until it is loaded."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def js(self, expression: str) -> Any:
        """Evaluate, and return what can be said in JSON."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = _DEADLINE_S) -> None:
        """Wait until an expression is true of the page."""
        deadline = time.monotonic() + seconds
        while not self.js(f"Boolean({expression})"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"never came true: {expression}\n{self.text('body')[:3000]}")
            self._browser.pump(0.05)

    def text(self, selector: str) -> str:
        """The text that is seen of an element."""
        return str(self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that match."""
        found: list[str] = self.js(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(node => node.innerText)"
        )
        return found

    def shown(self, selector: str) -> bool:
        """Whether an element takes up room."""
        return bool(self.js(f"document.querySelector({json.dumps(selector)})?.getClientRects().length"))

    def press_at(self, selector: str) -> tuple[float, float]:
        """Press the mouse on the middle of an element, and keep it down."""
        self.wait(f"document.querySelector({json.dumps(selector)})?.getClientRects().length")
        where = self.js(
            f"(() => {{ const node = document.querySelector({json.dumps(selector)});"
            " node.scrollIntoView({block: 'nearest', inline: 'nearest'});"
            " const box = node.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        x, y = where
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        return x, y

    def click(self, selector: str) -> None:
        """Click on the middle of an element."""
        x, y = self.press_at(selector)
        self.release(x, y)

    def release(self, x: float, y: float) -> None:
        """Let the mouse go."""
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def key(self, key: str, *, up: bool = True, shift: bool = False) -> None:
        """Press a key, by its name or its character."""
        code, text = _KEYS.get(key, (ord(key.upper()) if len(key) == 1 else 0, key))
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        kind = "keyDown" if text else "rawKeyDown"
        self.call("Input.dispatchKeyEvent", type=kind, **common, **({"text": text} if text else {}))
        if up:
            self.key_up(key)

    def key_up(self, key: str) -> None:
        """Let a key go."""
        code, _ = _KEYS.get(key, (ord(key.upper()) if len(key) == 1 else 0, key))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        """Type into the field that has the focus, in place of what it held."""
        self.js("document.activeElement.select?.()")
        self.call("Input.insertText", text=text)

    def fill(self, selector: str, text: str) -> None:
        """Click on a field and type."""
        self.click(selector)
        self.write(text)

    def focus(self) -> str:
        """The id, or else the name of the element that has the focus."""
        return str(self.js("document.activeElement.id || document.activeElement.tagName"))

    def shoot(self, path: Path, *, whole: bool = False) -> Path:
        """Write a screenshot: of the window, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
        return path
