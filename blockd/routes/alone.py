"""One route daemon a table: two would undo each other's work, and each other's withdrawal.

Held by an abstract Unix socket (unix(7)): such names belong to the network namespace, as the
table does, and go with their process. Who asks for one connects to it, to learn whose it is.
Nothing else belongs here.
"""

import contextlib
import ctypes
import os
import socket
import struct
import threading
from pathlib import Path

from blockd.errors import KernelError

_NAMESPACES = Path("/run/netns")  # ip-netns(8)
_NEW_NET = 0x40000000  # CLONE_NEWNET
_NET_ADMIN = 12  # linux/capability.h
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): process, user, group
_QUEUE = 64  # who asks, until `turn_away`; without room the next ones would get no answer
_PATIENCE = struct.pack("@ll", 1, 0)  # struct timeval


class Alone:
    """The right to keep a table; given up by `close`, or with the process."""

    def __init__(self, table: int, netns: str | None = None) -> None:
        """Take it.

        Args:
            table: the number of the route table.
            netns: the network namespace by name that it is in; None: this process's.

        Raises:
            KernelError: another process of blockd has it, or there is no such namespace.
        """
        self._socket = _socket_in(netns)
        name = f"\0blockd-routes-{table}"
        try:
            self._socket.bind(name)
            self._socket.listen(_QUEUE)
        except OSError:
            # Any local user can take a name; only who may change routes can stop us by it.
            if _keeps_routes(name, netns):
                self._socket.close()
                raise KernelError(
                    f"another blockd keeps table {table} here: stop it (`systemctl stop"
                    " blockd-routes`, or end its `blockd up`), or set [routes] enabled = false"
                ) from None
            # Some name, which nobody asks for: a socket without is readable all the time.
            self._socket.bind("")
            self._socket.listen(_QUEUE)

    def fileno(self) -> int:
        """Return the descriptor that is readable while others ask for the table."""
        return self._socket.fileno()

    def turn_away(self) -> None:
        """Let go of those who asked. Each has had its answer; in the queue they would stay."""
        self._socket.settimeout(0)
        with contextlib.suppress(OSError):
            while True:
                self._socket.accept()[0].close()

    def close(self) -> None:
        """Give it up."""
        self._socket.close()


def _socket_in(netns: str | None) -> socket.socket:
    """Return a socket of a namespace, where it stays whoever uses it."""
    if netns is None:
        return _new_socket()
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def inside() -> None:
        try:
            with (_NAMESPACES / netns).open("rb") as entered:
                _enter(entered.fileno())
            made.append(_new_socket())
        except OSError as error:
            failed.append(error)

    # A namespace is a thread's: this one enters it and ends; the others stay where they are.
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    for error in failed:
        raise KernelError(
            f"no socket in the network namespace {netns!r}: {error}; look at `ip netns list`"
        )
    return made[0]


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _NEW_NET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _new_socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)


def _keeps_routes(name: str, netns: str | None) -> bool:
    """Tell whether a process that may change routes listens on a name.

    Root and our own user may; of another user's process, such as the service's when root asks,
    its capabilities tell. Those that anybody has in a user namespace of his own do not count.
    """
    with (
        contextlib.suppress(OSError, ValueError, IndexError),
        _socket_in(netns) as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _PATIENCE)
        client.connect(name)
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(credentials)
        if user in {0, os.geteuid()}:
            return True
        about = Path(f"/proc/{process}")
        effective = int((about / "status").read_text("utf-8").split("CapEff:")[1].split()[0], 16)
        same = (about / "uid_map").read_bytes() == Path("/proc/self/uid_map").read_bytes()
        return same and bool(effective >> _NET_ADMIN & 1)
    return False
