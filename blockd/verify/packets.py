"""Sends packets to listed addresses: the gateway's own datagrams, or a client's probes by scapy.

They live for one hop. On the gateway the kernel refuses them or says that it did not; a client's
are answered by the gateway with what its route says, or with time exceeded where they would have
gone on: nothing reaches those that are listed. What it means is judged by `expected`.
"""

import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from blockd.errors import UnreachableError
from blockd.prefixes import Prefix
from blockd.verify.expected import Heard

MISSING = "scapy is not installed: pip install 'blockd[verify]'"
NOT_ROOT = "packets are crafted by root alone (CAP_NET_RAW); run it as root"

_DISCARD = 9  # RFC 863
_TRACED = 33_434  # where traceroute's datagrams go, so that nobody takes them for more
_AT_ONCE = 200
_PATIENCE = 0.6  # seconds for what is one hop away


def sent_by_host(address: Prefix) -> int:
    """Send an empty datagram of this host's; return the error number, 0 where it was sent."""
    family = socket.AF_INET if address.family == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        if address.family == 4:
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        else:
            sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        try:
            sender.sendto(b"", (_bare(address), _DISCARD))
        except OSError as error:
            return error.errno or 0
    return 0


def require() -> None:
    """Raise UnreachableError, with the reason, where no probe can be sent."""
    if os.geteuid() != 0:
        raise UnreachableError(NOT_ROOT)
    _scapy()


def probes(addresses: Sequence[Prefix]) -> Iterator[tuple[Prefix, Heard | None]]:
    """Send a probe to each address from this host, a client; yield what came back to each.

    Raises:
        UnreachableError: scapy is missing, or the kernel does not permit it.
    """
    scapy = _scapy()
    for start in range(0, len(addresses), _AT_ONCE):
        batch = addresses[start : start + _AT_ONCE]
        packets = [_probe(scapy, address, number) for number, address in enumerate(batch)]
        try:
            answered, _ = scapy.sr(packets, timeout=_PATIENCE, verbose=0)
        except OSError as error:
            raise UnreachableError(f"no probe can be sent: {error.strerror or error}") from None
        heard = {sent.dport - _TRACED: _heard(scapy, got) for sent, got in answered}
        for number, address in enumerate(batch):
            yield address, heard.get(number)


def _scapy() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its ciphers, which are not used
            import scapy.all as scapy  # noqa: PLC0415 - optional, and a second
    except ModuleNotFoundError:
        raise UnreachableError(MISSING) from None
    return scapy


def _probe(scapy: Any, address: Prefix, number: int) -> Any:
    udp = scapy.UDP(sport=_TRACED, dport=_TRACED + number)
    if address.family == 4:
        return scapy.IP(dst=_bare(address), ttl=1) / udp
    return scapy.IPv6(dst=_bare(address), hlim=1) / udp


def _heard(scapy: Any, got: Any) -> Heard:
    icmp = got.getlayer(scapy.ICMP)
    if icmp is None and got.haslayer(scapy.IPv6):
        icmp = next((each for each in (got.payload,) if "ICMPv6" in type(each).__name__), None)
    if icmp is None:
        return Heard(got.src, None)
    return Heard(got.src, (int(icmp.type), int(icmp.code)))


def _bare(prefix: Prefix) -> str:
    return str(prefix).partition("/")[0]
