"""A million names reloaded under load: what is lost, what leaks, how long the worst one takes.

Only blockd is put through this here; how its peers fare stands in the README with its source.
"""

import random
import selectors
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

from msgspec import Struct

from tests.bench import peers, workloads
from tests.bench.peers import Server

FILL = 150_000
"""Answers of the usual size that fill 64 MB."""

RATE = 10_000
"""Queries a second: a third each of listed, cached and forwarded names."""


_TIMESTAMPS = 35  # SO_TIMESTAMPNS: socket(7), a struct timespec with each datagram


class Reloaded(Struct):
    """What came of some reloads."""

    reloads: int
    names: int
    asked: int
    lost: int
    leaked: int
    worst_ms: float
    first_mb: float
    last_mb: float


def measure(server: Server, directory: Path, names: list[str], reloads: int) -> Reloaded:
    """Change the list that often, a name each time, while clients ask 10,000 times a second."""
    list_path = directory / "rules" / "names.txt"
    body = list_path.read_text()
    command = peers.blockd_command(directory)
    _fill(server, directory)
    load = _Load(server.port, names)
    load.start()
    leaked = 0
    first = last = 0.0
    try:
        for number in range(reloads):
            fresh = f"fresh-{number}.reload.example"
            for _ in range(3):  # kept and finished, so that both have to be given up
                _blocked(server.port, fresh)
            beside = list_path.with_name(".names.new")
            beside.write_text(f"{body}{fresh}\n")
            beside.rename(list_path)
            subprocess.run(
                # On either core, and as nice as the compiler's unit is.
                ["nice", "-n10", *command, "compile", "--wait"],
                check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            leaked += not _blocked(server.port, fresh)
            last = server.memory()[1]
            first = first or last
    finally:
        load.stop()
    return Reloaded(
        reloads, len(names), load.asked, load.asked - load.answered, leaked + load.leaked,
        load.worst * 1000, first, last,
    )  # fmt: skip


def _fill(server: Server, directory: Path) -> None:
    """Fill the cache, so that what grows from here on is not that."""
    lines = workloads.write(directory / "fill.txt", workloads.w4("fill", FILL))
    subprocess.run(
        ["dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d", str(lines), "-n", "1"],
        check=True, capture_output=True,
    )  # fmt: skip


def _query(number: int, name: str) -> bytes:
    wire = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + wire + b"\0\0\1\0\1"


def _blocked(port: int, name: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        for _ in range(5):
            client.sendto(_query(7, name), ("127.0.0.1", port))
            try:
                return client.recv(4096)[3] & 0xF == 3
            except TimeoutError:
                continue
    raise SystemExit(f"no answer about {name} in five attempts")


class _Load(threading.Thread):
    """Asks at a steady rate, and matches the answers."""

    def __init__(self, port: int, names: list[str]) -> None:
        super().__init__()
        self._port = port
        self._names = names
        self._end = threading.Event()
        self.asked = self.answered = self.leaked = 0
        self.worst = 0.0

    def stop(self) -> None:
        """End the load and wait for the last answers."""
        self._end.set()
        self.join()

    def run(self) -> None:
        chance = random.Random(5)
        selector = selectors.DefaultSelector()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(("127.0.0.1", self._port))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            # The kernel says when a reply came: that this side was not there to look is its own
            # doing, since it shares a core with the compile.
            client.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
            client.settimeout(0)
            selector.register(client, selectors.EVENT_READ)
            waiting: dict[int, tuple[float, bool]] = {}
            began = ended = time.monotonic()
            while not self._end.is_set() or (waiting and time.monotonic() - ended < 1.0):
                now = time.monotonic()
                if not self._end.is_set():
                    ended = now
                    due = min(int((now - began) * RATE) - self.asked, 200)
                    for _ in range(due):
                        kind = self.asked % 3
                        if kind == 0:
                            name = chance.choice(self._names)
                        elif kind == 1:
                            name = f"host-{self.asked % 500}.cached.invalid-zone.example"
                        else:
                            name = f"r{self.asked}.forwarded.example"
                        packet = _query(self.asked & 0xFFFF, name)
                        waiting[self.asked & 0xFFFF] = time.time(), kind == 0
                        client.send(packet)
                        self.asked += 1
                selector.select(0.0005)
                self._take(client, waiting)

    def _take(self, client: socket.socket, waiting: dict[int, tuple[float, bool]]) -> None:
        for _ in range(500):
            try:
                packet, control, _, _ = client.recvmsg(4096, 64)
            except BlockingIOError:
                return
            sent = waiting.pop(packet[0] << 8 | packet[1], None)
            if sent is not None:
                seconds, nanoseconds = struct.unpack("qq", control[0][2][:16])
                came = seconds + nanoseconds / 1e9
                self.answered += 1
                self.worst = max(self.worst, came - sent[0])
                self.leaked += sent[1] != (packet[3] & 0xF == 3)
