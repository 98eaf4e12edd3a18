"""A real Chromium that tests lead by its debugging pipe: no driver, no port."""

import base64
import json
import os
import subprocess
from contextlib import contextmanager


class Browser:
    """One page of a browser; `call` is any method of the DevTools protocol."""

    def __init__(self, to_browser, from_browser):
        self._to, self._from = to_browser, from_browser
        self._buffer, self._number, self._session = b"", 0, None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self._buffer:
            self._buffer += os.read(self._from, 1 << 20)
        one, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(one)

    def wait_for(self, event):
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self._next())

    def open(self, address, *, width, height=900, dark=False):
        """Load a page; gives what was loaded and what the browser complains about."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[feature])
        self.events.clear()
        self.call("Page.navigate", url=address)
        self.wait_for("Page.loadEventFired")
        asked = [
            one["params"]["request"]["url"]
            for one in self.events
            if one.get("method") == "Network.requestWillBeSent"
        ]
        complaints = [
            one["params"]["entry"]["text"]
            for one in self.events
            if one.get("method") == "Log.entryAdded"
            and one["params"]["entry"]["level"] == "error"
            and "favicon" not in one["params"]["entry"].get("url", "")
        ]
        return asked, complaints

    def evaluate(self, code):
        """What a script comes to; it runs whatever the page's policy is."""
        result = self.call(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def screenshot(self, file):
        """Write the whole page as a picture."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(program, profile):
    """A browser that is gone afterwards."""
    read_theirs, write_ours = os.pipe()
    read_ours, write_theirs = os.pipe()

    # The browser reads from its descriptor 3 and writes to 4.
    moved = f'exec "$@" 3<&{read_theirs} 4>&{write_theirs}'
    process = subprocess.Popen(
        [
            "bash", "-c", moved, "bash", program, "--headless=new", "--no-sandbox",
            "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
            f"--user-data-dir={profile}", "about:blank",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        pass_fds=(read_theirs, write_theirs),
    )  # fmt: skip
    os.close(read_theirs)
    os.close(write_theirs)
    try:
        yield Browser(write_ours, read_ours)
    finally:
        process.terminate()
        process.wait(30)
        os.close(write_ours)
        os.close(read_ours)
