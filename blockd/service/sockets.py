"""Listening sockets: inherited from systemd (sd_listen_fds(3)), or bound here.

Inherited ones win. Errors say which address, why, and what to do about it.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from typing import NamedTuple

from blockd.config import Endpoint
from blockd.errors import ConfigError

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
    inherited = _inherited()
    if not inherited:
        with contextlib.ExitStack() as on_failure:
            made = [on_failure.enter_context(_bound(*each)) for each in wanted]
            on_failure.pop_all()
        return _sorted(made, secure)
    given = sorted(f"{_endpoint(sock)} over {_OVER.get(sock.type, '?')}" for sock in inherited)
    asked = sorted(f"{endpoint} over {_OVER[kind]}" for endpoint, kind in wanted)
    if given != asked:
        raise ConfigError(
            f"systemd passed sockets for {', '.join(given)}, but [resolver] listen asks for"
            f" {', '.join(asked)}; change one of them (blockd-resolver.socket or blockd.toml)"
        )
    return _sorted(inherited, secure)


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


def _bound(endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
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
        raise ConfigError(_why(endpoint, error)) from None
    return sock


def _why(endpoint: Endpoint, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{endpoint} is taken by another program: `ss -lnptu 'sport = :{endpoint.port}'` shows"
            " which; stop it, or change [resolver] listen"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{endpoint}: ports below 1024 need CAP_NET_BIND_SERVICE; use"
            " blockd-resolver.socket, or another port in [resolver] listen"
        )
    return f"{endpoint} cannot be bound: {error.strerror}; change [resolver] listen"
