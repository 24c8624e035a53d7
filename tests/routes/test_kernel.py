"""The real kernel, in namespaces of our own: what is installed, refused, seen and left alone."""

import errno
import subprocess
import time

import pytest

from blockd import prefixes
from blockd.errors import KernelError
from blockd.prefixes import Prefix
from blockd.routes.model import Kind, Plan, Route, RulePlan
from blockd.routes.plan import changes, diff, diff_rules
from tests import topology

pytestmark = pytest.mark.root

P = prefixes.parse
TABLE, PROTOCOL = 5354, 177
WANTED = {
    P("198.18.0.0/16"): Kind.BLACKHOLE,
    P("198.18.1.0/24"): Kind.THROW,
    P("198.18.1.8/29"): Kind.BLACKHOLE,
    P("198.19.1.0/24"): Kind.UNREACHABLE,
    P("198.19.2.0/24"): Kind.PROHIBIT,
    P("2001:db8:1::/48"): Kind.BLACKHOLE,
    P("2001:db8:1:1::/64"): Kind.THROW,
    P("2001:db8:2::/48"): Kind.UNREACHABLE,
    P("2001:db8:3::/48"): Kind.PROHIBIT,
}


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


def kernel(table=TABLE):
    topology.assert_isolated()
    from blockd.routes.kernel import Kernel

    return Kernel(table, PROTOCOL)


def ip(*words):
    """Run `ip` in this process's namespace, which is not PID 1's."""
    topology.assert_isolated()
    argv = ["ip", *(word for text in words for word in text.split())]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout


def bring(table, wanted):
    plan = diff(wanted, table.routes(), PROTOCOL)
    refused = table.apply(plan)
    return plan, refused


def test_every_type_in_both_families_is_installed_seen_and_withdrawn(space):
    def inside():
        with kernel() as table:
            assert table.routes() == []
            assert bring(table, WANTED)[1] == []
            after = diff(WANTED, table.routes(), PROTOCOL)
            assert after.empty
            assert after.kept == len(WANTED)
            shown = ip("route show table 5354") + ip("-6 route show table 5354")
            assert "blackhole 198.18.0.0/16 proto 177" in shown
            assert "throw 198.18.1.0/24 proto 177" in shown
            assert "prohibit 2001:db8:3::/48 dev lo proto 177 metric 1" in shown
            assert bring(table, {})[1] == []
            assert table.routes() == []

    space.call(inside)


def test_lookups_tell_what_a_packet_meets(space):
    def inside():
        with kernel() as table:
            bring(table, WANTED)
            rules = diff_rules(table.rules(), TABLE, TABLE, PROTOCOL)
            assert table.apply_rules(rules, TABLE) == []
            for address, outcome, code, covering in (
                ("198.18.9.1", "blackhole", errno.EINVAL, "198.18.0.0/16"),
                ("198.18.1.9", "blackhole", errno.EINVAL, "198.18.1.8/29"),
                ("198.19.1.1", "unreachable", errno.EHOSTUNREACH, "198.19.1.0/24"),
                ("198.19.2.1", "prohibit", errno.EACCES, "198.19.2.0/24"),
                ("2001:db8:1::1", "blackhole", errno.EINVAL, "2001:db8:1::/48"),
                ("2001:db8:2::1", "unreachable", errno.EHOSTUNREACH, "2001:db8:2::/48"),
                ("2001:db8:3::1", "prohibit", errno.EACCES, "2001:db8:3::/48"),
            ):
                found = table.lookup(P(address))
                assert (found.outcome, found.errno, found.table) == (outcome, code, TABLE)
                assert str(found.prefix) == covering
            for hole in ("198.18.1.1", "2001:db8:1:1::1", "198.18.200.1"):
                if hole != "198.18.200.1":
                    assert table.lookup(P(hole)).outcome == "none"
            local = table.lookup(P("127.0.0.1"))
            assert (local.outcome, local.table, local.errno) == ("local", 255, 0)

    space.call(inside)


def test_a_change_of_type_replaces_in_place(space):
    def inside():
        with kernel() as table:
            bring(table, WANTED)
            other = dict.fromkeys(WANTED, Kind.PROHIBIT)
            plan, refused = bring(table, other)
            assert refused == []
            assert all(install.replaces for install in plan.installs)
            assert not plan.withdrawals
            assert diff(other, table.routes(), PROTOCOL).empty

    space.call(inside)


def test_foreign_routes_are_reported_and_survive_everything(space):
    def inside():
        place = "proto static table 5354"
        ip(f"route add blackhole 198.18.0.0/16 {place}")
        ip(f"route add blackhole 198.18.77.0/24 {place}")
        ip(f"-6 route add blackhole 2001:db8:1::/48 metric 1 {place}")
        ip(f"-6 route add blackhole 2001:db8:2::/48 {place}")
        before = ip(f"route show {place}"), ip(f"-6 route show {place}")
        with kernel() as table:
            plan, refused = bring(table, WANTED)
            assert refused == []
            assert len(plan.foreign) == 4
            assert set(plan.occupied) == {P("198.18.0.0/16"), P("2001:db8:1::/48")}
            # Even a plan that ignores the strangers is refused by the kernel's own check.
            blind = diff(WANTED, [], PROTOCOL)
            codes = {r.change.prefix: r.errno for r in table.apply(blind)}
            assert codes[P("198.18.0.0/16")] == codes[P("2001:db8:1::/48")] == errno.EEXIST
            thefts = tuple(
                Route(r.prefix, Kind.BLACKHOLE, PROTOCOL, r.metric) for r in plan.foreign
            )
            assert len(thefts) == 4
            assert table.apply(Plan((), thefts, 0, (), ())) == []
            bring(table, {})
        assert (ip(f"route show {place}"), ip(f"-6 route show {place}")) == before

    space.call(inside)


def test_a_type_that_was_deleted_in_v6_by_mistake_would_be_ours(space):
    def inside():
        ip("-6 route add unreachable 2001:db8:2::/48 proto 177 metric 1 table 5354")
        with kernel() as table:
            plan = diff({}, table.routes(), PROTOCOL)
            assert [r.kind for r in plan.withdrawals] == [Kind.UNREACHABLE]

    space.call(inside)


def test_strays_of_ours_are_withdrawn(space):
    def inside():
        ip("route add blackhole 198.18.5.0/24 proto 177 metric 50 table 5354")
        ip("route add 198.18.6.0/24 dev lo proto 177 table 5354")
        ip("-6 route add blackhole 2001:db8:5::/48 proto 177 metric 50 table 5354")
        with kernel() as table:
            assert len(bring(table, {})[0].withdrawals) == 3
            assert table.routes() == []

    space.call(inside)


def test_rules_are_added_once_and_removed_by_owner(space):
    def inside():
        ip("rule add pref 5354 table 5354 protocol static")
        with kernel() as table:
            plan = diff_rules(table.rules(), TABLE, TABLE, PROTOCOL)
            assert plan.add == (6,)
            assert len(plan.foreign) == 1
            assert table.apply_rules(plan, TABLE) == []
            assert diff_rules(table.rules(), TABLE, TABLE, PROTOCOL).empty
            ours = tuple(r for r in table.rules() if r.protocol == PROTOCOL)
            assert [r.family for r in ours] == [6]
            table.apply_rules(plan._replace(add=(), remove=(*ours, ours[0]._replace(family=4))), 1)
        assert "5354" in ip("rule")
        assert "5354" not in ip("-6 rule")

    space.call(inside)


def test_what_the_host_needs_is_found(space):
    def inside():
        ip("link add up0 type veth peer name up1")
        ip("link set up0 up")
        ip("link set up1 up")
        ip("addr add 10.53.0.1/24 dev up0")
        ip("addr add fd53::1/64 dev up0 nodad")
        ip("route add default via 10.53.0.254")
        ip("-6 route add default via fd53::fe")
        ip("route add 198.18.0.0/16 nexthop via 10.53.0.7 nexthop via 10.53.0.8")
        with kernel() as table:
            found = {str(prefix): why for prefix, why in table.facts().items()}
        assert found["10.53.0.1/32"] == found["fd53::1/128"] == "address of this host"
        assert found["10.53.0.0/24"] == found["fd53::/64"] == "connected network"
        hops = {text for text, why in found.items() if why == "next hop of a route"}
        assert hops == {"10.53.0.254/32", "fd53::fe/128", "10.53.0.7/32", "10.53.0.8/32"}
        assert not any(text.endswith("/0") for text in found)

    space.call(inside)


def test_facts_come_from_every_table_that_a_rule_looks_up(space):
    def inside():
        ip("link add up0 type veth peer name up1")
        ip("link set up0 up")
        ip("link set up1 up")
        ip("addr add 10.53.0.1/24 dev up0")
        ip("addr add fd53::1/64 dev up0 nodad")
        ip("link add far0 type vxlan id 4 remote 198.18.0.12 dstport 4789 dev up0")
        ip("nexthop add id 7 via 10.53.0.9 dev up0")
        ip("route add 198.19.0.0/24 nhid 7")
        ip("route add default via 10.53.0.20 table 100")
        ip("-4 route add 198.19.3.0/24 via inet6 fd53::21 table 100")
        ip("-6 route add default via fd53::22 table 200")
        ip("route add 198.19.9.0/24 via 10.53.0.23 table 300")
        ip("route add default via 10.53.0.24 table 5354")
        ip("rule add pref 100 from 10.53.0.0/24 table 100")
        ip("-6 rule add pref 100 iif lo table 200")
        ip("rule add pref 5354 table 5354 protocol 177")
        with kernel() as table:
            found = {str(prefix): why for prefix, why in table.facts().items()}
            assert table.tables_elsewhere(table.rules()) == {
                4: {100, 253, 254},
                6: {200, 254},
            }
        hops = {text for text, why in found.items() if why == "next hop of a route"}
        assert hops == {"10.53.0.9/32", "10.53.0.20/32", "fd53::21/128", "fd53::22/128"}
        assert found["198.18.0.12/32"] == "far end of a tunnel"

    space.call(inside)


def test_the_second_table_is_filled_read_and_looked_up_as_the_first(space):
    def inside():
        with kernel() as table:
            plan = diff(WANTED, [], PROTOCOL)
            assert table.apply(plan, TABLE + 1) == []
            assert table.routes() == []
            assert diff(WANTED, table.routes(TABLE + 1), PROTOCOL).empty
            assert {route.prefix.family for route in table.routes(TABLE + 1, 6)} == {6}
            rules = RulePlan((4, 6), (), ())
            assert table.apply_rules(rules, TABLE, TABLE + 1) == []
            for address in ("198.18.9.1", "2001:db8:1::1"):
                found = table.lookup(P(address))
                assert (found.outcome, found.table) == ("blackhole", TABLE + 1)
            # A stale first table, which no rule looks up, explains nothing.
            table.apply(diff({P("198.18.9.0/24"): Kind.BLACKHOLE}, [], PROTOCOL))
            assert table.lookup(P("198.18.9.1")).prefix == P("198.18.0.0/16")

    space.call(inside)


def test_rules_are_read_with_what_they_select_and_do(space):
    def inside():
        for words, found in (
            ("table 100", {"plain": True}),
            ("from 198.18.0.0/16 table 100", {"selective": True}),
            ("not from 198.18.0.0/16 table 100", {"selective": True}),
            ("iif lo table 100", {"selective": True}),
            ("fwmark 7 table 100", {"selective": True}),
            ("uidrange 0-9 table 100", {"selective": True}),
            ("ipproto tcp dport 53 table 100", {"selective": True}),
            ("table 100 suppress_prefixlength 0", {"selective": True}),
            ("goto 32766", {"action": "goto", "target": 32766}),
            ("prohibit", {"action": "prohibit"}),
            ("l3mdev", {"action": "l3mdev"}),
        ):
            for family in (4, 6):
                spelled = words if family == 4 else words.replace("198.18.0.0/16", "2001:db8::/32")
                ip(f"-{family} rule add pref 9 {spelled}")
                with kernel() as table:
                    (rule,) = (r for r in table.rules() if r.preference == 9)
                expected = {"plain": False, "selective": False, "action": "lookup", "target": 0}
                assert {name: getattr(rule, name) for name in expected} == expected | found, words
                assert rule.family == family
                ip(f"-{family} rule del pref 9")

    space.call(inside)


def test_ten_thousand_routes_go_in_batches_and_each_error_finds_its_prefix(space):
    def inside():
        four = {Prefix(4, (198 << 24 | 18 << 16) + 2 * i, 32): Kind.BLACKHOLE for i in range(5000)}
        six = {
            Prefix(6, (0x20010DB8 << 96) + (2 * i << 64), 64): Kind.BLACKHOLE for i in range(5000)
        }
        wanted = four | six
        in_the_way = list(four)[7::500]
        ip(*[""], "link set lo up")
        for prefix in in_the_way:
            ip(f"route add blackhole {prefix} proto static table 5354")
        with kernel() as table:
            blind = diff(wanted, [], PROTOCOL)
            started = time.perf_counter()
            refused = table.apply(blind)
            took = time.perf_counter() - started
            assert {r.change.prefix for r in refused} == set(in_the_way)
            assert {r.errno for r in refused} == {errno.EEXIST}
            assert str(refused[0]).endswith("File exists")
            after = diff(wanted, table.routes(), PROTOCOL)
            assert after.empty
            assert after.kept == len(wanted) - len(in_the_way)
            # A whole batch of errors fits as well: nothing of this can be installed.
            again = table.apply(blind)
            assert len(again) == len(list(changes(blind)))
        assert took < 5

    space.call(inside)


def test_without_the_capability_the_sentence_has_the_remedy(space):
    def inside():
        import ctypes
        import os
        import struct

        topology.assert_isolated()
        with kernel() as table:
            assert table.permitted()
        os.setresuid(65534, 65534, 65534)
        del ctypes, struct
        with kernel() as table:
            assert not table.permitted()
            assert table.routes() == []
            with pytest.raises(KernelError, match="CAP_NET_ADMIN"):
                table.apply(diff(WANTED, [], PROTOCOL))

    space.call(inside)


def test_another_namespace_is_reached_by_name(space):
    with topology.namespace("other") as other:

        def inside():
            from blockd.routes.kernel import Kernel
            from blockd.routes.netlink import open_socket

            with Kernel(TABLE, PROTOCOL, netns=other.name) as table:
                bring(table, WANTED)
                assert len(table.routes()) == len(WANTED)
            with kernel() as table:
                assert table.routes() == []
            with pytest.raises(KernelError, match="ip netns list"):
                open_socket("blockd-test-none")

        space.call(inside)
        assert "198.19.2.0/24" in other.ip("route show table 5354")


def test_batch_text_is_what_ip_understands(space):
    from blockd.routes import show

    plan, rules = diff(WANTED, [], PROTOCOL), diff_rules([], TABLE, TABLE, PROTOCOL)
    for family in (4, 6):
        text = show.batch(
            plan, rules, family=family, table=TABLE, preference=TABLE, protocol=PROTOCOL
        )
        space.run("ip", f"-{family}", "-batch", "-", stdin=text)

    def inside():
        with kernel() as table:
            assert diff(WANTED, table.routes(), PROTOCOL).empty
            assert diff_rules(table.rules(), TABLE, TABLE, PROTOCOL).empty

    space.call(inside)
