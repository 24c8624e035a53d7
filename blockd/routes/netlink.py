"""A netlink socket: opened, in a named network namespace too, and asked without giving up halfway.

The only importer of pyroute2, which opens sockets in other namespaces. Bytes go out and come
in; what they mean is `messages`, what they are for `kernel`.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Self, TypeVar

from blockd.errors import KernelError
from blockd.routes import messages

_SOL_NETLINK = 270
_EXTENDED_ACK_CAPPED, _STRICT_DUMPS = 10, 12  # NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK
_RECEIVE_FORCED = 33  # SO_RCVBUFFORCE
_PATIENCE = 10.0  # seconds; the kernel answers a batch within the call that sends it
_DUMP_ATTEMPTS = 5
# What a dump answers where there is no such table yet, or no such family or object on this host.
_NOTHING_THERE = frozenset({errno.ENOENT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP})

T = TypeVar("T")


def open_socket(netns: str | None = None, room: int = 1 << 20) -> socket.socket:
    """Return a netlink socket with room for that many octets of answers.

    Args:
        netns: a network namespace by name (which takes CAP_SYS_ADMIN); None: this one.
        room: octets; beyond what the host allows everyone only with CAP_NET_ADMIN.

    Raises:
        KernelError: there is no such namespace, or it may not be entered.
    """
    try:
        if netns is None:
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        else:
            # Importing it takes 0.14 s, which only those wait for who need it.
            from pyroute2 import netns as namespaces  # noqa: PLC0415

            opened = namespaces.create_socket(
                netns, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE, flags=0
            )
    except (OSError, TimeoutError) as error:
        place = f" in the network namespace {netns!r}" if netns else ""
        raise KernelError(f"no netlink socket{place}: {error}; look at `ip netns list`") from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCED, room)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    return opened


class Netlink:
    """A socket for requests. After a KernelError from a dead socket: close, make a new one."""

    def __init__(self, netns: str | None = None) -> None:
        """Open a socket; nothing is asked yet. The arguments are those of `open_socket`."""
        self.netns = netns
        self._sequence = 0
        self._socket = open_socket(netns)
        self._socket.setsockopt(_SOL_NETLINK, _EXTENDED_ACK_CAPPED, 1)
        self._socket.setsockopt(_SOL_NETLINK, _STRICT_DUMPS, 1)
        self._socket.bind((0, 0))
        self._socket.settimeout(_PATIENCE)
        self.port: int = self._socket.getsockname()[0]
        """Which sender the kernel names in notices about our own changes."""

    def close(self) -> None:
        """Close the socket; what was changed by it stays."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _dump(
        self,
        request: Callable[[int], bytes],
        message: int,
        parse: Callable[[bytes, int, int], T | None],
    ) -> list[T]:
        """Return what a dump consists of, as parsed; complete or a KernelError."""
        for _ in range(_DUMP_ATTEMPTS):
            sequence = self._next()
            self._send(request(sequence))
            found = self._collect(sequence, message, parse)
            if found is not None:
                return found
        raise KernelError(
            "the kernel's tables changed during each of five dumps; nothing is planned from"
            " an incomplete one, the next scan tries again"
        )

    def _collect(
        self, wanted: int, message: int, parse: Callable[[bytes, int, int], T | None]
    ) -> list[T] | None:
        # One loop for every message of a hundred thousand: no generators on the way.
        found: list[T] = []
        interrupted = 0
        unpack, header = messages.HEADER.unpack_from, messages.HEADER.size
        for data in self._datagrams():
            at, size = 0, len(data)
            while at + header <= size:
                length, kind, flags, sequence, _ = unpack(data, at)
                start, end = at + header, at + length
                if length < header or end > size:
                    break
                at += (length + 3) & ~3
                if sequence != wanted:
                    continue
                interrupted |= flags & messages.DUMP_INTERRUPTED
                if kind == message:
                    item = parse(data, start, end)
                    if item is not None:
                        found.append(item)
                    continue
                code = messages.error_of(data, start)
                if code and code not in _NOTHING_THERE:
                    raise KernelError(f"the kernel gave no dump: {os.strerror(code)}; try again")
                if kind == messages.DONE or code:
                    return None if interrupted else found
        return None  # never: datagrams come, or an error is raised

    def _errors(self, datagram: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Send requests of which the last asks for an acknowledgement; yield (sequence, errno)."""
        self._send(datagram)
        for data in self._datagrams():
            for message, _, sequence, start, _ in messages.split(data):
                if message != messages.ERROR or not first <= sequence <= last:
                    continue  # late answers to an earlier request that ran out of time
                code = messages.error_of(data, start)
                if code:
                    yield sequence, code
                if sequence == last:
                    return

    def _answers(self, wanted: int) -> Iterator[tuple[bytes, int, int, int]]:
        for data in self._datagrams():
            for message, _, sequence, start, end in messages.split(data):
                if sequence == wanted:
                    yield data, message, start, end

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except OSError as error:
            raise _dead(error) from None

    def _datagrams(self) -> Iterator[bytes]:
        while True:
            try:
                yield self._socket.recv(1 << 16)
            except OSError as error:
                raise _dead(error) from None


def _dead(error: OSError) -> KernelError:
    return KernelError(f"the netlink socket failed: {error.strerror or error}; it is opened anew")
