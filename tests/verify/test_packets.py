"""What packets of one hop are told, on the gateway and from a client, by each type of route."""

import errno
import sys

import pytest

from blockd import prefixes
from blockd.errors import UnreachableError
from blockd.verify import packets
from blockd.verify.expected import Heard
from tests import topology
from tests.topology import GATEWAY_V4, GATEWAY_V6

P = prefixes.parse
TYPES = {
    "blackhole": (errno.EINVAL, None, None),
    "unreachable": (errno.EHOSTUNREACH, (3, 1), (1, 0)),
    "prohibit": (errno.EACCES, (3, 13), (1, 1)),
}
PLACES = {kind: (f"198.18.{n}.0/24", f"2001:db8:{n}::/48") for n, kind in enumerate(TYPES, 1)}


def first(prefix):
    """Return an address of a prefix that is a host's."""
    network = P(prefix)
    return network._replace(network=network.network + 1, length=prefixes.WIDTH[network.family])


@pytest.fixture(scope="module")
def net():
    with topology.gateway() as made:
        for kind, (v4, v6) in PLACES.items():
            made.gateway.ip(f"route add {kind} {v4}")
            made.gateway.ip(f"-6 route add {kind} {v6}")
        yield made


@pytest.mark.root
def test_the_kernel_refuses_the_hosts_own_with_the_types_error(net):
    def inside():
        topology.assert_isolated()
        for kind, (code, _, _) in TYPES.items():
            for prefix in PLACES[kind]:
                assert packets.sent_by_host(first(prefix)) == code, prefix
        for address in ("198.18.9.1", "2001:db8:9::1"):
            assert packets.sent_by_host(P(address)) == 0

    net.gateway.call(inside)


@pytest.mark.root
def test_a_client_hears_of_each_type_what_it_says_and_else_that_its_hop_is_used_up(net):
    expected = {}
    for kind, (_, v4, v6) in TYPES.items():
        for prefix, source, icmp in zip(
            PLACES[kind], (GATEWAY_V4, GATEWAY_V6), (v4, v6), strict=True
        ):
            expected[first(prefix)] = icmp and Heard(source, icmp)
    # At the end: with icmp_ratelimit = 0 these leave the kernel no allowance for the others.
    expected[P("198.18.9.1")] = Heard(GATEWAY_V4, (11, 0))
    expected[P("2001:db8:9::1")] = Heard(GATEWAY_V6, (3, 0))

    def inside():
        topology.assert_isolated()
        packets.require()
        assert dict(packets.probes(list(expected))) == expected

    net.client.call(inside)


def test_without_scapy_or_root_it_is_said_what_is_missing(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(UnreachableError, match="run it as root"):
        packets.require()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setitem(sys.modules, "scapy", None)
    monkeypatch.setitem(sys.modules, "scapy.all", None)
    with pytest.raises(UnreachableError, match=r"pip install 'blockd\[verify\]'"):
        packets.require()
