"""Waiting for what the route daemon is to look at: the kernel's notices, or its time.

On asyncio, in the loop's thread; what is done about it is decided in `plane`.
"""

import asyncio
import logging
import time

from blockd.errors import KernelError
from blockd.routes.events import Events, News, Touched
from blockd.routes.plane import Plane

EVERYTHING = News(Touched.ROUTES | Touched.RULES | Touched.HOST | Touched.ELSEWHERE)

_log = logging.getLogger("blockd.routes")


class Listening:
    """The subscription to the kernel's notices; lost when they overflow, until it is renewed."""

    def __init__(self, plane: Plane, wake: asyncio.Event) -> None:
        self._plane = plane
        self._wake = wake
        self._events: Events | None = None
        self._news = News()
        self._scanned = time.monotonic()

    @property
    def lost(self) -> bool:
        """Whether nothing is heard at present."""
        return self._events is None

    def start(self) -> None:
        """Subscribe."""
        self._events = self._plane.events()
        asyncio.get_running_loop().add_reader(self._events.fileno(), self._read)

    def stop(self) -> None:
        """Unsubscribe, and have the next pass made at once."""
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events.fileno())
            self._events.close()
            self._events = None
        self.again(EVERYTHING)

    def renew(self) -> None:
        """Open both sockets anew; raises KernelError if that fails."""
        self.stop()
        self._plane.open()
        self.start()

    def narrow(self) -> None:
        """Listen no more for what the plane knows."""
        if self._events is not None:
            self._plane.narrow(self._events)

    def again(self, news: News) -> None:
        """Have a pass made soon."""
        self._news += news
        self._wake.set()

    def _read(self) -> None:
        try:
            news = self._events.read() if self._events else News()
        except KernelError as error:
            _log.warning("%s", error)
            self.stop()
            return
        if news:
            self.again(news)

    async def next(self, period: float, postponed: float | None = None) -> News:
        """Return what was told, once something is, or a scan of everything is due.

        Args:
            period: seconds between scans of everything, whatever else happens.
            postponed: seconds until others' tables shall be looked at again; None: not before.
        """
        left = self._scanned + period - time.monotonic()
        soon = left if postponed is None else min(left, postponed)
        try:
            await asyncio.wait_for(self._wake.wait(), max(soon, 0))
        except TimeoutError:
            self._news += News(Touched.ELSEWHERE)
        if time.monotonic() >= self._scanned + period:
            self._news += EVERYTHING
            self._scanned = time.monotonic()
        self._wake.clear()
        news, self._news = self._news, News()
        return news
