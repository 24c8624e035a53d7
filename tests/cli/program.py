"""The program on a gateway's files of a test's own: run in this process, or beside it."""

import asyncio
import contextlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import msgspec
import pytest

from blockd.__main__ import main
from blockd.service import control
from tests import topology

WITHIN = 20.0
"""Seconds in which everything awaited happens, on a machine that is busy with other tests."""

RULES = """\
[list]
name = "Test list"
authority = "Example Authority"
basis = "order"
reference = "Notice 7"
contact = "mailto:desk@authority.example"

[[platform]]
id = "p001"
name = "Example Exchange"
domains = ["listed.example", "=only.example"]
prefixes = ["198.18.1.0/28", "2001:db8:1::/48"]
listed = 2018-08-23
expires = 2099-12-31

[[allow]]
domains = ["good.listed.example"]
prefixes = ["198.18.1.8/32"]
reason = "a test"
"""

PLAIN = """\
[list]
paths = ["{place}/rules"]

[resolver]
listen = ["127.0.0.1:{port}"]
upstreams = ["127.0.0.1:9"]

[routes]
enabled = {routes}
"""


class Ran(NamedTuple):
    """How a verb ended."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return msgspec.json.decode(self.out)


@dataclass
class Gateway:
    """Lists, a configuration and a state, all below one directory."""

    place: Path
    port: int = 1
    config: Path = field(init=False)
    rules: Path = field(init=False)
    state: Path = field(init=False)

    def __post_init__(self):
        self.config = self.place / "blockd.toml"
        self.rules = self.place / "rules"
        self.state = self.place / "state"
        self.rules.mkdir()
        self.configure()
        self.write(RULES)

    def configure(self, more="", *, routes=False):
        """Write the configuration: loopback, and no routes unless a test has a namespace."""
        plain = PLAIN.format(place=self.place, port=self.port, routes=str(routes).lower())
        self.config.write_text(plain + more)

    def write(self, text, name="rules.toml"):
        """Put a list in place as a feed does: beside it, then renamed."""
        beside = self.place / f".{name}"
        beside.write_text(text)
        beside.rename(self.rules / name)
        return self.rules / name

    def options(self):
        return ["--config", str(self.config), "--state", str(self.state)]

    def argv(self, *words):
        """Return the command line of a process of its own."""
        return [sys.executable, "-m", "blockd", *self.options(), *words]

    def run(self, *words):
        """Run a verb in this process, through the program's entry."""
        return run(*self.options(), *words)

    def lists(self, name):
        """Whether the generation in force lists a name, be there a resolver or not."""
        done = self.run("explain", "--json", name)
        return done.status != 2 and done.json["on_list"]

    def control(self, name):
        return self.state / "run" / name / "control"


def run(*words):
    """Run the program in this process; return how it ended."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["blockd", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    return Ran(end.value.code, out.getvalue(), err.getvalue())


def beside(*words):
    """Run the program to its end in a process of its own."""
    return ended([sys.executable, "-m", "blockd", *words])


def ended(argv):
    """Run a command to its end."""
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)


DAC_OVERRIDE, NET_ADMIN = 1, 12
"""Capabilities, by linux/capability.h."""


def without(capability, argv):
    """Return a command line under which root, too, lacks a capability."""
    script = (
        "import ctypes, os, sys;"
        "ctypes.CDLL(None).prctl(24, int(sys.argv[1]), 0, 0, 0);"  # PR_CAPBSET_DROP
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    return [sys.executable, "-c", script, str(capability), *argv]


@contextlib.contextmanager
def answering(path, status):
    """Answer on a control socket, as a plane in a state of the test's choice does."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(control.serve(path, status))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(server.wait_closed())
        loop.close()
        path.unlink(missing_ok=True)


def until(condition, within=WITHIN):
    """Return what the condition gives as soon as it gives anything; a deadline, never a wait."""
    deadline = time.monotonic() + within
    while not (given := condition()):
        assert time.monotonic() < deadline, "the awaited state did not come"
        time.sleep(0.01)
    return given


class Notices:
    """The service manager's end of sd_notify(3): what a daemon says, in order."""

    def __init__(self, path):
        self.path = path
        self.heard = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def until(self, assignment, within=WITHIN):
        """Return all that was said from the last call to the first message with an assignment."""
        deadline = time.monotonic() + within
        said = []
        while not any(line.startswith(assignment) for message in said[-1:] for line in message):
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                said.append(self._socket.recv(65536).decode().split("\n"))
            except TimeoutError:
                pytest.fail(f"no {assignment} within {within} s, but {said}")
        self.heard += said
        return said

    def close(self):
        self._socket.close()
        self.path.unlink()


@dataclass
class Daemon:
    """A verb that runs until a signal."""

    process: subprocess.Popen
    notices: Notices
    log: Path

    def end(self, number=15):
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        return self.process.wait(WITHIN)

    def logged(self, text):
        """Wait until a text stands in what it wrote to standard error; return all of that."""

        def there():
            written = self.log.read_text()
            return written if text in written else ""

        return until(there)


@contextlib.contextmanager
def daemon(argv, place, *, space=None, **environment):
    """Start a daemon, in a namespace where one is given; end it at the end."""
    notices = Notices(place / f"notify-{time.monotonic_ns()}")
    log = notices.path.with_suffix(".log")
    if space is not None:
        topology.require()
        argv = space.argv(*argv)
    with log.open("w") as errors:
        process = subprocess.Popen(
            argv,
            env={**os.environ, "NOTIFY_SOCKET": str(notices.path), **environment},
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        )
    try:
        yield Daemon(process, notices, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        notices.close()
