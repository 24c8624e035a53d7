"""What must stay reachable: read out of the kernel's messages, resolv.conf and configuration."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.config import Config, Network, ResolverSection, RoutesSection, Upstream
from blockd.routes import facts

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
    return [(str(prefix), why) for prefix, why in facts.of_address(data, 0, len(data))]


def of_route(family, length, *attributes, protocol=2, kind=1):
    """Return the facts of an rtmsg."""
    data = struct.pack("=8BI", family, length, 0, 0, 254, protocol, 0, kind, 0)
    data += b"".join(attributes)
    return list(facts.of_main_route(data, 0, len(data)))


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
    found = list(facts.of_address(data, 0, len(data)))
    found += of_route(family, length, garbage)
    found += of_route(family, length, attribute(MULTIPATH, garbage))
    assert all(prefix.family in {4, 6} for prefix, _ in found)


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0", "127.0.0.53", "169.254.1.1", "224.0.0.251", "255.255.255.255",
     "::", "::1", "fe80::1", "ff02::fb"],
)  # fmt: skip
def test_special_ranges_are_no_ones_destination(text):
    assert any(prefix.covers(P(text)) for prefix in facts.special())


@pytest.mark.parametrize("text", ["198.18.0.1", "198.19.255.255", "2001:db8::1", "10.0.0.1"])
def test_ordinary_addresses_are_not_special(text):
    assert not any(prefix.covers(P(text)) for prefix in facts.special())


RESOLV_CONF = "nameserver 198.18.0.1\n#nameserver 198.18.0.2\nnameserver\nnameserver fe80::1%eth0\n"


@pytest.mark.parametrize(
    ("upstreams", "found"),
    [
        ((), {"198.18.0.1/32", "fe80::1/128"}),
        ((Upstream.parse("198.18.0.9:5353"), Upstream.parse("tls://[2001:db8::9]#dns.example")),
         {"198.18.0.9/32", "2001:db8::9/128"}),
    ],
)  # fmt: skip
def test_upstreams_are_protected_from_where_they_are_named(upstreams, found):
    config = Config(resolver=ResolverSection(upstreams=upstreams))
    read = facts.configured(config, RESOLV_CONF)
    assert {str(prefix) for prefix in read} == found
    assert set(read.values()) == {"upstream resolver"}


def test_upstreams_of_zones_are_protected_beside_the_others():
    zones = {"corp.example": (Upstream.parse("198.18.0.9"),)}
    config = Config(resolver=ResolverSection(zones=zones))
    found = facts.configured(config, "nameserver 198.18.0.1\n")
    assert set(found) == {P("198.18.0.1"), P("198.18.0.9")}


def test_what_is_no_address_in_resolv_conf_is_passed_over():
    assert facts.configured(Config(), "nameserver here.example\nnameserver 198.18.0.1/99\n") == {}


def test_what_the_operator_protects_says_so_even_of_an_upstream():
    config = Config(
        routes=RoutesSection(protect=(Network.parse("198.18.0.1"),)),
        resolver=ResolverSection(upstreams=(Upstream.parse("198.18.0.1"),)),
    )
    assert facts.configured(config, "") == {P("198.18.0.1"): "protected by [routes] protect"}


def test_of_several_reasons_the_first_stands():
    one, two = P("198.18.0.0/16"), P("198.19.0.0/16")
    assert facts.merged(({one: "first"}, {}, {one: "second", two: "third"})) == {
        one: "first",
        two: "third",
    }
