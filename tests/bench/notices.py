"""When the kernel tells of routes: a listener in a namespace, for the measurements."""

import contextlib
import socket
import time
from collections.abc import Iterator

from blockd.routes import messages
from tests.e2e.gateway import socket_in
from tests.topology import Namespace

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_GROUPS = (7, 8, 11, 19)  # RTNLGRP_IPV4_ROUTE, IPV4_RULE, IPV6_ROUTE, IPV6_RULE
_RECEIVE_FORCED = 33  # SO_RCVBUFFORCE
_ROOM = 256 << 20  # notices wait here while both processors are busy
_PATIENCE = 60.0


class Notices:
    """The notices of one change after another."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def clear(self) -> None:
        """Forget what has come."""
        self._listener.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while self._listener.recv(1 << 16):
                pass

    def until(self, message: int, count: int, silence: float = 0) -> dict[int, list[float]]:
        """Return when the first and the last notice of each type came.

        Args:
            message: the type that is counted, such as NEW_ROUTE.
            count: how many of it are waited for.
            silence: seconds without any notice that must pass then.
        """
        seen: dict[int, list[float]] = {}
        deadline = time.perf_counter() + _PATIENCE
        while True:
            self._listener.settimeout(silence if count <= 0 else 1)
            try:
                packet = self._listener.recv(1 << 16)
            except (TimeoutError, BlockingIOError):
                if count <= 0:
                    return seen
                assert time.perf_counter() < deadline, f"{count} notices never came"
                continue
            now = time.perf_counter()
            for kind, *_ in messages.split(packet):
                count -= kind == message
                seen.setdefault(kind, [now, now])[1] = now


@contextlib.contextmanager
def listening(space: Namespace) -> Iterator[Notices]:
    """Listen for routes and rules in a namespace."""
    with socket_in(space, socket.AF_NETLINK, socket.SOCK_RAW) as listener:
        listener.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCED, _ROOM)
        listener.bind((0, 0))
        for group in _GROUPS:
            listener.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        yield Notices(listener)
