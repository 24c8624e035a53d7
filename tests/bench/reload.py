"""A million names reloaded under load: what is lost, what leaks, how long the worst one takes.

Only blockd is put through this here; how its peers fare stands in the README with its source.
"""

import math
import os
import random
import selectors
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from msgspec import Struct

from tests.bench import peers, stalls, workloads
from tests.bench.peers import Server

FILL = 500_000
"""Answers that fill 64 MB several times over: only when a cache has dropped as many entries as it
holds has its dictionary the size that it will have for good."""

RATE = 10_000
"""Queries a second."""

READINGS = 10
"""Memory is read after one reload in so many, the first among them, and after the last."""
SETTLED = 4.0
"""Seconds from a reload to its reading: what is asked touches nearly all pages of the table."""

KINDS = ("listed", "cached", "forwarded")
"""Each a third of the queries, in turn."""

_SENDING = 0.001
"""Seconds. A query whose sending took longer, since the sender lost its core, is not timed."""

_TIMESTAMPS = 35  # SO_TIMESTAMPNS: socket(7), a struct timespec with each datagram


class Reloaded(Struct):
    """What came of some reloads."""

    reloads: int
    names: int
    asked: int
    lost: int
    leaked: int
    worst_ms: float
    memory_mb: list[float] = []
    """The resolver's private memory and its share of mappings, the first reading first."""
    latencies: list["Latency"] = []
    stalled_ms: float = 0.0
    """The longest that a process which slept on the resolver's core meanwhile woke late."""
    dropped: int = 0
    """Datagrams to and from the upstream that a full socket lost: they cost 0.7 s each."""
    failed: int = 0
    """Answers to what is not listed with another code than NOERROR."""
    untimed: int = 0
    """Queries that the sender was held up with: they count everywhere but in the latencies."""


class Latency(Struct):
    """How long answers of one kind took, in milliseconds."""

    kind: str
    median: float
    most: float
    """99.9 % of them took this or less."""
    worst: float


def measure(server: Server, directory: Path, names: list[str], reloads: int) -> Reloaded:
    """Change the list that often, a name each time, while clients ask 10,000 times a second."""
    list_path = directory / "rules" / "names.txt"
    body = list_path.read_text()
    command = peers.blockd_command(directory)
    _fill(server, directory)
    load = _Load(server.port, names)
    leaked = 0
    memory: list[float] = []
    dropped = peers.dropped(peers.STUB_PORT)
    with stalls.seen(peers.SERVER_CORE) as stalled, load:
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
            if number % READINGS == 0 or number == reloads - 1:
                time.sleep(SETTLED)
                memory.append(server.memory()[1])
    latencies = load.latencies()
    return Reloaded(
        reloads, len(names), load.asked, load.asked - load.answered, leaked + load.leaked,
        max(each.worst for each in latencies), memory, latencies, stalled.worst_ms,
        peers.dropped(peers.STUB_PORT) - dropped, load.failed, load.untimed,
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
        self.asked = self.answered = self.leaked = self.failed = self.untimed = 0
        # Tenths of a millisecond of each kind, each with how many took so long.
        self._took: tuple[Counter[int], ...] = tuple(Counter() for _ in KINDS)

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        """End the load and wait for the last answers."""
        self._end.set()
        self.join()

    def latencies(self) -> list[Latency]:
        """Return what came of each kind."""
        return [
            Latency(kind, _share(took, 0.5), _share(took, 0.999), max(took) / 10)
            for kind, took in zip(KINDS, self._took, strict=True)
        ]

    def run(self) -> None:
        # As dnsperf does: what measures takes nothing of the core that it measures.
        os.sched_setaffinity(threading.get_native_id(), {int(peers.LOAD_CORE)})
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
            waiting: dict[int, tuple[float, int]] = {}
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
                        sent = time.time()
                        client.send(packet)
                        held_up = time.time() - sent > _SENDING
                        self.untimed += held_up
                        waiting[self.asked & 0xFFFF] = (math.nan if held_up else sent), kind
                        self.asked += 1
                selector.select(0.0005)
                self._take(client, waiting)

    def _take(self, client: socket.socket, waiting: dict[int, tuple[float, int]]) -> None:
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
                if not math.isnan(sent[0]):
                    self._took[sent[1]][round((came - sent[0]) * 10_000)] += 1
                rcode = packet[3] & 0xF
                if sent[1] == 0:
                    self.leaked += rcode != 3
                else:
                    self.failed += rcode != 0


def _share(took: "Counter[int]", share: float) -> float:
    """Return the milliseconds within which that share of the answers came."""
    left = took.total() * share
    for tenths, count in sorted(took.items()):
        left -= count
        if left <= 0:
            return tenths / 10
    return 0.0
