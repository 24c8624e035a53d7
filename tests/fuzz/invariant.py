"""What must hold of any octets, as a function to call with them; see `packets`.

Imported where blockd is instrumented, so nothing that the fuzzer starts with imports it.
"""

import contextlib
import itertools
from datetime import date

from blockd.config import ResolverSection
from blockd.errors import FormError
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.resolver import edns, wire
from blockd.resolver.engine import TCP_LIMIT, Engine, Reply
from blockd.resolver.judge import judge, listed_beside
from blockd.resolver.reply import parse_reply
from blockd.resolver.wire import Query
from blockd.watchlist import formats
from blockd.watchlist.compile import compile_rules
from tests.lists import HEAD, allow, platform

RULES = (
    HEAD
    + platform(
        "plain", "listed.example", "=only.example", "*.below.example",
        prefixes=["198.18.77.0/24", "2001:db8:77::/48"],
    )
    + platform("led", "led.example", action="records", records=["CNAME garden.test"])
    + platform(
        "held", "held.example", action="records", records=["A 198.18.0.80", "MX 10 mail.example"]
    )
    + platform("silent", "silent.example", action="drop")
    + platform("zero", "zero.example", action="zero")
    + allow("good.listed.example")
)  # fmt: skip

COOKIE = bytes(16)
QUESTION = b"\3www\10unlisted\4test\0\0\x41\0\1"
ASKED = wire.parse_query(wire.HEADER.pack(7, wire.RD, 1, 0, 0, 0) + QUESTION)


class Invariant:
    """One engine for all octets: it learns from them and keeps answers, which is the point."""

    def __init__(self, directory):
        path = directory / "00000001.mdb"
        parsed = formats.parse(RULES.encode(), "rules.toml")
        write(path, 1, compile_rules([parsed], date(2026, 1, 1)))
        self.policy = Policy(path)
        self.engine = Engine(ResolverSection(), self.policy)
        self.seconds = itertools.count(1000, 0.01)
        self.answer = None
        """The last good reply: what upstreams say to whatever is forwarded."""

    def check(self, octets):
        """Raise where the invariant does not hold."""
        now = next(self.seconds)
        if wire.unanswerable(octets) is None:
            with contextlib.suppress(FormError):
                assert isinstance(wire.parse_query(octets), Query)
        edns.padded(octets, edns.REPLY_BLOCK if edns.wanted(octets).padding else 1)
        edns.with_keepalive(octets, now)
        self.answer = self.answer_in(octets) or self.answer
        # Without an upstream's answer; with one; and by what was learnt and kept meanwhile.
        for tcp, answer in ((False, None), (True, self.answer), (False, self.answer)):
            self.engine.tick(now)
            found = self.engine.answer(octets, now, tcp=tcp, cookie=COOKIE)
            if isinstance(found, Query):
                if answer is not None:
                    self.engine.keep(found, answer, now)
                found = self.engine.finish(found, answer, now, tcp=tcp, cookie=COOKIE)
            is_reply(found, octets, TCP_LIMIT if tcp else wire.OWN_UDP)
        is_reply(self.engine.refuse(octets), octets, wire.OWN_UDP)
        is_reply(self.engine.slip(octets), octets, wire.OWN_UDP)

    def answer_in(self, octets):
        """Take the octets for a reply whose question was compared: header, then records."""
        packet = octets[:12].ljust(12, b"\0") + QUESTION + octets[12:]
        try:
            answer = parse_reply(packet, 12 + len(QUESTION))
        except FormError:
            return None
        for names, addresses in itertools.product((True, False), repeat=2):
            judge(answer, ASKED, self.policy, check_cname=names, check_addresses=addresses)
            beside = listed_beside(answer, ASKED, self.policy, check_addresses=addresses)
            assert -1 <= beside <= len(answer.body)
        answer.aged(5)
        answer.stale(30)
        return answer


def is_reply(found, octets, most):
    if isinstance(found, Reply):
        assert found.message[:2] == octets[:2]
        assert found.message[2] & 0x80
        assert 12 <= len(found.message) <= most
        found.outcome.n += 1
