"""One worker: its process, from the fork to its end, and what its parent knows of it.

When workers are started, and what becomes of one that ended, is `workers`' business.
"""

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from blockd.errors import BlockdError
from blockd.service import watchdog
from blockd.service.notify import notify
from blockd.service.prctl import end_with

AGAIN, LONGEST_AGAIN = 0.2, 10.0
"""Seconds until a worker that died is started again; doubled while it does not live long."""

LIVED = 10.0
"""Seconds after which a worker's life was long enough to begin anew with the shortest time."""

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
"""What the parent listens to."""

ERROR = "X_ERROR"
"""The assignment by which a worker says why it cannot run; see `notify`."""


class Worker:
    """One place for a worker, and the process that has it."""

    def __init__(self, number: int) -> None:
        """Start nothing yet."""
        self.number = number
        self.pid = 0
        """0 while there is none."""
        self.ready = False
        self.due = 0.0
        """When it is to be started again."""
        self.heard = 0.0
        """When it was started, or last said something."""
        self._started = 0.0
        self._again = AGAIN

    def start(
        self,
        child: Callable[[int, bytes], None],
        secret: bytes,
        inbox: socket.socket,
        others: Sequence[socket.socket],
    ) -> None:
        """Fork, and be the child in the new process; see `workers.run_workers`.

        Args:
            child: what the worker does.
            secret: of the server cookies.
            inbox: bound; where the worker's notifications go.
            others: the parent's own sockets, closed in the worker like the inbox.
        """
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # else the worker says it again
        parent = os.getpid()
        # A signal between fork and the worker's own settings must not run the parent's.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        pid = os.fork()
        if not pid:
            _become(self.number, child, secret, inbox, others, parent)
        self.pid = pid
        self.ready = False
        self._started = self.heard = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def ended(self) -> int | None:
        """Return the exit status of a process that has ended, minus the signal that ended it."""
        if not self.pid:
            return None
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        self.pid = 0
        self.ready = False
        now = time.monotonic()
        if now - self._started > LIVED:
            self._again = AGAIN
        self.due = now + self._again
        self._again = min(2 * self._again, LONGEST_AGAIN)
        return os.waitstatus_to_exitcode(status)

    def send(self, number: int) -> None:
        """Send a signal, if there is a process."""
        if self.pid:
            os.kill(self.pid, number)


def _become(
    number: int,
    child: Callable[[int, bytes], None],
    secret: bytes,
    inbox: socket.socket,
    others: Sequence[socket.socket],
    parent: int,
) -> NoReturn:
    """Be a worker, and nothing of the parent."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for each in SIGNALS:
            # Until the daemon listens, there is nothing yet that would be read again.
            ignored = each == signal.SIGHUP
            signal.signal(each, signal.SIG_IGN if ignored else signal.SIG_DFL)
        os.environ["NOTIFY_SOCKET"] = "@" + inbox.getsockname()[1:].decode()
        watchdog.adopt()
        for sock in (inbox, *others):
            sock.close()
        end_with(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        child(number, secret)
        status = 0
    except BlockdError as error:
        notify(f"{ERROR}={error}")
        status = error.exit_status
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
