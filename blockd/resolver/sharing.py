"""An event loop for sockets that several processes read: what comes wakes one of them.

Without this every worker would wake for every datagram, and all but one for nothing. The
kernel wakes one (EPOLLEXCLUSIVE, epoll_ctl(2)) of those that wait in the very epoll that holds
the socket; an epoll within the loop's own would not do, since nobody waits in it.

A process that is killed between being woken and reading leaves what came to whoever is woken
next, or looks without being woken.
"""

import asyncio
import os
import select
import selectors
import socket
from collections.abc import Iterable
from typing import Any


def shared_loop(sockets: Iterable[socket.socket]) -> asyncio.AbstractEventLoop:
    """Return a new event loop that shares these sockets with other processes' loops.

    For `asyncio.Runner(loop_factory=...)`, in the process that will run it.
    """
    return asyncio.SelectorEventLoop(_SharingSelector(sock.fileno() for sock in sockets))


class _SharingSelector(selectors.EpollSelector):
    def __init__(self, shared: Iterable[int]) -> None:
        super().__init__()
        self._shared = frozenset(shared)
        # The same epoll by a descriptor of our own: what it holds is set here where the
        # standard library has no word for it.
        self._epoll = select.epoll.fromfd(os.dup(self.fileno()))

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        if key.fd in self._shared:
            # The flag can be given only when a descriptor is added.
            self._epoll.unregister(key.fd)
            self._epoll.register(key.fd, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        return key

    def close(self) -> None:
        self._epoll.close()
        super().close()
