"""Control sockets: each daemon answers `status` on a Unix socket with one line of JSON.

The protocol is a connection, one answer, end. Who may ask is the directory's mode. No
decisions here; what the status says is the daemon's business.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from blockd.errors import AbsentError, StoreError, UnreachableError

_MOST = 4 << 20  # octets of an answer that are read; a status is some kilobytes


async def serve(path: Path, status: Callable[[], dict[str, Any]]) -> asyncio.AbstractServer:
    """Answer every connection to the socket with the status of that moment.

    Args:
        path: where the socket is made; a stale one of a killed daemon is replaced, but never
            that of a living one, which would be out of reach from then on.
        status: called once a connection, must not block.

    Raises:
        StoreError: the socket cannot be made there, or another daemon answers on it.
    """

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(msgspec.json.encode(status()) + b"\n")
            await writer.drain()
        writer.close()

    require_free(path)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - once, at start
        # By the umask and not by chmod, which would follow whatever has taken the name since.
        before = os.umask(0o117)
        try:
            server = await asyncio.start_unix_server(answer, path)
        finally:
            os.umask(before)
    except OSError as error:
        raise StoreError(
            f"no control socket at {path}: {error.strerror or error};"
            " make the directory writable for this user or set [service] run"
        ) from None
    return server


def require_free(path: Path) -> None:
    """Raise StoreError where a daemon answers on a control socket already."""
    if _answered(path):
        raise StoreError(
            f"another daemon answers on {path}: stop it, or give this one a directory of its own"
            " with --state or [service] run"
        )


def _answered(path: Path) -> bool:
    """Tell whether something listens there; a socket of a process that has gone refuses."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as client:
        try:
            client.connect(str(path))
        except BlockingIOError:  # so many are waiting already that it must be alive
            return True
        except OSError:
            return False
    return True


def ask(path: Path, timeout: float = 1.0) -> dict[str, Any]:
    """Return the status that the daemon behind a control socket gives.

    Args:
        path: the socket.
        timeout: seconds until the daemon counts as unreachable.

    Raises:
        AbsentError: nothing listens there.
        UnreachableError: it may not be asked, or no whole answer came in time.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(timeout)
            client.connect(str(path))
            answer = b""
            while not answer.endswith(b"\n") and len(answer) < _MOST:
                piece = client.recv(65536)
                if not piece:
                    break
                answer += piece
        return msgspec.json.decode(answer, type=dict[str, Any])
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise AbsentError(f"no answer from {path}: {error.strerror}") from None
    except (OSError, msgspec.DecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise UnreachableError(f"no answer from {path}: {why}") from None
