"""A main table that is full and in motion: what that costs a route daemon that has no part in it.

`ip -batch` takes foreign routes away and puts them back without a pause, as a routing daemon
with a full table does in a storm; the daemon's processor time is what the kernel accounts.
"""

import contextlib
import statistics
import threading
import time
from dataclasses import dataclass, field

from tests import topology
from tests.chaos import site as sites
from tests.chaos.world import PROTOCOL, TABLE
from tests.e2e.gateway import until

BATCH = 2_000
"""Routes that are away at a time."""
SHIPPED = 124
"""Prefixes that blockd keeps meanwhile."""
REPAIRS = 10
SECONDS = 65.0
"""Two scans that nothing asks for, 30 s and 60 s after the last repair, fall within."""


@dataclass
class Churn:
    """What was measured."""

    routes: int
    seconds: float = 0
    changes: int = 0
    """Of foreign routes."""
    share: float = 0
    """Of one core, by the route daemon."""
    passes: int = 0
    repairs: list[float] = field(default_factory=list)
    """Seconds until a deleted route of ours was back."""

    def table(self):
        """Return the report as lines."""
        took = sorted(1000 * each for each in self.repairs)
        median, rate = statistics.median(took), self.changes / self.seconds
        return [
            f"{self.routes:,} foreign routes in main, {rate:,.0f} changes a second",
            f"{100 * self.share:.2f} % of a core was the route daemon's, of {self.seconds:.0f} s",
            f"{self.passes} scans; {len(took)} routes of ours were deleted",
            f"{median:.1f} ms until one was back, {took[-1]:.1f} ms at worst",
        ]


def churn(net, directory, *, routes, seconds):
    """Measure for seconds beside foreign routes in main; return what was measured."""
    counted = Churn(routes)
    words = [_foreign(number) for number in range(routes)]
    listed = {f"198.18.{number}.0/26": "" for number in range(1, SHIPPED + 1)}
    with sites.running(net, directory, listed) as site:
        _batch(site.space, (f"route add {each}" for each in words))
        with _others(site.space, words, counted):
            _settled(site)
            _measure(site, sorted(listed), seconds, counted)
        assert sum(route.protocol == 4 for route in site.kernel.routes()) == routes
    return counted


def _foreign(number):
    """Return a route of others in words; one in four is of IPv6."""
    if number % 4:
        octets = f"{128 + number // 65536}.{number // 256 % 256}.{number % 256}"
        return f"10.{octets}/32 via {topology.INTERNET_V4} proto static"
    return (
        f"fd99::{number // 65536:x}:{number % 65536:x}/128 via {topology.INTERNET_V6} proto static"
    )


def _settled(site):
    """Wait until filling the table has been looked at, if it is looked at."""
    last = site.processor_seconds()
    quiet = time.monotonic()
    deadline = quiet + 30
    while time.monotonic() - quiet < 1 and time.monotonic() < deadline:
        time.sleep(0.2)
        used, last = site.processor_seconds() - last, site.processor_seconds()
        if used > 0.02:
            quiet = time.monotonic()


def _measure(site, listed, seconds, counted):
    def passes():
        return site.gateway.ask("routes")["counters"]["passes"]

    used, began, changed, passed = site.processor_seconds(), _now(), counted.changes, passes()
    # Repairs put a scan by the timer off: they come first, and then a time without any.
    for prefix in listed[:REPAIRS]:
        counted.repairs.append(_repair(site, prefix))
    time.sleep(max(0.0, began + seconds - _now()))
    counted.seconds = _now() - began
    counted.share = (site.processor_seconds() - used) / counted.seconds
    counted.passes = passes() - passed
    counted.changes -= changed


def _now():
    return time.monotonic()


def _repair(site, prefix):
    words = f"route show {prefix} table {TABLE} proto {PROTOCOL}"
    site.space.ip(f"route del {prefix} table {TABLE}")
    started = time.monotonic()
    until(lambda: prefix in site.space.ip(words), f"{prefix} back\n{site.gateway.said()}")
    return time.monotonic() - started


@contextlib.contextmanager
def _others(space, words, counted):
    """Take routes away and put them back, from a thread, until the block ends."""
    over = threading.Event()

    def go_on():
        place = 0
        while not over.is_set():
            part = words[place : place + BATCH]
            place = (place + BATCH) % len(words)
            lines = [f"route {verb} {each}" for verb in ("del", "add") for each in part]
            _batch(space, lines)
            counted.changes += len(lines)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _batch(space, lines):
    space.run("ip", "-batch", "-", stdin="".join(f"{line}\n" for line in lines))
