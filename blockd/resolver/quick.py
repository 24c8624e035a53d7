"""The quick way for UDP queries of a known shape, under one policy; see `shapes`.

Only what it cannot do goes the long way, in `engine`. What the answers say is `answers`' and
`engine`'s business.
"""

from collections.abc import Callable
from typing import Any, Protocol

from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.resolver import shapes, wire
from blockd.resolver.answers import Answers
from blockd.resolver.counters import Count, Counters
from blockd.resolver.shapes import POINTERS, Shape
from blockd.resolver.wire import Query

MOST_SEEN = 32_000
"""Questions of which it is remembered that they were asked."""

_NO_RULE = layout.NONE.to_bytes(4, "little")


class Reply:
    """An answer to send, and the counters that sending it raises."""

    __slots__ = ("message", "outcome", "platform")

    def __init__(self, message: bytes, outcome: Count, platform: Count | None = None) -> None:
        self.message = message
        self.outcome = outcome
        self.platform = platform

    def count(self) -> None:
        """Raise the counters."""
        self.outcome.n += 1
        if self.platform is not None:
            self.platform.n += 1


class Serve(Protocol):
    """What answers a name that is not listed; returns the query where it must be forwarded."""

    def __call__(self, query: Query, now: float, cookie: bytes, *, tcp: bool) -> Reply | Query:
        """See `engine.Engine`."""


class Quick:
    """Shapes, stamps and finished replies under one policy."""

    def __init__(
        self,
        policy: Policy | None,
        epoch: int,
        answers: Answers,
        counters: Counters,
        serve: Serve,
    ) -> None:
        """Begin without shapes; None as policy lists nothing, the epoch goes into queries."""
        self._policy = policy
        self._epoch = epoch
        self._answers = answers
        self._counters = counters
        self._serve = serve
        self._get: Callable[..., bytes | None]
        self._names: Any
        self._get, self._names = policy.raw() if policy is not None else (_no_entry, None)
        self._shapes: dict[bytes, Shape] = {}
        self._stamps = 0
        self._seen: set[int] = set()
        """Hashes of what was asked of late. A reply is worth finishing for the next time when
        there has been a time before; names that are made up for each query never come again."""
        self.hot: dict[bytes, Reply] = {}
        """Replies to UDP packets without a cookie, both without ID."""
        self.hot_cookies: dict[bytes, Reply] = {}
        """The same for packets with one, both without ID and cookie. Apart from the others, lest
        a packet that ends where its cookie should begin be taken for one of these."""

    def cool(self) -> None:
        """Forget the finished replies."""
        self.hot = {}
        self.hot_cookies = {}

    def learn(self, packet: bytes, query: Query, limit: int) -> None:
        """Take the shape of a packet that parsed."""
        lesson = shapes.learnt(packet, query, limit)
        if lesson is not None:
            if len(self._shapes) >= shapes.MOST:
                self._forget()
            self._shapes.setdefault(*lesson)

    def answer(self, packet: bytes, now: float, cookie: bytes) -> Reply | Query | None:
        """Answer a query of a known shape; None: take the long way."""
        body, own = shapes.split(packet)
        end = body.find(0, 12)
        shape = self._shapes.get(body[2:12] + body[end + 1 :])
        # RFC 1035 2.3.4: 255 octets, the root's included. Cut short, a cookie is none.
        if shape is None or end > 266 or shape.cookie != bool(own):
            return None
        name = body[12:end].lower()
        get, names = self._get, self._names
        at, size = 0, len(name)
        hot = self.hot_cookies if own else self.hot
        alone = b""
        excepted = False
        while at < size:
            value = get(name[at:], db=names)
            if value is not None:
                rule = value[:4] if not at or len(value) == 8 else value[8:12]
                if not at and len(value) == 16:
                    alone = b"\1"  # what is found, here or above, holds for this name alone
                if rule != _NO_RULE:
                    rule += alone
                    if rule not in shape.stamps:
                        self._stamp(rule, shape, packet, cookie)
                    stamp = shape.stamps[rule]
                    if stamp is None:
                        return None
                    if stamp is _EXCEPTED:
                        excepted = True
                        at = size
                        break
                    head, pointed, rest, outcome, platform = stamp
                    answer = (
                        head + body[12 : end + 5] + POINTERS[at] + rest
                        if pointed
                        else head + body[12 : end + 5] + rest
                    )
                    self._finished(hot, body[2:], answer, outcome, platform)
                    if own:
                        answer += own[:8] + cookie
                    return Reply(packet[:2] + answer, outcome, platform)
            step = name[at]
            if step > 63:
                return None
            at += 1 + step
        if at != size:
            return None
        edns = shape.edns
        if own and edns is not None:
            edns = edns._replace(cookie=own)
        query = Query(
            packet[:2], shape.flags, body[12 : end + 5], name, edns, name + shape.key_tail
        )
        query.judged = self._epoch
        query.excepted = excepted
        found = self._serve(query, now, cookie, tcp=False)
        if isinstance(found, Reply):
            whole = found.message
            message = whole[2 : len(whole) - shapes.COOKIE] if own else whole[2:]
            self._finished(hot, body[2:], message, found.outcome, found.platform)
        return found

    def _finished(
        self,
        hot: dict[bytes, Reply],
        asked: bytes,
        message: bytes,
        outcome: Count,
        platform: Count | None,
    ) -> None:
        """Remember a reply for the rest of the second, if the same was asked before."""
        mark = hash(asked)
        if mark in self._seen:
            hot[asked] = Reply(message, outcome, platform)
        else:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen.add(mark)

    def _forget(self) -> None:
        self._shapes.clear()
        self._stamps = 0

    def _stamp(self, rule: bytes, shape: Shape, packet: bytes, cookie: bytes) -> None:
        """Make the stamp of a rule in a shape, from the whole answer to this packet."""
        self._stamps += 1
        if self._stamps > shapes.MOST_STAMPS:
            self._forget()
        query = wire.parse_query(packet)
        verdict = self._policy.match(query.name) if self._policy is not None else None
        if verdict is None:
            shape.stamps[rule] = None
        elif verdict.rule.allow:
            shape.stamps[rule] = _EXCEPTED
        else:
            shape.stamps[rule] = None
            message = self._answers.sinkhole(query, verdict, shape.limit, cookie)
            if message is not None and self._answers.garden(verdict, query.qtype) is None:
                shape.stamps[rule] = shapes.stamp(
                    message, query, shape.limit,
                    self._counters["sinkholed"], self._counters.platform(verdict.rule.id),
                )  # fmt: skip


_EXCEPTED = shapes.Stamp(b"", pointed=False, rest=b"", outcome=Count(), platform=Count())
"""In a shape's stamps: an exception decides, so the query goes on its way."""


def _no_entry(_key: bytes, db: Any) -> bytes | None:  # noqa: ARG001 - as LMDB's
    return None
