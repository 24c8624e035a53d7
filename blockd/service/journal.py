"""journald's native protocol: each log record one datagram, with fields to search by.

See systemd.io/JOURNAL_NATIVE_PROTOCOL. What is logged is the daemons' business, and how it
looks where there is no journal that of `logs`.
"""

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

SOCKET = Path("/run/systemd/journal/socket")

FIELDS = ("generation", "platform", "source", "line")
"""What a record may carry in its `extra`; the journal has it as BLOCKD_GENERATION and so on."""

PATIENCE = 0.5
"""Seconds that messages wait for a journal whose queue is full: queries wait meanwhile."""

PERIOD = 10.0
"""Seconds after which patience that was used up is whole again; it grows back evenly.

A slow journal, which takes one message each half second, costs no more than one that takes none.
"""

_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_TOO_LARGE = frozenset({errno.EMSGSIZE, errno.ENOBUFS})


def priority(level: int) -> int:
    """Return the priority of syslog(3) for a level of `logging`."""
    return _PRIORITIES.get(level, 6)


def is_stream(descriptor: int, journal_stream: str) -> bool:
    """Tell whether a descriptor leads to the journal.

    Args:
        descriptor: of an open file.
        journal_stream: what systemd left in JOURNAL_STREAM, systemd.exec(5): `device:inode`.
            Whoever redirects the stream hands the variable on all the same, so both are compared.
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return journal_stream == f"{found.st_dev}:{found.st_ino}"


def encode(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return a message of the protocol; values may hold anything, also line breaks."""
    parts = []
    for name, value in fields:
        octets = value.encode(errors="backslashreplace")
        if b"\n" in octets:
            length = len(octets).to_bytes(8, "little")
            parts.append(b"%s\n%s%s\n" % (name.encode(), length, octets))
        else:
            parts.append(b"%s=%s\n" % (name.encode(), octets))
    return b"".join(parts)


class JournalHandler(logging.Handler):
    """Sends records to the journal; where there is none, another one of `logging` has them."""

    def __init__(self, identifier: str, otherwise: logging.Handler) -> None:
        """Open nothing yet.

        Args:
            identifier: what the journal shows as the program's name.
            otherwise: gets what the journal's socket does not take, because it is not there.
        """
        super().__init__()
        self._identifier = identifier
        self._otherwise = otherwise
        self._socket: socket.socket | None = None
        self._patience = PATIENCE
        self._waited = time.monotonic()
        """When patience was last used up, in part or whole."""
        self._lost = 0
        """Messages for which a full queue had no room, since the last one that it had."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record. A journal that does not read costs a message, and stops no daemon."""
        try:
            message = encode(self._fields(record))
        except Exception:  # noqa: BLE001 - as every handler of `logging` does
            self.handleError(record)
            return
        try:
            self._deliver(message)
        except (TimeoutError, BlockingIOError):
            self._lost += 1
        except OSError:
            self._close()
            self._otherwise.handle(record)
        else:
            lost, self._lost = self._lost, 0
            if lost:
                self.emit(_told_late(lost))
                self._lost = lost if self._lost else 0

    def _fields(self, record: logging.LogRecord) -> Iterator[tuple[str, str]]:
        yield "MESSAGE", self.format(record)
        yield "PRIORITY", str(priority(record.levelno))
        yield "SYSLOG_IDENTIFIER", self._identifier
        yield "CODE_FILE", record.pathname
        yield "CODE_LINE", str(record.lineno)
        yield "CODE_FUNC", record.funcName or ""
        for name in FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                yield f"BLOCKD_{name.upper()}", str(value)

    def _deliver(self, message: bytes) -> None:
        """Send a message, and wait for room as long as patience lasts."""
        try:
            self._send(message, 0)
        except BlockingIOError:
            # Once one was lost, no more patience is spent before there is room again.
            if self._lost:
                raise
            started = time.monotonic()
            grown = (started - self._waited) * PATIENCE / PERIOD
            self._patience = min(PATIENCE, self._patience + grown)
            try:
                self._send(message, max(0, self._patience))
            finally:
                self._waited = time.monotonic()
                self._patience -= self._waited - started

    def _send(self, message: bytes, patience: float) -> None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            # Only of a socket that is connected does poll(2) tell when its peer has room.
            self._socket.connect(str(SOCKET))
        self._socket.settimeout(patience)
        try:
            self._socket.send(message)
        except OSError as error:
            if error.errno not in _TOO_LARGE:
                raise
            _send_file(self._socket, message)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the socket."""
        self._close()
        super().close()


def _send_file(to: socket.socket, message: bytes) -> None:
    """Send what no datagram holds as a file in memory, sealed so that it can be read in peace."""
    with open(os.memfd_create("message", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING), "wb") as file:  # noqa: PTH123
        file.write(message)
        file.flush()
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
        socket.send_fds(to, [b""], [file.fileno()])


def _told_late(lost: int) -> logging.LogRecord:
    text = "%d messages are not here: the journal did not take them in time"
    return logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (lost,), None)
