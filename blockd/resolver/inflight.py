"""What one question in flight consists of, and what its core tells the shell to do.

Types only; what becomes of them is `exchange`'s business.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query

UNSENT: Final = b""
"""What comes for a question by stream that found no place there in its time: it never left."""


class Waiter:
    """A query that waits for its answer, and who takes it."""

    __slots__ = ("client", "cookie", "done", "hasty", "origin", "query")

    def __init__(
        self,
        query: Query,
        done: "Callable[[Waiter, Answer | None, float], None]",
        *,
        hasty: bool = False,
        cookie: bytes = b"",
        origin: tuple[bytes, bytes] | None = None,
        client: bytes = b"",
    ) -> None:
        self.query = query
        self.done = done
        """Takes this, the answer (None: it takes too long, give stale data) and the time in
        monotonic seconds; called once."""
        self.hasty = hasty
        """There is stale data to give when the upstreams take their time."""
        self.cookie = cookie
        """The server cookie for this client."""
        self.origin = origin
        """The way back, if it is a datagram's: see `mmsg.Datagrams.whence`."""
        self.client = client
        """The address that asks, in network order; empty: nobody's, asked ahead for the cache."""


class Exchange:
    """One question on its way."""

    __slots__ = (
        "asked", "failed", "hasty", "keys", "left", "network", "outstanding", "over", "plain",
        "query", "question", "resigned", "sent_at", "started", "streaming", "tries", "waiters",
        "worst",
    )  # fmt: skip

    def __init__(self, query: Query, waiters: list[Waiter], now: float) -> None:
        self.query = query
        self.question = query.question
        """As it is sent; in random case with 0x20."""
        self.waiters = waiters
        self.started = self.sent_at = now
        self.tries = 0
        self.asked = 0
        """Bits of the upstreams that were asked."""
        self.failed = 0
        """Bits of those that gave an unhelpful answer, and are not asked again."""
        self.plain = 0
        """Bits of those that are asked without EDNS."""
        self.outstanding = 0
        """Bits of those that this round waits for, for a datagram."""
        self.streaming = 0
        """Bits of those that a stream has yet to answer."""
        self.keys: list[tuple[int, dict[int, Exchange], int, float]] = []
        """Upstream, the channel's pending IDs, ID and time of each datagram."""
        self.left = False
        """It left by stream, or would have if the upstream could be reached."""
        self.worst: Answer | None = None
        """An unhelpful answer, given if there is no better one."""
        self.network = False
        """The network said no, rather than nothing."""
        self.hasty = False
        """Somebody gets stale data when it takes long."""
        self.resigned = False
        """Nobody is kept waiting any more: who asks is told at once that it failed."""
        self.over = False


class AskByStream(NamedTuple):
    """Command: ask an upstream by TCP or TLS, and hand the reply to `by_stream`."""

    exchange: Exchange
    upstream: int
    message: bytes


class Joined(NamedTuple):
    """Command: have a question that may still wait to leave by stream wait in one more line."""

    exchange: Exchange
    client: bytes
    """Who joined it."""


class Done:
    """Command: give the answer to everyone who waits; None: stale data, since it takes long."""

    __slots__ = ("answer", "exchange", "own", "waiters")

    def __init__(
        self,
        exchange: Exchange,
        waiters: list[Waiter],
        answer: Answer | None,
        *,
        own: bool = False,
    ) -> None:
        self.exchange = exchange
        self.waiters = waiters
        self.answer = answer
        self.own = own
        """A failure of our own, for want of room: it says nothing of the name nor of an upstream,
        so nothing of it is to be kept."""
