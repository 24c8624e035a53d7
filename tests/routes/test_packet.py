"""What packets meet, as the kernel says: this host's own, and those that come in by each link."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.prefixes import WIDTH, Prefix
from blockd.routes import packet
from blockd.routes.kernel import Lookup
from blockd.routes.packet import Met
from tests import topology

P = prefixes.parse
LINKS = ("lan", "wan")
LISTED = {"-4": "198.18.7.0/24", "-6": "2001:db8:7::/48"}


@pytest.fixture(scope="module")
def net():
    with topology.gateway() as made:
        for family in LISTED:
            made.gateway.ip(f"{family} rule add pref 5354 table 5354 protocol 177")
        yield made


@pytest.fixture
def listed(net, kind):
    """Listed prefixes of both families in our table, by a route type."""
    for family, prefix in LISTED.items():
        net.gateway.ip(f"{family} route replace {kind} {prefix} table 5354 proto 177 metric 1")
    yield
    for family in LISTED:
        net.gateway.ip(f"{family} route flush table 5354")


def meets(space, address, expected):
    """Assert by origin what packets to an address meet."""

    def inside():
        topology.assert_isolated()
        with packet.Packets(5354, 177) as kernel:
            found = kernel.met(P(address))
            assert {met.come_in: str(met) for met in found} == expected
            for met in found:
                assert met.blocked(kernel.tables) is (met.lookup.table == 5354)

    space.call(inside)


@pytest.mark.root
@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
@pytest.mark.parametrize(("family", "address"), [("-4", "198.18.7.9"), ("-6", "2001:db8:7::9")])
@pytest.mark.usefixtures("listed")
def test_a_null_route_of_every_type_is_met_from_everywhere(net, kind, family, address):
    route = f"{kind} {LISTED[family]} in table 5354"
    meets(net.gateway, address, {(): route, LINKS: route})


@pytest.mark.root
@pytest.mark.parametrize(
    ("address", "here", "forwarded"),
    [
        ("198.18.8.1", "unicast 0.0.0.0/0 in table main", "unicast 0.0.0.0/0 in table main"),
        ("2001:db8:8::1", "unicast ::/0 in table main", "unicast ::/0 in table main"),
        ("10.53.0.1", "local 10.53.0.1/32 in table local", "local 10.53.0.1/32 in table local"),
        ("10.53.0.2", "unicast 10.53.0.0/24 in table main", "unicast 10.53.0.0/24 in table main"),
    ],
)
def test_what_is_open_shows_the_way_it_goes(net, address, here, forwarded):
    meets(net.gateway, address, {(): here, LINKS: forwarded})


@pytest.mark.root
def test_a_null_route_of_others_is_not_ours(net):
    net.gateway.ip("route add blackhole 198.18.9.0/24")
    nothing = "no route leads there (Invalid argument)"
    try:
        meets(net.gateway, "198.18.9.1", {(): nothing, LINKS: nothing})
    finally:
        net.gateway.ip("route del blackhole 198.18.9.0/24")


@pytest.mark.root
def test_only_links_that_are_up_and_forward_are_asked_by(net):
    def only_own(address):
        meets(net.gateway, address, {(): "unicast 0.0.0.0/0 in table main"})

    net.gateway.sysctl("net.ipv4.conf.lan.forwarding=0")
    meets(
        net.gateway,
        "198.18.8.1",
        dict.fromkeys([(), ("wan",)], "unicast 0.0.0.0/0 in table main"),
    )
    net.gateway.sysctl("net.ipv4.conf.wan.forwarding=0")
    only_own("198.18.8.1")
    net.gateway.sysctl("net.ipv4.conf.lan.forwarding=1", "net.ipv4.conf.wan.forwarding=1")
    net.gateway.ip("link set lan down")
    meets(
        net.gateway,
        "198.18.8.1",
        dict.fromkeys([(), ("wan",)], "unicast 0.0.0.0/0 in table main"),
    )
    net.gateway.ip("link set lan up")


def test_origins_are_told_in_words():
    lookup = Lookup("blackhole", 5354, P("198.18.7.0/24"), 22)
    assert Met((), lookup).origin == "from this host"
    assert Met(("lan", "wan"), lookup).origin == "forwarded from lan, wan"
    many = tuple(f"vlan{n}" for n in range(9))
    assert Met(many, lookup).origin == "forwarded from vlan0, vlan1, vlan2, vlan3 and 5 more"


NETWORKS = st.one_of(
    st.integers(1, 32).map(lambda length: Prefix(4, 198 << 24 | 18 << 16, 32).supernet(length)),
    st.integers(1, 128).map(lambda length: Prefix(6, 0x20010DB8 << 96, 128).supernet(length)),
)


@given(NETWORKS, st.sets(st.integers(0, 5), max_size=5))
def test_a_neighbour_is_a_host_of_the_network_and_not_this_one(network, offsets):
    width = WIDTH[network.family]
    own = {
        Prefix(network.family, network.network + n, width)
        for n in offsets
        if network.network + n <= network.last
    }
    for neighbour in itertools.islice(packet._neighbours(network, own), 4):
        assert network.covers(neighbour)
        assert neighbour not in own
        if width - network.length > 1:
            assert neighbour.network not in {network.network, network.last}


def test_there_is_a_neighbour_wherever_a_network_has_room():
    own = {P("198.18.7.1"), P("198.18.7.2"), P("198.18.6.0"), P("198.18.5.5")}
    for network, first in [
        ("198.18.7.0/24", "198.18.7.3/32"),
        ("198.18.6.0/31", "198.18.6.1/32"),
        ("198.18.7.0/30", None),
        ("198.18.5.5/32", None),
        ("2001:db8::/64", "2001:db8::1/128"),
    ]:
        found = next(packet._neighbours(P(network), own), None)
        assert (str(found) if found else None) == first
