"""Chromium without a window, driven through its own pipe: no port, no driver, no package."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from select import select
from time import monotonic
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio", "--no-first-run"),
    *("--disable-extensions", "--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing leaves the machine while it looks
)


@cache
def found() -> str | None:
    """Return the path of a Chromium that starts here, or None where there is none."""
    return next(filter(starts, filter(None, map(shutil.which, NAMES))), None)


def starts(program: str) -> bool:
    """Tell whether a browser shows an empty page: some names lead to an installer, or to no end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", "about:blank"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=100, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return False
    return done.returncode == 0 and b"<html" in done.stdout


class Tab:
    """A browser with one tab, to be used in ``with``; what it tells is handed to ``told(method, params)``."""

    def __init__(self, told: Callable[[str, dict[str, Any]], None], patience: float = 120.0):
        self.told, self.patience, self.numbers = told, patience, count(1)

    def __enter__(self) -> "Tab":
        program = found()
        if program is None:
            raise FileNotFoundError(f"there is no Chromium: expected one of {', '.join(NAMES)} in the PATH")
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        its_in, self.out = os.pipe()
        self.inp, its_out = os.pipe()
        command = [program, *FLAGS, f"--user-data-dir={self.profile.name}", "--remote-debugging-pipe"]
        # It reads from descriptor 3 and writes to 4; what is in the way there steps aside before.
        redirect = f'exec "$@" 3<&{its_in} 4>&{its_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", redirect, "bash", *command, "about:blank"],
            *(), pass_fds=(its_in, its_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(its_in)
        os.close(its_out)
        self.rest, self.session, self.loaded = b"", None, False
        try:
            targets = self.send("Target.getTargets")["targetInfos"]
            (page,) = [target["targetId"] for target in targets if target["type"] == "page"]
            self.session = self.send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            for part in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{part}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.inp)
        self.profile.cleanup()

    def read(self) -> dict[str, Any]:
        """Return the next message, and hand on what it tells."""
        while b"\0" not in self.rest:
            if not select([self.inp], [], [], self.patience)[0]:
                raise TimeoutError(f"Chromium said nothing for {self.patience:.0f} seconds")
            if not (piece := os.read(self.inp, 1 << 20)):
                raise ConnectionError("Chromium has ended")
            self.rest += piece
        text, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self.loaded |= message.get("method") == "Page.loadEventFired"  # at times before the answer
        if "method" in message:
            self.told(message["method"], message["params"])
        return message

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the Chrome DevTools Protocol and return what it answers."""
        message = {"id": next(self.numbers), "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (answer := self.read()).get("id") != message["id"]:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def open(self, address: str) -> None:
        """Open a page and wait until it is loaded."""
        self.loaded, end = False, monotonic() + self.patience
        self.send("Page.navigate", url=address)
        while not self.loaded:
            self.read()
            if monotonic() > end:
                raise TimeoutError(f"{address} was not loaded within {self.patience:.0f} seconds")

    def run(self, script: str) -> Any:
        """Return the value of an expression of JavaScript; of a promise, what it promises."""
        answer = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "an error"))
        return answer["result"].get("value")

    def size(self, width: int, height: int = 900) -> None:
        """Set the width and height of the window, in CSS pixels."""
        numbers = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.send("Emulation.setDeviceMetricsOverride", mobile=False, **numbers)

    def scheme(self, name: str) -> None:
        """Ask for ``"light"`` or ``"dark"``, as the settings of a reader's machine do."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: Path, whole: bool = False) -> None:
        """Save what the window shows, or the whole page, as PNG."""
        data = self.send("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
