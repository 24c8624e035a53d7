"""Headless Chromium, driven over a pipe by its DevTools protocol: open, read, click, look.

It runs in a namespace of the test's, so that nothing of it reaches any network.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

import pytest

PROGRAM = "chromium-headless-shell"
WITHIN = 30.0
"""Seconds in which a page comes, on a machine that is busy with other tests."""

_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One page, in which no script of the page runs."""

    def __init__(self, to, of):
        """Take the descriptors of both pipes and open the page."""
        self._to, self._of, self._unread, self._number, self._session = to, of, b"", 0, None
        self.requested = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setScriptExecutionDisabled", value=True)

    def reader(self, *, language="en", dark=False, width=1100, height=900):
        """Be a reader with a language, a taste and a window."""
        self.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip

    def open(self, url):
        """Go to an address and wait until all of it is there."""
        found = self.call("Page.navigate", url=url)
        assert not found.get("errorText"), found
        self._until(lambda said: said.get("method") == "Page.loadEventFired")

    def click(self, selector):
        """Click the middle of an element that leads to another page, and wait for that."""
        place = self.value(
            f"(e => {{ e.scrollIntoView(); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2] }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1],
                      button="left", clickCount=1)  # fmt: skip
        self._until(lambda said: said.get("method") == "Page.loadEventFired")

    def write(self, selector, text):
        """Write into a field, as a keyboard does."""
        self.value(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def value(self, expression):
        """Return what an expression of ours is within the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    @property
    def text(self):
        """What a person reads."""
        return self.value("document.body.innerText")

    def keep(self, path):
        """Keep a picture of the whole page; return it."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        picture = base64.b64decode(found["data"])
        path.write_bytes(picture)
        return picture

    def call(self, method, **params):
        """Call a method of the protocol and return its result."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        said = self._until(lambda said: said.get("id") == number)
        assert "error" not in said, (method, said)
        return said["result"]

    def _until(self, wanted):
        deadline = time.monotonic() + WITHIN
        while True:
            message, end, rest = self._unread.partition(b"\0")
            if end:
                self._unread = rest
                said = json.loads(message)
                if said.get("method") == "Network.requestWillBeSent":
                    self.requested.append(said["params"]["request"]["url"])
                if wanted(said):
                    return said
                continue
            left = deadline - time.monotonic()
            assert left > 0, "the browser did not answer"
            if select.select([self._of], [], [], left)[0]:
                piece = os.read(self._of, 1 << 20)
                assert piece, "the browser has ended"
                self._unread += piece


@contextlib.contextmanager
def browser(space, profile):
    """Start a browser in a namespace; end it at the end."""
    if shutil.which(PROGRAM) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {PROGRAM}, and CI must not skip it", pytrace=False)
        pytest.skip(f"needs {PROGRAM}")
    theirs_in, to = os.pipe()
    of, theirs_out = os.pipe()
    # It reads from descriptor 3 and writes to 4; not every shell takes those of two digits.
    script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
    argv = space.argv(
        "bash", "-c", script, "bash", PROGRAM, *_OPTIONS, f"--user-data-dir={profile}"
    )
    process = subprocess.Popen(
        argv, pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for descriptor in (theirs_in, theirs_out):
        os.close(descriptor)
    try:
        yield Browser(to, of)
    finally:
        os.close(to)  # it ends with its pipe
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(of)
