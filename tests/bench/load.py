"""Load by dnsperf, and what a server's CPU time came to for each answered query."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.bench.peers import LOAD_CORE, Server


class Measured(Struct):
    """One server under one workload."""

    server: str
    workload: str
    microseconds: float
    """CPU time a query, user and system."""
    kernel: float
    """The system's part of it, also in microseconds."""
    least: float
    most: float
    """What the whole was in the best round and in the worst."""
    answered: int
    lost: int
    rate: float
    """Answered a second."""
    codes: str


def line(one: Measured) -> str:
    """Return a line for who looks on."""
    return (
        f"{one.workload} {one.server:14} {one.microseconds:8.2f} us, {one.kernel:5.2f} the kernel's"
        f" {one.rate:9.0f}/s lost {one.lost} {one.codes}"
    )


def wait_until_up(server: Server, name: str, patience: float = 120) -> float:
    """Ask until there is an answer; return the seconds that it took."""
    question = b"".join(bytes((len(part),)) + part.encode() for part in name.split("."))
    query = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question + b"\0\0\1\0\1"
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.01)
        while time.monotonic() - began < patience:
            if server.process.poll() is not None:
                raise SystemExit(f"{server.name} ended: see its log")
            try:
                client.sendto(query, ("127.0.0.1", server.port))
                if client.recv(4096)[:2] == query[:2]:
                    return time.monotonic() - began
            except (TimeoutError, ConnectionError):
                continue
    raise SystemExit(f"{server.name} did not answer within {patience:g} s")


def measure(
    server: Server, workload: str, queries: Path, seconds: float, warm: Path, *, once: bool
) -> Measured:
    """Load a server for a second that is not counted, then for the given time.

    Questions that must be asked only once are others in that first second: see `warm`.
    """
    command = [
        "taskset", "-c", LOAD_CORE, "dnsperf", "-s", "127.0.0.1", "-p", str(server.port),
        "-d", str(queries), "-c", "8", "-q", "400", "-T", "1", "-W",
    ]  # fmt: skip
    _run([*(str(warm) if word == str(queries) else word for word in command), "-l", "1"])
    before = server.cpu()
    said = _run([*command, "-l", f"{seconds:g}", *(["-n", "1"] if once else [])])
    answered = int(_find(r"Queries completed:\s+(\d+)", said))
    whole, kernel = _cost(before, server.cpu(), answered)
    return Measured(
        server=server.name,
        workload=workload,
        microseconds=whole,
        kernel=kernel,
        least=whole,
        most=whole,
        answered=answered,
        lost=int(_find(r"Queries lost:\s+(\d+)", said)),
        rate=float(_find(r"Queries per second:\s+([\d.]+)", said)),
        codes=_find(r"Response codes:\s+(.+)", said),
    )


def measure_fresh(server: Server, queries: Path, seconds: float) -> Measured:
    """The same with EDNS, DO and a fresh cookie a query: see `fresh`."""
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "tests.bench.fresh"]
    _run([*command, str(server.port), str(queries), "1"])
    before = server.cpu()
    said = msgspec.json.decode(_run([*command, str(server.port), str(queries), f"{seconds:g}"]))
    whole, kernel = _cost(before, server.cpu(), said["answered"])
    return Measured(
        server=server.name,
        workload="w5",
        microseconds=whole,
        kernel=kernel,
        least=whole,
        most=whole,
        answered=said["answered"],
        lost=said["lost"],
        rate=said["rate"],
        codes=", ".join(f"rcode {code}: {count}" for code, count in said["codes"].items()),
    )


def _cost(
    before: tuple[float, float], after: tuple[float, float], answered: int
) -> tuple[float, float]:
    """Return the microseconds of an answered query, whole and in the kernel."""
    user, system = (b - a for a, b in zip(before, after, strict=True))
    each = 1e6 / max(answered, 1)
    return (user + system) * each, system * each


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"dnsperf said nothing like {pattern!r}:\n{text}")
    return match[1].strip()
