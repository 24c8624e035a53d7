"""What a sender is told by each type of null route: the README's table, cell by cell."""

import errno
import os
import re
import signal
import socket
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import topology
from tests.e2e import gateway as gateways
from tests.e2e.gateway import FAMILIES, until
from tests.e2e.internet import ECHO, WEB

pytestmark = pytest.mark.root

README = (topology.repository() / "README.md").read_text("utf-8")
TYPES = ("blackhole", "unreachable", "prohibit")
TRANSPORTS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}
PATIENCE = {"TCP": 1.5, "UDP": 1.0}
"""Seconds. An ICMP error that comes within connect(2) is only heard at the second SYN."""

LIST = "".join(
    f"""
[[platform]]
id = "{route}"
prefixes = ["198.19.{place}.0/24", "2001:db8:{place}::/48"]
{f'route = "{route}"' if route in TYPES else ""}
"""
    for place, route in enumerate(("configured", *TYPES), 201)
)
ADDRESSES = {
    route: (f"198.19.{place}.1", f"2001:db8:{place}::1")
    for place, route in enumerate(("configured", *TYPES), 201)
}


def documented():
    """Return the table's rows by their type, as lists of cells."""
    rows = re.findall(r"^\| `(\w+)`(?: \(default\))? \| (.* E\w+) \|$", README, re.MULTILINE)
    return {route: cells.split(" | ") for route, cells in rows if route in TYPES}


MATRIX = documented()


@pytest.fixture(scope="module")
def running(net, tmp_path_factory):
    with gateways.running(net, tmp_path_factory.mktemp("gateway"), {"list.toml": LIST}) as made:
        yield made


def told(space, addresses):
    """Return what programs see that send to addresses: by address and transport."""
    probes = {
        (address, name): gateways.socket_in(space, FAMILIES[6 if ":" in address else 4], kind)
        for address in addresses
        for name, kind in TRANSPORTS.items()
    }
    with ThreadPoolExecutor(len(probes)) as pool:
        return dict(zip(probes, pool.map(_probe, probes, probes.values()), strict=True))


def _probe(target, sock):
    address, transport = target
    with sock:
        sock.settimeout(PATIENCE[transport])
        try:
            sock.connect((address, WEB if transport == "TCP" else ECHO))
            sock.send(b"GET / HTTP/1.0\r\n\r\n")
            return "reply" if sock.recv(64) else "closed"
        except TimeoutError:
            return "time-out"
        except OSError as error:
            return errno.errorcode[error.errno]


def expected(addresses, *, on_the_gateway=False):
    """Return what the README says of addresses: pairs of address and type."""
    found = {}
    for (v4, v6), route in addresses:
        _, *v4_cells, _, v6_tcp, v6_udp, local = MATRIX[route]
        cells = [local] * 4 if on_the_gateway else [*v4_cells, v6_tcp, v6_udp]
        places = [(address, transport) for address in (v4, v6) for transport in TRANSPORTS]
        found |= dict(zip(places, cells, strict=True))
    return found


@pytest.mark.usefixtures("running")
def test_a_client_and_the_gateway_itself_see_what_the_readme_says_of_each_platforms_type(net):
    kinds = [(ADDRESSES[route], route) for route in TYPES]
    addresses = [address for pair, _ in kinds for address in pair]
    assert told(net.client, addresses) == expected(kinds)
    assert told(net.gateway, addresses) == expected(kinds, on_the_gateway=True)


@pytest.mark.parametrize("route", [*TYPES[1:], TYPES[0]])
def test_what_has_no_type_of_its_own_has_the_configured_one(running, net, route):
    running.configure(routes=f'type = "{route}"')
    os.kill(running.processes[0].pid, signal.SIGHUP)
    until(lambda: running.routes().get("198.19.201.0/24") == route, running.said)
    until(lambda: running.routes().get("2001:db8:201::/48") == route, running.said)
    pair = ADDRESSES["configured"]
    # The kernel sends IPv4's errors five at once to one host, then one a second (ip_error).
    until(lambda: told(net.client, pair) == expected([(pair, route)]), running.said)
    assert told(net.gateway, pair) == expected([(pair, route)], on_the_gateway=True)
    kept = {prefix: kind for prefix, kind in running.routes().items() if "201" not in prefix}
    assert sorted(kept.values()) == sorted(TYPES * 2)


@pytest.mark.usefixtures("running")
def test_icmp_has_the_readmes_type_and_code_for_tcp_and_udp_and_comes_from_the_gateway(net):
    def inside():
        warnings.simplefilter("ignore")
        from scapy.all import ICMP, IP, TCP, UDP, ICMPv6DestUnreach, IPv6, conf, sr

        conf.verb = 0
        for layer, icmp, title, column, source in (
            (IP, ICMP, "ICMP", 0, gateways.GATEWAY_V4),
            (IPv6, ICMPv6DestUnreach, "ICMPv6", 3, gateways.GATEWAY_V6),
        ):
            places = {ADDRESSES[route][layer is IPv6]: MATRIX[route][column] for route in TYPES}
            transports = (TCP(sport=40010, dport=WEB), UDP(sport=40011, dport=ECHO))
            probes = [layer(dst=place) / each for place in places for each in transports]
            answered, silent = sr(probes, timeout=0.5, retry=1)
            seen = {(probe.dst, type(probe.payload)): "nothing" for probe in silent}
            seen |= {
                (probe.dst, type(probe.payload)): f"{title} {got[icmp].type}/{got[icmp].code}"
                for probe, got in answered
            }
            assert seen == {(at, each): places[at] for at in places for each in (TCP, UDP)}
            assert {got.src for _, got in answered} == {source}

    net.client.call(inside)


@pytest.mark.usefixtures("running")
def test_what_is_not_listed_answers_both_of_them(net):
    addresses = ["198.19.200.1", "2001:db8:200::1"]
    assert set(told(net.client, addresses).values()) == {"reply"}
    assert set(told(net.gateway, addresses).values()) == {"reply"}
