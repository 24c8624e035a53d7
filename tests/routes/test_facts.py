"""What must stay reachable by nature, by resolv.conf and by configuration."""

import pytest

from blockd import prefixes
from blockd.config import Config, Network, ResolverSection, RoutesSection, Upstream
from blockd.routes import facts

P = prefixes.parse


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
