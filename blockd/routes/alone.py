"""One route daemon a table: two would undo each other's work, and each other's withdrawal.

Held by an abstract Unix socket (unix(7)): such names belong to the network namespace, as the
table does, and go with their process. Nothing else belongs here.
"""

import contextlib
import os
import socket
import struct

from blockd.errors import KernelError

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
            holder = _holder(name)
            # Any local user can take a name; only root, or our own user, may stop us by it.
            if holder in {0, os.geteuid()}:
                self._socket.close()
                raise KernelError(
                    f"another blockd keeps table {table} here: stop it (`systemctl stop"
                    " blockd-routes`, or end its `blockd up`), or set [routes] enabled = false"
                ) from None

    def close(self) -> None:
        """Give it up."""
        self._socket.close()


def _holder(name: str) -> int | None:
    """Return the user id of who listens on a name; None where nobody does."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client,
    ):
        client.connect(name)
        credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(credentials)[1])
    return None
