"""Which addresses that the configuration listens on this host does not have, and what to do.

Sockets are bound with IP_FREEBIND (`sockets`), so that a daemon can start before its address is
there; a slip of the pen would pass as well, and nobody be answered. Nothing stays bound here.
"""

import errno
import socket
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from blockd.config import Config, Endpoint

_NEVER = {socket.AF_INET: "0.0.0.1", socket.AF_INET6: "100::1"}
"""Addresses that no host has: RFC 1122 3.2.1.3, RFC 6666."""


class Lack(NamedTuple):
    """An address that is not there."""

    what: str
    remedy: str


def lacks(config: Config) -> list[Lack]:
    """Return every address that is configured to be listened on and is not there."""
    resolver, notice = config.resolver, config.notice
    return [
        *lacking((*resolver.listen, *resolver.listen_tls), "[resolver] listen"),
        *lacking(notice.listen, "[notice] listen"),
    ]


def lacking(endpoints: Iterable[Endpoint], key: str) -> Iterator[Lack]:
    """Yield those of the addresses, each once, that this host does not have.

    Args:
        endpoints: where to listen.
        key: where the configuration names them.
    """
    for address in dict.fromkeys(each.address for each in endpoints):
        if not _is_there(address):
            width = 128 if ":" in address else 32
            yield Lack(
                f"{address} in {key} is no address of this host, so nobody reaches blockd there",
                f"`ip -br address` shows what it has: change {key}, or add it, as by"
                f" `ip address add {address}/{width} dev lo`; once it is there it is answered on,"
                " without a restart",
            )


def is_here(address: str) -> bool:
    """Tell whether this host has an address now; False where that is not to be known."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if not _binds(family, address):
        return False
    if not _binds(family, _NEVER[family]):
        return True
    # With net.ipv4.ip_nonlocal_bind every address can be bound. But what is sent to an address
    # of this host comes from it; secondary ones of IPv4, where that is not so, pass unknown.
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))  # nothing is sent
            return bool(sock.getsockname()[0] == address)
    except OSError:
        return False


def _binds(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


def _is_there(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError as error:
        # Of IPv6 that is switched off `doctor` speaks by itself.
        return error.errno != errno.EADDRNOTAVAIL or address == "::"
    return True
