"""The source ports of each upstream and the IDs awaited there, drawn so that nobody guesses them.

RFC 5452 9.2. A channel stands for a port; its socket is the shell's. What is asked, and what
a reply is worth, is `exchange`'s business.
"""

from collections.abc import Callable
from typing import Final

from blockd.resolver.inflight import Exchange

_POOL: Final = 256  # IDs drawn at a time


class Channels:
    """Which channel questions leave by now, and which IDs are awaited on each."""

    __slots__ = ("_bits", "_ids", "_random_bits", "current", "leaving", "pending", "resting")

    def __init__(self, upstreams: int, channels: int, random_bits: Callable[[int], int]) -> None:
        """Await nothing; of each upstream so many channels, a power of two."""
        self._bits = channels.bit_length() - 1
        self._random_bits = random_bits
        self._ids: list[int] = []
        self.pending: list[list[dict[int, Exchange]]] = [
            [{} for _ in range(channels)] for _ in range(upstreams)
        ]
        """By upstream and channel: the questions whose reply is awaited, by ID."""
        self.current = 0
        """The channel by which questions leave until the next turn."""
        self.leaving = [each[0] for each in self.pending]
        """What is awaited there, by upstream."""
        self.resting = -1
        """The channel on which nothing is sent, so that it can get another source port."""

    def turn(self) -> None:
        """Draw another channel."""
        current = self._random_bits(self._bits) if self._bits else 0
        if current == self.resting:
            current = (current + 1) % (1 << self._bits)
        self.current = current
        self.leaving = [each[current] for each in self.pending]

    def draw(self) -> int:
        """Return an unpredictable ID."""
        if not self._ids:
            drawn = self._random_bits(16 * _POOL).to_bytes(2 * _POOL, "big")
            self._ids = list(memoryview(drawn).cast("H"))
        return self._ids.pop()

    def unused(self, pending: dict[int, Exchange]) -> int:
        """Return one that is not awaited on a channel."""
        number = self.draw()
        while number in pending:
            number = self.draw()
        return number
