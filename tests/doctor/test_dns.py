"""Whose port it is, and whether questions go round in a circle: tables of what was read."""

import pytest

from blockd.config import Endpoint, ResolverSection, TlsEndpoint, Upstream
from blockd.doctor import dns
from blockd.doctor.dns import Listener

ANY = (Endpoint("0.0.0.0"), Endpoint("::"))


@pytest.mark.parametrize(
    ("held", "taken", "remedy"),
    [
        (Listener("UDP", "127.0.0.53", 53, ("systemd-resolve (7)",)), "systemd-resolve (7)",
         "DNSStubListener=no"),
        (Listener("TCP", "0.0.0.0", 53, ("dnsmasq (8)", "dnsmasq (9)")), "dnsmasq (8) and dns",
         "disable --now"),
        (Listener("UDP", "::1", 53, ()), "only root can see", "[::]:53"),
        (Listener("UDP", "0.0.0.0", 53, ("systemd (1)",)), "systemd (1)", "list-sockets"),
        (Listener("UDP", "0.0.0.0", 53, ("systemd (1)", "blockd (5)")), "", ""),
        (Listener("UDP", "0.0.0.0", 53, ("blockd (5)",)), "", ""),
        (Listener("UDP", "127.0.0.1", 5353, ("avahi-daemon (3)",)), "", ""),
    ],
)  # fmt: skip
def test_who_has_the_port_and_what_to_do(held, taken, remedy):
    found = dns.ports(ANY, [held])
    if not taken:
        assert found == []
        return
    (finding,) = found
    assert finding.what.startswith(f"{held.transport} {Endpoint(held.address, held.port)} is taken")
    assert taken in finding.what
    assert remedy in finding.remedy


def test_another_address_of_the_port_is_nobodys_business():
    held = Listener("UDP", "198.18.0.1", 53, ("dnsmasq (8)",))
    assert dns.ports((Endpoint("198.18.0.2"),), [held]) == []
    assert len(dns.ports((Endpoint("198.18.0.1"),), [held])) == 1


def test_a_socket_whose_holder_cannot_be_seen_is_ours_where_our_resolver_says_so():
    held = Listener("UDP", "0.0.0.0", 53, ())
    assert dns.ports(ANY, [held], ["0.0.0.0:53", "[::]:53"]) == []
    assert len(dns.ports(ANY, [held], ["[::]:53"])) == 1


@pytest.mark.parametrize(
    ("listen", "upstreams", "servers", "said"),
    [
        (ANY, (), ("127.0.0.1",), "there is nobody to forward to"),
        (ANY, (), ("127.0.0.53",), "there is nobody to forward to"),
        (ANY, (), (), "/etc/resolv.conf names no server"),
        (ANY, (), ("127.0.0.1", "198.18.0.53"), ""),  # the resolver passes the first one over
        (ANY, (), ("198.18.0.1", "198.18.0.53"), ""),
        (ANY, (), ("198.18.0.1", "2001:db8::1"), "there is nobody to forward to"),
        ((Endpoint("::"),), (), ("198.18.0.1", "127.0.0.1"), ""),  # another family
        (ANY, (), ("198.18.0.53",), ""),
        ((Endpoint("127.0.0.1", 5300),), (), ("127.0.0.1",), ""),
        ((Endpoint("198.18.0.1"),), (), ("127.0.0.1",), ""),
        (ANY, ("198.18.0.53",), ("127.0.0.1",), ""),
        (ANY, ("127.0.0.1",), (), "upstreams has 127.0.0.1:53, which is this resolver"),
        (ANY, ("tls://198.18.0.1#dns.example",), (), ""),  # another port
        (ANY, ("2001:db8::1",), (), "upstreams has [2001:db8::1]:53"),
    ],
)
def test_circles_are_found_and_nothing_else(listen, upstreams, servers, said):
    settings = ResolverSection(
        listen=listen,
        upstreams=tuple(
            Upstream.parse(f"[{text}]" if text.startswith("2001") else text) for text in upstreams
        ),
    )
    found = dns.loops(settings, [Endpoint(text) for text in servers], {"198.18.0.1", "2001:db8::1"})
    assert [said in each.what for each in found] == ([True] if said else [])
    assert all(each.remedy for each in found)


@pytest.mark.parametrize(
    ("listen_tls", "zones", "said"),
    [
        ((), {"corp.test": ("198.18.0.1",)}, 'zones "corp.test" has 198.18.0.1:53'),
        ((), {"corp.test": ("198.18.0.54",), "x.test": ("198.18.0.54", "::1")}, "has [::1]:53"),
        ((), {"corp.test": ("tls://198.18.0.1#dns.example",)}, ""),
        (("0.0.0.0",), {"corp.test": ("tls://198.18.0.1#dns.example",)}, "has tls://198.18.0.1"),
        (("::",), {"corp.test": ("tls://198.18.0.1#dns.example",)}, ""),
    ],
)
@pytest.mark.parametrize("upstreams", [(), (Upstream.parse("198.18.0.53"),)])
def test_zones_and_tls_are_looked_at_too(listen_tls, zones, said, upstreams):
    settings = ResolverSection(
        listen=ANY,
        listen_tls=tuple(TlsEndpoint(address, 853) for address in listen_tls),
        upstreams=upstreams,
        zones={
            zone: tuple(Upstream.parse(f"[{t}]" if t == "::1" else t) for t in texts)
            for zone, texts in zones.items()
        },
    )
    found = dns.loops(settings, [Endpoint("198.18.0.53")], {"198.18.0.1"})
    assert [said in each.what for each in found] == ([True] if said else [])
