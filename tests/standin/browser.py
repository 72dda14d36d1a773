"""A headless Chromium driven over its debugging pipe: pages are used as a reader would. Needs no package."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 90.0


def find_browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a browser of its own."""

    def __init__(self, program: str, profile: Path, *more: str) -> None:
        self._from_us, ours = os.pipe()
        self._theirs, to_us = os.pipe()
        self._ours, self._buffer, self._number = ours, b"", 0
        self.complaints: list[str] = []
        self.requests: list[str] = []
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        command = [program, *options, *more, "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        # The browser expects the pipe as descriptors 3 and 4.
        script = f'exec "$@" 3<&{self._from_us} 4>&{to_us}'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", *command],
            pass_fds=(self._from_us, to_us), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(self._from_us)
        os.close(to_us)
        self._session = ""
        target = next(t for t in self._ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def before_pages(self, script: str) -> None:
        """Run a script in every page opened from now on, before anything of its own."""
        self._ask("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        self._ask("Page.navigate", url=url)
        self._read_until(lambda told: told.get("method") == "Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page; raises AssertionError where it fails."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key, as `KeyboardEvent.key` calls it."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, text=text)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key, code=key)

    def width(self, pixels: int) -> None:
        """Give the window another width."""
        self._ask("Emulation.setDeviceMetricsOverride", width=pixels, height=900, deviceScaleFactor=1, mobile=False)

    def medium(self, name: str, scheme: str = "light") -> None:
        """Show pages as on `screen` or in `print`, in a `light` or `dark` colour scheme."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", media=name, features=features)

    def roles(self) -> list[str]:
        """Return what screen readers are told every part of the page is; all, if started as with a screen reader."""
        told = self._ask("Accessibility.getFullAXTree")["nodes"]
        return [node["role"]["value"] for node in told if not node["ignored"]]

    def close(self) -> None:
        """End the browser."""
        os.close(self._ours)
        self._process.kill()
        self._process.wait()
        os.close(self._theirs)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        request = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._ours, json.dumps(request).encode() + b"\0")
        number = self._number
        answer = self._read_until(lambda told: told.get("id") == number)
        assert "error" not in answer, answer
        return answer["result"]

    def _read_until(self, is_wanted: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            message, separator, rest = self._buffer.partition(b"\0")
            if separator:
                self._buffer = rest
                told = json.loads(message)
                self._note(told)
                if is_wanted(told):
                    return told
                continue
            ready, _, _ = select.select([self._theirs], [], [], max(deadline - time.monotonic(), 0.0))
            more = os.read(self._theirs, 1 << 16) if ready else b""
            if not more:
                raise TimeoutError("the browser has said nothing")
            self._buffer += more

    def _note(self, told: dict[str, Any]) -> None:
        method, parameters = told.get("method"), told.get("params", {})
        if method == "Log.entryAdded":
            self.complaints.append(parameters["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(parameters["exceptionDetails"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
