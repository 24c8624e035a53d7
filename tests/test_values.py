"""The texts that stand for values in the configuration."""

import pytest

from blockd.prefixes import Prefix
from blockd.values import (
    Duration,
    Endpoint,
    Network,
    NeverItem,
    Share,
    Size,
    Target,
    TextValue,
    TlsEndpoint,
    Upstream,
    WebEndpoint,
)

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
    (Duration, "0s", "0d"),
    (Duration, "90s", "90s"),
    (Duration, "60 s", "1m"),
    (Duration, " 36h ", "36h"),
    (Duration, "24h", "1d"),
    (Duration, "1440m", "1d"),
    (Duration, "3d", "3d"),
    (TlsEndpoint, "198.18.0.53", "198.18.0.53:853"),
    (TlsEndpoint, "::", "[::]:853"),
    (TlsEndpoint, "[2001:db8::53]:53", "[2001:db8::53]:53"),
    (TlsEndpoint, "198.18.0.53:53", "198.18.0.53:53"),
    (WebEndpoint, "198.18.0.80", "198.18.0.80:80"),
    (WebEndpoint, "2001:db8::80", "[2001:db8::80]:80"),
    (WebEndpoint, "[2001:db8::80]:8080", "[2001:db8::80]:8080"),
    (Network, "10.0.0.0/8", "10.0.0.0/8"),
    (Network, "198.18.0.1", "198.18.0.1/32"),
    (Network, "2001:DB8::/32", "2001:db8::/32"),
    (Network, "0.0.0.0/0", "0.0.0.0/0"),
    (Share, 0, "0"),
    (Share, 12, "12"),
    (Share, "1%", "1%"),
    (Share, " 0.5 % ", "0.5%"),
    (Share, "0%", "0%"),
    (Size, "64MB", "64MB"),
    (Size, "1024 KB", "1MB"),
    (Size, "1GB", "1GB"),
    (Size, "1500", "1500B"),
    (Size, "7B", "7B"),
]


@pytest.mark.parametrize(("kind", "value", "shown"), GOOD)
def test_good_values_are_shown_in_one_form(kind, value, shown):
    parsed = kind.parse(value)
    assert str(parsed) == shown
    assert kind.parse(int(shown) if isinstance(value, int) else shown) == parsed
    assert hash(parsed) == hash(kind.parse(value))
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
    (Duration, ["", "s", "1", "1w", "1.5h", "-1s", "1h30m", "1 D", "\u0661s", 60, 0, True, None]),
    (Network, ["", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "a.example", 10, None]),
    (Share, ["", "%", "1", "-1%", "1%%", "a%", -1, True, 0.5, None, ["1%"]]),
    (Size, ["", "MB", "-1MB", "1.5MB", "1TB", "1 mb", "\u0661MB", 64, None]),
]


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in BAD for value in values]
)
def test_bad_values_are_told_in_a_sentence(kind, value):
    with pytest.raises(ValueError, match=r"not|neither|host bits|known are|names no|only tls"):
        kind.parse(value)


def test_values_of_two_kinds_are_never_equal():
    assert Network.parse("198.18.0.1") != Endpoint.parse("198.18.0.1")
    assert Endpoint.parse("198.18.0.1") != Upstream.parse("198.18.0.1")
    assert Endpoint.parse("198.18.0.1") != "198.18.0.1:53"
    assert len({Endpoint.parse("198.18.0.1"), Endpoint.parse("198.18.0.1:53")}) == 1


def test_what_values_hold():
    assert Network.parse("10.0.0.0/8").prefix == Prefix(4, 10 << 24, 8)
    assert [Size.parse(text).octets for text in ("2KB", "3", "1GB")] == [2048, 3, 1 << 30]
    assert [Share.parse(value).of(250) for value in ("1%", "0.5%", 7, "100%")] == [2, 1, 7, 250]
    times = [Duration.parse(text).seconds for text in ("0s", "30s", "10m", "12h", "1d")]
    assert times == [0, 30, 600, 43_200, 86_400]
    upstream = Upstream.parse("tls://198.18.0.55#dns.example")
    assert (upstream.scheme, upstream.name) == ("tls", "dns.example")
    assert (upstream.endpoint.address, upstream.endpoint.port) == ("198.18.0.55", 853)
    with pytest.raises(NotImplementedError):  # the base has no form of its own
        TextValue.parse("x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bank.Example.", "bank.example"),
        ("=bank.example", "=bank.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("198.18.0.1", "198.18.0.1/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_target_is_a_name_or_a_prefix(text, shown):
    target = Target.parse(text)
    assert str(target) == shown
    assert Target.parse(str(target)) == target
    assert (target.name is None) is (target.prefix is not None)


@pytest.mark.parametrize("text", ["", "a..b", "198.18.0.1/16", 7])
def test_what_is_neither_a_name_nor_a_prefix_is_no_target(text):
    with pytest.raises(ValueError, match=r"neither a name|host bits|a text was expected"):
        Target.parse(text)


@pytest.mark.parametrize("path", ["/etc/blockd/cdn.txt", "./cdn.txt", "../cdn.txt"])
def test_a_path_among_the_untouchable_is_told_from_a_prefix(path):
    assert (NeverItem.parse(path).path, NeverItem.parse("198.18.0.0/16").path) == (path, "")
