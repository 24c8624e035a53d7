"""How a silent upstream is found to be back: by questions that somebody else answers.

When one is to be tried is `health`'s business, and with which question `exchange`'s. No sockets,
no clock: times are passed in.
"""

from collections.abc import Sequence
from typing import NamedTuple

from blockd.resolver import question
from blockd.resolver.health import Health
from blockd.resolver.inflight import Exchange


class Lost(NamedTuple):
    """A question that another upstream answered first."""

    pending: dict[int, Exchange]
    """Of the channel by which it went."""
    number: int
    question: bytes
    sent_at: float


class Probes:
    """Which upstreams are to be tried, and what each of them may still answer."""

    __slots__ = ("_lost", "due")

    def __init__(self) -> None:
        """Begin with none."""
        self.due: list[int] = []
        """Upstreams to be tried with the next question that can go there."""
        self._lost: dict[int, Lost] = {}

    def look(self, health: Sequence[Health], now: float) -> None:
        """See who is to be tried; kept until a question comes, since each is told of once."""
        places = range(len(health))
        self.due += [u for u in places if u not in self.due and health[u].wants_probe(now)]

    def lost(self, upstream: int, lost: Lost) -> None:
        """Take the last question that a silent upstream lost the race for."""
        self._lost[upstream] = lost

    def late(
        self,
        upstream: int,
        pending: dict[int, Exchange],
        number: int,
        packet: bytes,
        *,
        exact: bool,
    ) -> float | None:
        """Return when what a datagram answers late was asked; None: it does not.

        Args:
            upstream: whose datagram it is.
            pending: of the channel by which it came.
            number: its ID.
            packet: the datagram.
            exact: compare the question's case.
        """
        lost = self._lost.get(upstream)
        if (
            lost is None
            or lost.pending is not pending
            or lost.number != number
            or not question.answered(packet, lost.question, exact=exact)
        ):
            return None
        del self._lost[upstream]
        return lost.sent_at
