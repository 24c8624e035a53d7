"""Addresses with ports, and upstreams, as texts of the configuration."""

import pytest

from blockd.endpoints import Endpoint, TlsEndpoint, Upstream, WebEndpoint

GOOD = [
    (Endpoint, "198.18.0.53", "198.18.0.53:53"),
    (Endpoint, "198.18.0.53:5353", "198.18.0.53:5353"),
    (Endpoint, "2001:db8::53", "[2001:db8::53]:53"),
    (Endpoint, "[2001:DB8:0::53]", "[2001:db8::53]:53"),
    (Endpoint, "[2001:db8::53]:65535", "[2001:db8::53]:65535"),
    (Endpoint, "0.0.0.0:1", "0.0.0.0:1"),
    (Endpoint, "::", "[::]:53"),
    (Upstream, "198.18.0.53", "198.18.0.53:53"),
    (Upstream, "2001:db8::53", "[2001:db8::53]:53"),
    (Upstream, "udp://198.18.0.53:5353", "198.18.0.53:5353"),
    (Upstream, "tcp://[2001:db8::53]", "tcp://[2001:db8::53]:53"),
    (Upstream, "tcp://198.18.0.53:5353", "tcp://198.18.0.53:5353"),
    (Upstream, "tls://198.18.0.55#dns.example", "tls://198.18.0.55:853#dns.example"),
    (Upstream, "tls://198.18.0.55:53#dns.example", "tls://198.18.0.55:53#dns.example"),
    (Upstream, "tls://2001:db8::55#dns.example", "tls://[2001:db8::55]:853#dns.example"),
    (Upstream, "tls://[2001:db8::55]#dns.example", "tls://[2001:db8::55]:853#dns.example"),
    (Upstream, "tls://[2001:db8::55]:8853#x", "tls://[2001:db8::55]:8853#x"),
    (TlsEndpoint, "198.18.0.53", "198.18.0.53:853"),
    (TlsEndpoint, "::", "[::]:853"),
    (TlsEndpoint, "[2001:db8::53]:53", "[2001:db8::53]:53"),
    (TlsEndpoint, "198.18.0.53:53", "198.18.0.53:53"),
    (WebEndpoint, "198.18.0.80", "198.18.0.80:80"),
    (WebEndpoint, "2001:db8::80", "[2001:db8::80]:80"),
    (WebEndpoint, "[2001:db8::80]:8080", "[2001:db8::80]:8080"),
]


@pytest.mark.parametrize(("kind", "text", "shown"), GOOD)
def test_good_addresses_are_shown_in_one_form(kind, text, shown):
    parsed = kind.parse(text)
    assert str(parsed) == shown
    assert kind.parse(shown) == parsed
    assert hash(parsed) == hash(kind.parse(text))
    assert repr(parsed) == f"{kind.__name__}({shown!r})"


BAD = [
    (Endpoint, ["", ":53", "a.example", "198.18.0", "198.18.0.53/32", "198.18.0.53:", "[]:53"]),
    (Endpoint, ["198.18.0.53:0", "198.18.0.53:65536", "198.18.0.53:x", "198.18.0.53:٥٣", 53]),
    (Endpoint, ["[2001:db8::53", "2001:db8::53]", "[2001:db8::53]5353", "[2001:db8::53]:"]),
    (Endpoint, ["[::]:5:3", "[[::]]:53", "tls://198.18.0.55", "fe80::1%eth0"]),
    (Upstream, ["", "tls://", "tls://#dns.example", "tls://198.18.0.55", "tls://198.18.0.55#"]),
    (Upstream, ["198.18.0.53#dns.example", "tcp://198.18.0.53#x", "udp://198.18.0.53#x"]),
    (Upstream, ["doh://198.18.0.53", "://198.18.0.53", "TLS://198.18.0.55#dns.example", 53]),
    (Upstream, ["tls://dns.example#dns.example", "tcp://198.18.0.53:0", "udp:198.18.0.53"]),
]


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in BAD for value in values]
)
def test_bad_addresses_are_told_in_a_sentence(kind, value):
    with pytest.raises(ValueError, match=r"not|known are|names no|only tls"):
        kind.parse(value)


def test_addresses_of_two_kinds_are_never_equal():
    assert Endpoint.parse("198.18.0.1") != Upstream.parse("198.18.0.1")
    assert Endpoint.parse("198.18.0.1") != "198.18.0.1:53"
    assert len({Endpoint.parse("198.18.0.1"), Endpoint.parse("198.18.0.1:53")}) == 1


def test_an_upstream_holds_its_address_and_the_name_of_its_certificate():
    upstream = Upstream.parse("tls://198.18.0.55#dns.example")
    assert (upstream.scheme, upstream.name) == ("tls", "dns.example")
    assert (upstream.endpoint.address, upstream.endpoint.port) == ("198.18.0.55", 853)
