"""The kernel's notices: what is told, what is not, and what becomes of a flood."""

import select
import socket
import struct
import time

import pytest

from blockd import prefixes
from blockd.errors import KernelError
from blockd.prefixes import Prefix
from blockd.routes import events, messages
from blockd.routes.events import Change, Fact, News, Touched
from blockd.routes.model import Kind, Route
from blockd.routes.plan import diff_rules
from tests import topology
from tests.routes.test_host import attribute, link
from tests.routes.test_kernel import TABLE, WANTED, bring, ip, kernel

P = prefixes.parse


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


def test_news_add_up_in_their_order():
    route = Route(P("198.18.1.0/24"), Kind.BLACKHOLE, 177, 0)
    gone, came = Change(TABLE, route, gone=True), Change(TABLE, route, gone=False)
    hop = (Fact(4, 254, P("198.18.9.1"), "next hop of a route"),)
    assert not News()
    assert News(Touched.RULES, (gone,)) + News(Touched.HOST, (came,), hop) == News(
        Touched.RULES | Touched.HOST, (gone, came), hop
    )


@pytest.mark.root
def test_each_notice_says_what_may_differ_and_the_descriptor_wakes(space):
    own = Route(P("198.18.1.0/24"), Kind.BLACKHOLE, 3, 0)
    six = Route(P("2001:db8::/32"), Kind.BLACKHOLE, 3, 1024)

    def inside():
        with kernel() as table:
            listening = events.Events(TABLE, table.port)
            assert not listening.read()
            for words, touched, changes in (
                ("route add blackhole 198.18.1.0/24 table 5354", "NOTHING",
                 [Change(5354, own, gone=False)]),
                ("route del blackhole 198.18.1.0/24 table 5354", "NOTHING",
                 [Change(5354, own, gone=True)]),
                ("route add blackhole 198.18.1.0/24 table 5355", "NOTHING",
                 [Change(5355, own, gone=False)]),
                ("-6 route add blackhole 2001:db8::/32 table 5354", "NOTHING",
                 [Change(5354, six, gone=False)]),
                ("rule add pref 9 table 5354", "RULES", []),
                ("rule del pref 9", "RULES", []),
                ("-6 rule add pref 9 table 5399", "RULES", []),
                ("addr add 198.18.7.1/32 dev lo", "HOST", []),
                ("-6 addr add 2001:db8:7::1/128 dev lo", "HOST", []),
                ("link set lo down", "ROUTES", []),
            ):  # fmt: skip
                ip(words)
                readable, _, _ = select.select([listening], [], [], 5)
                assert readable, words
                told = listening.read()
                assert Touched[touched] in told.touched, words
                assert told.changes[: len(changes)] == tuple(changes), words
                while listening.read():
                    pass
            listening.close()

    space.call(inside)


@pytest.mark.root
def test_what_does_not_concern_us_is_not_told(space):
    def inside():
        ip("link add up0 type veth peer name up1")
        with kernel() as table:
            listening = events.Events(TABLE, table.port)
            plan, _ = bring(table, WANTED)
            table.apply(plan, TABLE + 1)
            table.apply_rules(diff_rules(table.rules(), TABLE, TABLE, 177), TABLE)
            assert not listening.read()  # our own changes are no news
            for words in (
                "route add blackhole 198.18.1.0/24 table 5399",
                "route add blackhole 198.18.1.0/24 table 99",
                "-6 route add blackhole 2001:db8::/32 table 5399",
                "route add blackhole 198.18.1.0/24",
                "route del blackhole 198.18.1.0/24",
                "route add 198.18.1.0/24 dev lo",
                "link set up0 mtu 1400",
            ):
                ip(words)
                assert not listening.read(), words
            listening.close()

    space.call(inside)


@pytest.mark.root
def test_what_others_routes_teach_is_told_once_for_all(space):
    """A gateway inside of what is protected already is no news, whoever uses it how often."""
    hop = "next hop of a route"

    def inside():
        ip("link add up0 type veth peer name up1")
        for each in ("up0", "up1"):  # without addresses of their own, which would be told late
            ip(f"link set {each} addrgenmode none")
            ip(f"link set {each} up")
        deadline = time.monotonic() + 5
        while ip("-o link show").count("state UP") < 2:  # the kernel tells of it when it likes
            assert time.monotonic() < deadline
            time.sleep(0.01)
        ip("addr add 10.53.0.1/24 dev up0")
        ip("addr add fd53::1/64 dev up0 nodad")
        with kernel() as table:
            listening = events.Events(TABLE, table.port)
            ip("route add 198.19.7.0/24 via 10.53.0.9")
            assert not listening.read()  # nothing is known yet, so nothing can be compared
            ip("route add default via 10.53.0.99 table 100")
            assert listening.read().facts  # nor which tables count
            listening.narrow(table.host_facts(), {254})
            for words, facts in (
                ("route add default via 10.53.0.254", {P("10.53.0.254"): hop}),
                ("-6 route add default via fd53::fe", {P("fd53::fe"): hop}),
                ("route add 198.19.1.0/24 via 10.53.0.7", {}),
                ("route add 198.19.2.0/24 via 198.18.3.7 dev up0 onlink", {P("198.18.3.7"): hop}),
                ("route add 198.18.5.0/24 dev up0 proto kernel",
                 {P("198.18.5.0/24"): "connected network"}),
                ("-6 route add 2001:db8:1::/48 via fd53::7", {}),
                ("-6 route add 2001:db8:2::/48 via 2001:db8:3::7 dev up0 onlink",
                 {P("2001:db8:3::7"): hop}),
                ("route replace default via 10.53.0.98 table 100", {}),
                (("route add 198.19.4.0/24 nexthop via 10.53.0.9 nexthop via 198.18.4.7 dev up0"
                  " onlink"), {P("10.53.0.9"): hop, P("198.18.4.7"): hop}),
                ("route add 198.19.5.0/24 proto static via inet6 2001:db8:5::7 dev up0 onlink",
                 {P("2001:db8:5::7"): hop}),
                ("route add 198.19.6.0/24 proto bird nexthop via 10.53.0.9 nexthop via 10.53.0.8",
                 {}),
            ):  # fmt: skip
                ip(words)
                told = listening.read()
                assert {fact.prefix: fact.why for fact in told.facts} == facts, words
                assert told == News(facts=told.facts)
                assert all(fact.table == 254 for fact in told.facts)
            ip("route del 198.19.1.0/24")
            assert not listening.read()
            ip("route replace default via 10.53.0.253")
            told = listening.read()
            assert told.touched == Touched.ELSEWHERE
            assert [fact.prefix for fact in told.facts] == [P("10.53.0.253")]
            ip("route del default")
            assert listening.read() == News(Touched.ELSEWHERE)
            ip("route del default table 100")
            assert not listening.read()
            listening.narrow({**table.host_facts(), P("198.18.3.0/24"): "protected"}, {254})
            ip("route add 198.19.3.0/24 via 198.18.3.8 dev up0 onlink")
            assert not listening.read()
            listening.close()

    space.call(inside)


@pytest.mark.root
def test_notices_of_a_table_below_256_are_filtered_too(space):
    def inside():
        with kernel(99) as table:
            listening = events.Events(99, table.port)
            ip("route add blackhole 198.18.1.0/24 table 5354")
            assert not listening.read()
            ip("route add blackhole 198.18.1.0/24 table 99")
            ip("route add blackhole 198.18.1.0/24 table 100")
            assert [change.table for change in listening.read().changes] == [99, 100]
            listening.close()

    space.call(inside)


@pytest.mark.root
def test_lost_notices_are_an_error_that_says_so(space):
    def inside():
        with kernel() as table, kernel() as other:
            listening = events.Events(TABLE, table.port)
            wanted = {Prefix(4, (198 << 24 | 18 << 16) + i, 32): Kind.THROW for i in range(8000)}
            with pytest.raises(KernelError, match="notices were lost"):
                for _ in range(4):
                    bring(other, wanted)
                    bring(other, {})
                listening.read()
            listening.close()

    space.call(inside)


def test_a_vrf_leads_to_one_more_table():
    told, teller = socket.socketpair(type=socket.SOCK_DGRAM)
    listening = events.Events(TABLE, 0)
    listening.close()
    listening._socket = told
    told.settimeout(0)
    for kind, touched in (("vrf", Touched.RULES), ("veth", Touched.NOTHING)):
        body, start, end = link(kind, attribute(1, struct.pack("=I", 10)))
        message = struct.pack("=IHHII", 16 + end - start, messages.NEW_LINK, 0, 0, 0)
        teller.send(message + body[start:end])
        assert listening.read() == News(touched)
    told.close()
    teller.close()


@pytest.mark.root
def test_another_namespace_is_listened_to_by_name(space):
    with topology.namespace("other") as other:

        def inside():
            with kernel() as table:
                listening = events.Events(TABLE, table.port, netns=other.name)
                ip("route add blackhole 198.18.1.0/24 table 5354")
                assert not listening.read()
                other.ip("route add blackhole 198.18.1.0/24 table 5354")
                assert len(listening.read().changes) == 1
                listening.close()

        space.call(inside)


@pytest.mark.root
def test_a_subscription_that_is_closed_is_an_error_that_has_the_remedy(space):
    def inside():
        with kernel() as table:
            listening = events.Events(TABLE, table.port)
            listening.close()
            with pytest.raises(KernelError, match="all is scanned anew"):
                listening.read()

    space.call(inside)
