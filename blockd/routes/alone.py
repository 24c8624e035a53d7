"""One route daemon a table: two would undo each other's work, and each other's withdrawal.

Held by an abstract Unix socket (unix(7)): such names belong to the network namespace, as the
table does, and go with their process. Nothing else belongs here.
"""

import contextlib
import os
import socket
import struct
from pathlib import Path

from blockd.errors import KernelError

_NET_ADMIN = 12  # linux/capability.h
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): process, user, group


class Alone:
    """The right to keep a table; given up by `close`, or with the process."""

    def __init__(self, table: int, netns: str | None = None) -> None:
        """Take it.

        Args:
            table: the number of the route table.
            netns: the network namespace by name that it is in; None: this process's.

        Raises:
            KernelError: another process of blockd has it.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        name = f"\0blockd-routes-{netns or ''}-{table}"
        try:
            self._socket.bind(name)
            self._socket.listen(1)
        except OSError:
            # Any local user can take a name; only who may change routes can stop us by it.
            if _keeps_routes(name):
                self._socket.close()
                raise KernelError(
                    f"another blockd keeps table {table} here: stop it (`systemctl stop"
                    " blockd-routes`, or end its `blockd up`), or set [routes] enabled = false"
                ) from None

    def close(self) -> None:
        """Give it up."""
        self._socket.close()


def _keeps_routes(name: str) -> bool:
    """Tell whether a process that may change routes listens on a name.

    Root and our own user may; of another user's process, such as the service's when root asks,
    its capabilities tell.
    """
    with (
        contextlib.suppress(OSError, ValueError, IndexError),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client,
    ):
        client.connect(name)
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(credentials)
        if user in {0, os.geteuid()}:
            return True
        status = Path(f"/proc/{process}/status").read_text("utf-8")
        effective = int(status.split("CapEff:")[1].split()[0], 16)
        return bool(effective >> _NET_ADMIN & 1)
    return False
