"""Listening sockets: inherited from systemd (sd_listen_fds(3)), or bound here.

Inherited ones win. Errors say which address, why, and what to do about it.
"""

import contextlib
import errno
import logging
import os
import socket
from collections.abc import Sequence
from typing import NamedTuple

from blockd.config import Endpoint
from blockd.errors import ConfigError
from blockd.service.addresses import lacking

log = logging.getLogger("blockd.sockets")

_FIRST = 3  # SD_LISTEN_FDS_START
BACKLOG = 1024
RECEIVE_BUFFER = 8 << 20
"""Octets asked for: a second of 10,000 queries, each of which costs some 768 in the kernel."""

_OVER = {socket.SOCK_DGRAM: "UDP", socket.SOCK_STREAM: "TCP"}

_IP_FREEBIND = 15  # linux/in.h; IPv6 has its own number
_IPV6_FREEBIND = 78  # linux/in6.h


class Listening(NamedTuple):
    """Bound sockets, by what is spoken on them."""

    udp: list[socket.socket]
    tcp: list[socket.socket]
    tls: list[socket.socket]

    def all(self) -> list[socket.socket]:
        """Return every socket."""
        return [*self.udp, *self.tcp, *self.tls]


def listening(endpoints: Sequence[Endpoint], secure: Sequence[Endpoint] = ()) -> Listening:
    """Return a UDP and a TCP socket for each endpoint, and a TCP socket for each secure one.

    Raises:
        ConfigError: an address cannot be bound, or the inherited sockets are others than the
            configured ones, or lack one of UDP and TCP; both sides are named.
    """
    wanted = [(endpoint, kind) for endpoint in endpoints for kind in _OVER]
    wanted += [(endpoint, socket.SOCK_STREAM) for endpoint in secure]
    return _sorted(_opened(wanted, "[resolver] listen", "blockd-resolver.socket"), secure)


def streams(endpoints: Sequence[Endpoint], key: str, unit: str) -> list[socket.socket]:
    """Return a TCP socket for each endpoint.

    Args:
        endpoints: the addresses.
        key: where the configuration names them.
        unit: the socket unit that may pass them.

    Raises:
        ConfigError: as `listening`.
    """
    return _opened([(endpoint, socket.SOCK_STREAM) for endpoint in endpoints], key, unit)


def _opened(
    wanted: Sequence[tuple[Endpoint, socket.SocketKind]], key: str, unit: str
) -> list[socket.socket]:
    for lack in lacking((endpoint for endpoint, _ in wanted), key):
        log.warning("%s; %s", lack.what, lack.remedy)
    inherited = _inherited()
    if not inherited:
        with contextlib.ExitStack() as on_failure:
            made = [on_failure.enter_context(_bound(*each, key, unit)) for each in wanted]
            on_failure.pop_all()
        return made
    given = sorted(f"{_endpoint(sock)} over {_OVER.get(sock.type, '?')}" for sock in inherited)
    asked = sorted(f"{endpoint} over {_OVER[kind]}" for endpoint, kind in wanted)
    if given != asked:
        raise ConfigError(
            f"systemd passed sockets for {', '.join(given)}, but {key} asks for"
            f" {', '.join(asked)}; change one of them ({unit} or blockd.toml)"
        )
    return inherited


def _sorted(sockets: Sequence[socket.socket], secure: Sequence[Endpoint]) -> Listening:
    tls = {str(endpoint) for endpoint in secure}
    found = Listening([], [], [])
    for sock in sockets:
        if sock.type is socket.SOCK_DGRAM:
            found.udp.append(sock)
        else:
            (found.tls if _endpoint(sock) in tls else found.tcp).append(sock)
    return found


def _inherited() -> list[socket.socket]:
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    sockets = [socket.socket(fileno=_FIRST + number) for number in range(count)]
    for sock in sockets:
        sock.set_inheritable(False)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)  # they are for this process alone
    return sockets


def _endpoint(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return str(Endpoint(host, port))


def _bound(endpoint: Endpoint, kind: socket.SocketKind, key: str, unit: str) -> socket.socket:
    v6 = ":" in endpoint.address
    sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, kind | socket.SOCK_NONBLOCK)
    try:
        if v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # For the connections: they have it from here, and asyncio sets it only where the
            # protocol's number is known. An answer waits for no acknowledgement of another.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.bind((endpoint.address, endpoint.port))
        if kind is socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ConfigError(_why(endpoint, error, key, unit)) from None
    return sock


def _why(endpoint: Endpoint, error: OSError, key: str, unit: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{endpoint} is taken by another program: `ss -lnptu 'sport = :{endpoint.port}'` shows"
            f" which; stop it, or change {key}"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{endpoint}: ports below 1024 need CAP_NET_BIND_SERVICE; use"
            f" {unit}, or another port in {key}"
        )
    return f"{endpoint} cannot be bound: {error.strerror}; change {key}"
