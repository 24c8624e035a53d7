"""Several processes over the same sockets: forks them, keeps them, and speaks for them.

The parent serves no query. It holds no event loop, no thread and no policy, so that it can fork
at any time. What a worker does is the daemon's business.
"""

import contextlib
import gc
import logging
import os
import secrets
import select
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Self

import msgspec

from blockd.errors import StoreError, UnreachableError
from blockd.resolver.statuses import added
from blockd.resolver.worker import ERROR, SIGNALS, Worker
from blockd.service import control, watchdog
from blockd.service.notify import notify, reloading

SECRET = 16
"""Octets of the server cookies' secret, which all workers share (RFC 9018 3)."""

PATIENCE = 10.0
"""Seconds that workers get to end."""

_ASKING = 0.5  # seconds for one worker's status, and for whoever asks for the sum
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid; unix(7)

log = logging.getLogger(__name__)


def run_workers(
    count: int,
    child: Callable[[int, bytes], None],
    path: Path,
    reload: Callable[[], None] = lambda: None,
) -> int:
    """Run workers until SIGTERM or SIGINT; returns the exit status.

    To be called before there is any event loop, thread or open policy in this process; see
    `daemon.start`.

    A worker behaves as a daemon that is alone: it serves a control socket, ends on SIGTERM,
    reads its configuration again on SIGHUP, and calls `notify`; what it says there comes to the
    parent, which tells the service manager READY=1 once all workers are ready. A worker that is
    started later must not begin with an older configuration than the others have: `child` reads
    it again, and where that fails, has what `reload` kept.

    Args:
        count: how many.
        child: called in each new process with its number, from 1, and the secret of the server
            cookies; when it returns, the process ends. A BlockdError is its exit status.
        path: the control socket of the whole; see `worker_socket` for the workers' own.
        reload: called in this process on SIGHUP; raises nothing.

    Returns:
        0 after a signal; or the status of a worker that could not start at first. Later on a
        worker that ends, for whatever reason, is started again.

    Raises:
        StoreError: there is no control socket to be had.
    """
    gc.collect()
    gc.freeze()  # what is here by now stays, in memory that the workers share
    with _Parent(count, child, path, reload) as parent:
        return parent.run()


def worker_socket(path: Path, number: int) -> Path:
    """Return the control socket of one worker: `control.1` beside `control`."""
    return path.with_name(f"{path.name}.{number}")


class _Parent:
    def __init__(
        self,
        count: int,
        child: Callable[[int, bytes], None],
        path: Path,
        reload: Callable[[], None],
    ) -> None:
        self._workers = [Worker(number) for number in range(1, count + 1)]
        self._child = child
        self._path = path
        self._reload = reload
        self._secret = secrets.token_bytes(SECRET)
        self._status = 0
        self._serving = False
        """Whether all workers have been ready at once."""
        self._stopping = 0.0
        """When whoever is left is killed; 0 until the end."""
        self._said = ""
        self._complaint = ""
        self._interval = watchdog.interval()
        self._ping = 0.0
        """When systemd is to hear of this process again."""

    def __enter__(self) -> Self:
        self._server = _listen(self._path)
        self._inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # Who sends is told by the kernel, so that nobody else can speak for a worker.
        self._inbox.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._inbox.bind("")  # any free abstract name, unix(7)
        self._wake, self._waker = socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._before = [(number, signal.signal(number, _noticed)) for number in SIGNALS]
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, before in self._before:
            signal.signal(number, before)
        for sock in (self._server, self._inbox, self._wake, self._waker):
            sock.close()
        self._path.unlink(missing_ok=True)

    def run(self) -> int:
        poll = select.poll()
        calls = {
            self._wake.fileno(): self._signals,
            self._inbox.fileno(): self._told,
            self._server.fileno(): self._asked,
        }
        for descriptor in calls:
            poll.register(descriptor, select.POLLIN)
        while True:
            now = time.monotonic()
            if self._interval is not None and not self._stopping:
                self._watch(now, self._interval)
            if not self._stopping:
                self._start(now)
            elif not any(worker.pid for worker in self._workers):
                return self._status
            elif now > self._stopping:
                self._pass_on(signal.SIGKILL)
            for descriptor, _ in poll.poll(self._wait(now)):
                calls[descriptor]()

    def _start(self, now: float) -> None:
        """Start who is not running, once it is time."""
        own = (self._server, self._wake, self._waker)
        for worker in self._workers:
            if not worker.pid and now >= worker.due:
                worker.start(self._child, self._secret, self._inbox, own)

    def _watch(self, now: float, interval: float) -> None:
        """Ping systemd, and kill workers that ping no more: the others go on meanwhile."""
        if now >= self._ping:
            self._ping = now + interval / (3 if notify(watchdog.PING) else 10)
        for worker in self._workers:
            if worker.pid and now - worker.heard > interval:
                log.warning("worker %d hangs and is killed", worker.number)
                worker.heard = now  # once is enough
                worker.send(signal.SIGKILL)

    def _wait(self, now: float) -> float | None:
        """Return the milliseconds until there is something to do without being told."""
        if self._stopping:
            return 100
        due = [worker.due for worker in self._workers if not worker.pid]
        if self._interval is not None:
            due.append(self._ping)
        return max(0.0, (min(due) - now) * 1000 + 1) if due else None

    def _signals(self) -> None:
        for number in set(self._wake.recv(4096)):
            if number == signal.SIGHUP:
                self._pass_on(signal.SIGHUP)
                self._reload()
            elif number != signal.SIGCHLD and not self._stopping:
                notify("STOPPING=1")
                self._stop()
        self._told()  # what a worker said before it died comes first
        for worker in self._workers:
            status = worker.ended()
            if status is not None and not self._stopping:
                self._lost(worker, status)

    def _stop(self) -> None:
        self._stopping = time.monotonic() + PATIENCE
        self._pass_on(signal.SIGTERM)

    def _lost(self, worker: Worker, status: int) -> None:
        if status >= 0 and not self._serving:
            # It has said why it cannot run, and the others would say the same.
            self._status = status
            self._stop()
            return
        how = (
            f"by a signal ({signal.strsignal(-status)})" if status < 0 else f"with status {status}"
        )
        log.warning("worker %d ended %s; it is started again", worker.number, how)

    def _pass_on(self, number: int) -> None:
        for worker in self._workers:
            worker.send(number)

    def _told(self) -> None:
        """Hear what workers say to the service manager."""
        while True:
            try:
                message, ancillary, _, _ = self._inbox.recvmsg(
                    8192, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except BlockingIOError:
                return
            for _, kind, content in ancillary:
                if kind == socket.SCM_CREDENTIALS:
                    pid = _CREDENTIALS.unpack_from(content)[0]
                    for worker in self._workers:
                        if worker.pid == pid:
                            worker.heard = time.monotonic()
                            self._hear(worker, message.decode(errors="replace").splitlines())

    def _hear(self, worker: Worker, lines: list[str]) -> None:
        for line in lines:
            key, _, value = line.partition("=")
            if key == "STATUS" and value != self._said:
                self._said = value
                notify(f"STATUS={value}")
            elif key == "RELOADING":
                if all(each.ready for each in self._workers):
                    reloading()
                worker.ready = False
            elif key == "READY" and not worker.ready:
                worker.ready = True
                if all(each.ready for each in self._workers):
                    self._serving = True
                    self._complaint = ""
                    notify("READY=1")
            elif key == ERROR and value != self._complaint:
                self._complaint = value
                log.error("%s", value)

    def _asked(self) -> None:
        """Answer a connection to the control socket with the sum of the workers' statuses."""
        with contextlib.suppress(OSError):
            client, _ = self._server.accept()
            with client:
                client.settimeout(_ASKING)
                status = self._sum()
                if status is not None:  # else there is nobody who could answer
                    client.sendall(msgspec.json.encode(status) + b"\n")

    def _sum(self) -> dict[str, Any] | None:
        found = []
        silent = []
        for worker in self._workers:
            try:
                found.append(control.ask(worker_socket(self._path, worker.number), _ASKING))
            except UnreachableError:
                silent.append(worker.number)
        if not found:
            return None
        if silent:
            numbers = ", ".join(map(str, silent))
            found.append({"ready": False, "problem": f"no answer from worker {numbers}"})
        return {**added(found), "workers": len(self._workers)}


def _noticed(_number: int, _frame: FrameType | None) -> None:
    """The signal is in the wake-up socket; see signal.set_wakeup_fd."""


def _listen(path: Path) -> socket.socket:
    control.require_free(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        before = os.umask(0o117)  # see `control.serve`
        try:
            server.bind(str(path))
        finally:
            os.umask(before)
        server.listen()
    except OSError as error:
        server.close()
        raise StoreError(
            f"no control socket at {path}: {error.strerror or error};"
            " make the directory writable for this user or set [service] run"
        ) from None
    return server
