"""What the host needs, read out of the kernel's messages, whatever is in them."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.routes import host

P = prefixes.parse
V4, V6 = socket.AF_INET, socket.AF_INET6
ADDRESS, LOCAL = 1, 2
DST, GATEWAY, MULTIPATH, VIA = 1, 5, 9, 18


def raw(text):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_pton(family, text)


def attribute(number, value):
    padding = bytes(-len(value) % 4)
    return struct.pack("=HH", 4 + len(value), number) + value + padding


def of_address(family, length, **attributes):
    """Return the facts of an ifaddrmsg, as texts."""
    numbers = {"address": ADDRESS, "local": LOCAL}
    body = b"".join(attribute(numbers[name], raw(text)) for name, text in attributes.items())
    data = struct.pack("=BBBBI", family, length, 0, 0, 7) + body
    return [(str(prefix), why) for prefix, why in host.of_address(data, 0, len(data))]


def of_route(family, length, *attributes, protocol=2, kind=1):
    """Return the facts of an rtmsg."""
    data = struct.pack("=8BI", family, length, 0, 0, 254, protocol, 0, kind, 0)
    data += b"".join(attributes)
    return list(host.of_route(data, 0, len(data)))


def link(kind, *about):
    """Return an ifinfomsg of a link of that kind."""
    info = attribute(1, kind.encode() + b"\0") + attribute(2, b"".join(about))
    data = struct.pack("=BBHiII", 0, 0, 1, 7, 0, 0) + attribute(3, b"t0\0") + attribute(18, info)
    return data, 0, len(data)


def nexthop(*attributes):
    body = b"".join(attributes)
    return struct.pack("=HBBI", 8 + len(body), 0, 0, 7) + body


OWN, CONNECTED = "address of this host", "connected network"


@pytest.mark.parametrize(
    ("family", "length", "attributes", "found"),
    [
        (V4, 24, {"address": "198.18.5.1", "local": "198.18.5.1"},
         [("198.18.5.1/32", OWN), ("198.18.5.0/24", CONNECTED)]),
        # Point to point: the address is ours, the network the other side's.
        (V4, 32, {"address": "198.18.6.9", "local": "198.18.5.1"},
         [("198.18.5.1/32", OWN), ("198.18.6.9/32", CONNECTED)]),
        (V6, 64, {"address": "2001:db8::1"},
         [("2001:db8::1/128", OWN), ("2001:db8::/64", CONNECTED)]),
        (V4, 32, {"address": "198.18.5.1", "local": "198.18.5.1"}, [("198.18.5.1/32", OWN)]),
        # A network of everything would switch the whole plane off.
        (V4, 0, {"address": "198.18.5.1", "local": "198.18.5.1"}, [("198.18.5.1/32", OWN)]),
        (socket.AF_UNIX, 24, {"address": "198.18.5.1"}, []),
    ],
)  # fmt: skip
def test_an_address_protects_itself_and_its_network(family, length, attributes, found):
    assert of_address(family, length, **attributes) == found


HOP = "next hop of a route"


@pytest.mark.parametrize(
    ("family", "length", "attributes", "options", "found"),
    [
        (V4, 0, [attribute(GATEWAY, raw("198.18.5.254"))], {}, [("198.18.5.254/32", HOP)]),
        (V6, 0, [attribute(GATEWAY, raw("2001:db8::fe"))], {}, [("2001:db8::fe/128", HOP)]),
        (V4, 16, [attribute(DST, raw("198.18.0.0")), attribute(GATEWAY, raw("198.19.0.1"))], {},
         [("198.19.0.1/32", HOP)]),
        # An IPv4 route by an IPv6 neighbour, RFC 5549.
        (V4, 0, [attribute(VIA, struct.pack("=H", V6) + raw("2001:db8::fe"))], {},
         [("2001:db8::fe/128", HOP)]),
        (V4, 0, [attribute(VIA, struct.pack("=H", socket.AF_UNIX) + b"abcd")], {}, []),
        (V4, 0, [attribute(MULTIPATH, nexthop(attribute(GATEWAY, raw("198.18.0.7")))
                           + nexthop(attribute(GATEWAY, raw("198.18.0.8"))))], {},
         [("198.18.0.7/32", HOP), ("198.18.0.8/32", HOP)]),
        (V4, 24, [attribute(DST, raw("198.18.9.0"))], {}, [("198.18.9.0/24", CONNECTED)]),
        (V6, 64, [attribute(DST, raw("2001:db8:9::"))], {"protocol": 9},
         [("2001:db8:9::/64", CONNECTED)]),
        # A static route to a device says nothing about what is connected.
        (V4, 24, [attribute(DST, raw("198.18.9.0"))], {"protocol": 4}, []),
        (V4, 24, [attribute(DST, raw("198.18.9.0"))], {"protocol": 16},
         [("198.18.9.0/24", CONNECTED)]),
        (V4, 0, [], {}, []),
        (V4, 24, [attribute(DST, raw("198.18.9.0"))], {"kind": 6}, []),
        (socket.AF_UNIX, 24, [attribute(GATEWAY, raw("198.18.5.254"))], {}, []),
    ],
)  # fmt: skip
def test_a_route_protects_its_next_hops_or_what_is_connected(
    family, length, attributes, options, found
):
    read = of_route(family, length, *attributes, **options)
    assert [(str(prefix), why) for prefix, why in read] == found


@given(st.sampled_from([V4, V6]), st.integers(0, 32), st.binary(max_size=120))
def test_attributes_from_nowhere_hurt_nobody(family, length, garbage):
    data = struct.pack("=BBBBI", family, length, 0, 0, 7) + garbage
    found = list(host.of_address(data, 0, len(data)))
    found += of_route(family, length, garbage)
    found += of_route(family, length, attribute(MULTIPATH, garbage))
    assert all(prefix.family in {4, 6} for prefix, _ in found)


FAR = "far end of a tunnel"


@pytest.mark.parametrize(
    ("kind", "about", "found"),
    [
        ("ipip", [attribute(2, raw("198.18.0.8")), attribute(3, raw("198.18.0.9"))],
         [("198.18.0.9/32", FAR)]),
        ("sit", [attribute(3, raw("198.18.0.9"))], [("198.18.0.9/32", FAR)]),
        ("ip6tnl", [attribute(3, raw("2001:db8::9"))], [("2001:db8::9/128", FAR)]),
        ("gre", [attribute(6, raw("198.18.0.8")), attribute(7, raw("198.18.0.9"))],
         [("198.18.0.9/32", FAR)]),
        ("ip6gretap", [attribute(7, raw("2001:db8::9"))], [("2001:db8::9/128", FAR)]),
        ("vti", [attribute(5, raw("198.18.0.9"))], [("198.18.0.9/32", FAR)]),
        ("vxlan", [attribute(2, raw("198.18.0.9"))], [("198.18.0.9/32", FAR)]),
        ("vxlan", [attribute(16, raw("2001:db8::9"))], [("2001:db8::9/128", FAR)]),
        ("geneve", [attribute(7, raw("2001:db8::9"))], [("2001:db8::9/128", FAR)]),
        # A tunnel to whoever asks has no far end.
        ("gre", [attribute(7, bytes(4))], []),
        ("veth", [attribute(1, bytes(16))], []),
        ("vrf", [attribute(1, struct.pack("=I", 10))], []),
    ],
)  # fmt: skip
def test_a_tunnel_protects_its_far_end(kind, about, found):
    assert [(str(p), why) for p, why in host.of_link(*link(kind, *about))] == found


def test_a_vrf_names_its_table_and_no_other_link_does():
    ten = attribute(1, struct.pack("=I", 10))
    assert host.vrf_table(*link("vrf", ten)) == 10
    assert host.vrf_table(*link("veth", ten)) is None


def test_a_nexthop_object_protects_its_gateway():
    for family, text in ((V4, "198.18.0.7"), (V6, "2001:db8::7")):
        data = struct.pack("=BBBBI", family, 0, 4, 0, 0) + attribute(6, raw(text))
        assert list(host.of_nexthop(data, 0, len(data))) == [(P(text), HOP)]
    blackhole = struct.pack("=BBBBI", V4, 0, 4, 0, 0) + attribute(4, b"")
    assert list(host.of_nexthop(blackhole, 0, len(blackhole))) == []


def message(destination, *rest, length=24, protocol=12):
    data = struct.pack("=8BI", V4, length, 0, 0, 254, protocol, 0, 1, 0)
    data += attribute(15, struct.pack("=I", 254))
    data += attribute(DST, raw(destination)) + b"".join(rest)
    return data, 0, len(data)


def test_of_a_full_table_each_gateway_is_read_once_and_each_network():
    passing = host.Passing()
    one, two = attribute(GATEWAY, raw("198.19.0.1")), attribute(GATEWAY, raw("198.19.0.2"))
    assert passing.of_route(*message("198.18.1.0", one)) == [(P("198.19.0.1"), HOP)]
    assert passing.of_route(*message("198.18.2.0", one)) is None
    assert passing.of_route(*message("198.18.3.0", two)) == [(P("198.19.0.2"), HOP)]
    assert passing.of_route(*message("198.18.4.0")) == []
    assert passing.of_route(*message("198.18.5.0")) is None
    for network in ("198.18.6.0", "198.18.7.0"):
        found = passing.of_route(*message(network, protocol=2))
        assert found == [(P(f"{network}/24"), CONNECTED)]


@given(st.binary(max_size=120))
def test_links_and_nexthops_from_nowhere_hurt_nobody(garbage):
    data = bytes(16) + attribute(18, garbage) + garbage
    assert all(p.family in {4, 6} for p, _ in host.of_link(data, 0, len(data)))
    host.vrf_table(data, 0, len(data))
    data = struct.pack("=BBBBI", V6, 0, 0, 0, 0) + garbage
    assert len(list(host.of_nexthop(data, 0, len(data)))) <= 1
