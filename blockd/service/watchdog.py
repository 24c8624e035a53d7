"""The service manager's watchdog: sd_watchdog_enabled(3). Pings for as long as a daemon gets on.

What is pinged from is an event loop; a process without one asks `interval` and pings itself.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Self

from blockd.service.notify import notify

LONGEST = 600.0
"""Seconds within which a piece of work in a thread is over or gets on, or hangs.

A million names compile in five on a small machine, and a hundred thousand routes take one.
"""

PING = "WATCHDOG=1"


def interval() -> float | None:
    """Return the seconds within which this process must be heard of; None: nobody listens."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None  # it is about a parent
    try:
        return int(os.environ["WATCHDOG_USEC"]) / 1e6 or None
    except (KeyError, ValueError):
        return None


def adopt() -> None:
    """Have a forked child, whose notifications its parent hears, ping as the parent must."""
    if "WATCHDOG_USEC" in os.environ:
        os.environ["WATCHDOG_PID"] = str(os.getpid())


class Watchdog:
    """Within its block, pings from the running event loop, unless work does not end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the time from a clock; nothing is sent yet."""
        self._clock = clock
        self._interval = interval()
        self._timer: asyncio.TimerHandle | None = None
        self._ends: float | None = None
        self._most = LONGEST

    def __enter__(self) -> Self:
        if self._interval is not None:
            self._ping(self._interval)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ping(self, interval: float) -> None:
        # Three times within the interval; what a busy manager did not take is said again soon.
        taken = not self._hangs() and notify(PING)
        soon = interval / (3 if taken else 10)
        self._timer = asyncio.get_running_loop().call_later(soon, self._ping, interval)

    @contextlib.contextmanager
    def working(self, most: float = LONGEST) -> Iterator[None]:
        """Await work in a thread: if it does not get on for so many seconds, the pings cease."""
        self._most = most
        self._ends = self._clock() + most
        try:
            yield
        finally:
            self._ends = None

    def told(self, _what: str = "", _done: int = 0, _total: int = 0) -> None:
        """Hear, from whatever thread, how far the work has come: its time begins anew."""
        if self._ends is not None:
            self._ends = self._clock() + self._most

    def _hangs(self) -> bool:
        return self._ends is not None and self._clock() > self._ends
