"""When Python's cyclic collector runs in the resolver: often over little, never in a busy moment.

Queries make no cycles, and connections are to leave none. At its defaults the collector would
visit the whole cache again and again, at the cost of forwarded queries, and stop all others
meanwhile.
"""

import asyncio
import gc
from typing import Final

YOUNG: Final = 10_000
"""Objects that are visited at once, so that none of these looks is long; most are gone by then."""

BETWEEN: Final = 600.0
"""Seconds between looks at everything, at a moment without queries."""
LONGEST: Final = 3_600.0
"""Seconds after which everything is looked at although there are queries."""


class Collector:
    """Keeps what has lived through one look out of the next ones."""

    def __init__(self, now: float) -> None:
        """Look at everything once, and at young objects alone from here on.

        Args:
            now: monotonic seconds.
        """
        self._last = now
        self._answered = -1
        self._all()
        # The third number bounds nothing: what is frozen never gets that old.
        gc.set_threshold(YOUNG, 1_000, 1_000)

    def rest(self, now: float, answered: int) -> None:
        """Take a moment between batches: freeze what has survived, or look at everything.

        Args:
            now: monotonic seconds.
            answered: queries so far; the same as at the last call, if nobody is asking.
        """
        since = now - self._last
        if since >= LONGEST or (since >= BETWEEN and answered == self._answered):
            self._last = now
            self._all()
        else:
            gc.freeze()
        self._answered = answered

    def _all(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def untie(transport: asyncio.BaseTransport) -> None:
    """Let a transport that is over be freed at once, from within `connection_lost`.

    asyncio's keep methods of their own as attributes, so that each holds itself: a kilobyte a
    connection, which would wait for the next look at everything.
    """
    held = getattr(transport, "__dict__", {})
    for name, value in tuple(held.items()):
        if getattr(value, "__self__", None) is transport:
            held[name] = _nothing


def _nothing() -> None:
    return None
