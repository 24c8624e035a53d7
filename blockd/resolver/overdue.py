"""When a connection has had its time: quiet, in the middle of a query, deaf, or at its end.

Pure: times are passed in, in seconds of the event loop's clock. What then becomes of the
connection is its own business (`connection`).
"""

from enum import Enum

_LONGEST = 30.0
"""Seconds after which nobody waits for an upstream's answer any more."""


class Due(Enum):
    """What is due of a connection."""

    NOTHING = 0
    FINISH = 1
    """To take no more queries, and end with the last answer."""
    END = 2
    """To close; what was written still leaves."""
    ABORT = 3
    """To drop; nobody reads what was written."""


class Waits:
    """Since when a connection has waited, and what for."""

    __slots__ = ("cut", "deaf", "ending", "quiet")

    def __init__(self, now: float, *, handshake: bool) -> None:
        """Begin with a connection that has said nothing yet.

        Args:
            now: seconds.
            handshake: it has to become whole, as a query that has begun.
        """
        self.quiet = self.ending = now
        """Since its last query or answer; since it was closed, once it is."""
        self.cut: float | None = now if handshake else None
        """Since a query or handshake began that is not whole yet; None: there is none."""
        self.deaf: float | None = None
        """Since when it reads no answers; None: it does."""

    def due(
        self, now: float, *, closing: bool, in_flight: int, patience: float, stall: float
    ) -> Due:
        """Return what is due by now.

        Args:
            now: seconds.
            closing: it was closed, and what was written has not left yet.
            in_flight: its queries that have no answer yet.
            patience: seconds that a quiet one gets.
            stall: seconds that each of the other waits may take.
        """
        if closing:
            return Due.ABORT if now - self.ending > stall else Due.NOTHING
        if self.deaf is not None:
            return Due.ABORT if now - self.deaf > stall else Due.NOTHING
        if self.cut is not None and now - self.cut > stall:
            return Due.FINISH
        quiet = now - self.quiet > (_LONGEST if in_flight else patience)
        return Due.END if quiet else Due.NOTHING
