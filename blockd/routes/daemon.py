"""The route daemon: follows the current generation, the kernel's notices, a timer and signals.

It composes and waits; one step is `plane`, what is to do `plan`, doing it `reconcile`. After
start-up nothing but a signal ends it, and it leaves its routes in force when it ends.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path

from asyncinotify import Inotify, Mask

from blockd.config import Config
from blockd.errors import BlockdError, KernelError
from blockd.policy.store import Store
from blockd.routes.alone import Alone
from blockd.routes.events import Events, Touched
from blockd.routes.plane import Plane
from blockd.service import control
from blockd.service.notify import notify, reloading

PERIOD = 30.0
"""Seconds between scans that nothing asked for, since notices can get lost."""

_RETRY = 1.0  # seconds until the next attempt after the kernel failed
_ALL = Touched.ROUTES | Touched.RULES | Touched.HOST
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_log = logging.getLogger("blockd.routes")


async def run(
    config: Config,
    store: Store,
    socket: Path,
    reload: Callable[[], Config] | None = None,
    netns: str | None = None,
) -> None:
    """Enforce the current generation, and each that follows, until SIGTERM or SIGINT.

    Args:
        config: the whole configuration.
        store: where generations appear.
        socket: where the control socket is made.
        reload: reads the configuration anew, on SIGHUP.
        netns: a network namespace by name; None: this one.

    Raises:
        KernelError: at start alone: routes cannot be changed here, or another blockd does.
        StoreError, GuardError: at start alone: the store, its generation or the control
            socket cannot be used.
    """
    alone = Alone(config.routes.table, netns)
    plane = Plane(config, store, netns)
    wake, stop, hung_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
    _on_signals(wake, stop, hung_up)
    listening = _Listening(plane, wake)
    watching = asyncio.create_task(_watch(store.state, wake.set))
    server = None
    try:
        plane.open()
        plane.require_permission()
        listening.start()
        await asyncio.to_thread(plane.follow, _ALL)
        server = await control.serve(socket, plane.status)
        ready = _announce(plane, ready=False)
        while True:
            touched = await listening.next(PERIOD)
            if stop.is_set():
                return
            started = time.monotonic()
            if hung_up.is_set():
                hung_up.clear()
                touched, ready = _ALL, False
                reloading()
                plane.reread(reload or (lambda: config))
            await _step(plane, listening, touched, stop)
            ready = _announce(plane, ready=ready)
            # A storm of changes gets at most half of a core; a single one is mended at once.
            await _pause(stop, min(time.monotonic() - started, 1.0))
    finally:
        notify("STOPPING=1")
        watching.cancel()
        for number in _SIGNALS:
            asyncio.get_running_loop().remove_signal_handler(number)
        if server is not None:
            server.close()
            _forget(socket)
        listening.stop()
        plane.close()
        alone.close()


def _on_signals(wake: asyncio.Event, stop: asyncio.Event, hung_up: asyncio.Event) -> None:
    def raise_flag(flag: asyncio.Event) -> None:
        flag.set()
        wake.set()

    for number in _SIGNALS:
        flag = hung_up if number is signal.SIGHUP else stop
        asyncio.get_running_loop().add_signal_handler(number, raise_flag, flag)


async def _step(
    plane: Plane, listening: "_Listening", touched: Touched, stop: asyncio.Event
) -> None:
    """Make one pass; what goes wrong is told, and tried again later."""
    try:
        if listening.lost:
            listening.renew()
            touched = _ALL
        await asyncio.to_thread(plane.follow, touched)
    except (KernelError, OSError) as error:
        plane.note("kernel", str(error))
        listening.stop()
        await _pause(stop, _RETRY)
    except BlockdError as error:
        plane.note("list", f"{error}")
        listening.again(_ALL)


def _announce(plane: Plane, *, ready: bool) -> bool:
    """Tell systemd how it stands, and READY=1 once after a start or reload; return if told."""
    notify(f"STATUS={plane.summary}")
    if plane.ready and not ready:
        notify("READY=1")
    return plane.ready


def _forget(socket: Path) -> None:
    socket.unlink(missing_ok=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _watch(state: Path, changed: Callable[[], None]) -> None:
    """Call back whenever the name `current` is replaced in the state directory."""
    while True:
        try:
            with Inotify() as notices:
                notices.add_watch(state, Mask.MOVED_TO | Mask.CREATE | Mask.ONLYDIR)
                changed()  # whatever happened before the watch stood
                async for notice in notices:
                    if str(notice.name) == "current":
                        changed()
        except OSError:
            await asyncio.sleep(1)  # not there yet; the timer's passes look as well


class _Listening:
    """The subscription to the kernel's notices; lost when they overflow, until it is renewed."""

    def __init__(self, plane: Plane, wake: asyncio.Event) -> None:
        self._plane = plane
        self._wake = wake
        self._events: Events | None = None
        self._touched = Touched.NOTHING

    @property
    def lost(self) -> bool:
        """Whether nothing is heard at present."""
        return self._events is None

    def start(self) -> None:
        """Subscribe."""
        self._events = self._plane.events()
        asyncio.get_running_loop().add_reader(self._events.fileno(), self._read)

    def stop(self) -> None:
        """Unsubscribe, and have the next pass made at once."""
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events.fileno())
            self._events.close()
            self._events = None
        self.again(_ALL)

    def renew(self) -> None:
        """Open both sockets anew; raises KernelError if that fails."""
        self.stop()
        self._plane.open()
        self.start()

    def again(self, touched: Touched) -> None:
        """Have a pass made soon."""
        self._touched |= touched
        self._wake.set()

    def _read(self) -> None:
        try:
            touched = self._events.read() if self._events else Touched.NOTHING
        except KernelError as error:
            _log.warning("%s", error)
            self.stop()
            return
        if touched:
            self.again(touched)

    async def next(self, patience: float) -> Touched:
        """Return what was touched, once something is or the patience of seconds is over."""
        try:
            await asyncio.wait_for(self._wake.wait(), patience)
        except TimeoutError:
            self._touched = _ALL
        self._wake.clear()
        touched, self._touched = self._touched, Touched.NOTHING
        return touched
