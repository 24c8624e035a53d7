"""The route daemon: follows the current generation, the kernel's notices, a timer and signals.

It composes and waits; one step is `plane`, what is to do `plan`, doing it `reconcile`. After
start-up nothing but a signal ends it, and it leaves its routes in force when it ends.
"""

import asyncio
import contextlib
import gc
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
from blockd.routes.events import News
from blockd.routes.listening import EVERYTHING, Listening
from blockd.routes.plane import Plane
from blockd.service import control
from blockd.service.notify import notify, reloading
from blockd.service.watchdog import Watchdog

PERIOD = 30.0
"""Seconds between scans that nothing asked for, since notices can get lost."""

COLLECT = (200_000, 20, 100)
"""Thresholds of the cyclic collector. A hundred thousand routes are many objects and no cycles,
and at its defaults a scan would pay for looking through them."""

_RETRY = 1.0  # seconds until the next attempt after the kernel failed
_APPEARS = Mask.MOVED_TO | Mask.CREATE
_ENDS = Mask.DELETE_SELF | Mask.MOVE_SELF
# A directory below which a socket is bound says nothing of its end while the socket is open, and
# the control socket is one: its parent tells.
_GOES = _ENDS | Mask.DELETE | Mask.MOVED_FROM
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
    gc.set_threshold(*COLLECT)
    loop = asyncio.get_running_loop()
    plane = Plane(config, store, netns)
    wake, stop, hung_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
    _on_signals(wake, stop, hung_up)
    listening = Listening(plane, wake)
    watching = asyncio.create_task(_watch(store.state, wake.set))
    server = None
    alone = contextlib.ExitStack()
    try:
        # Both tables are ours: neither may be another's.
        for table in (config.routes.table, config.routes.table + 1):
            held = alone.enter_context(contextlib.closing(Alone(table, netns)))
            loop.add_reader(held, held.turn_away)
            alone.callback(loop.remove_reader, held)
        plane.open()
        plane.require_permission()
        listening.start()
        await asyncio.to_thread(plane.follow, EVERYTHING)
        listening.narrow()
        server = await control.serve(socket, plane.status)
        watchdog = alone.enter_context(Watchdog())
        said, ready = _announce(plane, "", ready=False)
        ended = time.monotonic()
        while True:
            news = await listening.next(PERIOD, plane.postponed)
            if stop.is_set():
                return
            started = time.monotonic()
            if hung_up.is_set():
                hung_up.clear()
                news, ready = news + EVERYTHING, False
                reloading()
                plane.reread(reload or (lambda: config))
            with watchdog.working():
                await _step(plane, listening, news, stop)
            said, ready = _announce(plane, said, ready=ready)
            # A storm of changes gets at most half of a core; after a rest, one is mended at once.
            rested, worked = started - ended, time.monotonic() - started
            await _pause(stop, min(worked - rested, 1.0))
            ended = time.monotonic()
    finally:
        notify("STOPPING=1")
        watching.cancel()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
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


async def _step(plane: Plane, listening: Listening, news: News, stop: asyncio.Event) -> None:
    """Make one pass; what goes wrong is told, and tried again."""
    renewed = listening.lost
    try:
        if renewed:
            listening.renew()
            news = EVERYTHING
        await asyncio.to_thread(plane.follow, news)
        listening.narrow()
    except (KernelError, OSError) as error:
        plane.note("kernel", str(error))
        listening.stop()
        if renewed:  # sockets die, and are made anew at once; it was not that
            await _pause(stop, _RETRY)
    except BlockdError as error:
        plane.note("list", f"{error}")
        listening.again(EVERYTHING)


def _announce(plane: Plane, said: str, *, ready: bool) -> tuple[str, bool]:
    """Tell systemd how it stands, where that is new, and READY=1 once after a start or reload.

    Returns what it was told: what a busy manager does not take is told after the next pass.
    """
    summary = plane.summary
    if summary != said and notify(f"STATUS={summary}"):
        said = summary
    if plane.ready and not ready:
        notify("READY=1")
    return said, plane.ready


def _forget(socket: Path) -> None:
    socket.unlink(missing_ok=True)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    if seconds <= 0:
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _watch(state: Path, changed: Callable[[], None]) -> None:
    """Call back whenever the name `current` is replaced in the state directory.

    Where that is not there yet, its nearest ancestor tells when there is more of the path.
    """
    while True:
        place = _nearest(state)
        try:
            with Inotify() as notices:
                # First, since `/` is its own parent: the second call's mask is then what counts.
                with contextlib.suppress(PermissionError):
                    notices.add_watch(place.parent, _GOES)
                within = notices.add_watch(place, _APPEARS | _GOES)
                if place != _nearest(state):
                    continue  # it came in between
                changed()  # whatever happened before the watches stood
                async for notice in notices:
                    if notice.watch is within and notice.mask & _APPEARS:
                        if place != state:
                            break
                        if str(notice.name) == "current":
                            changed()
                    elif notice.mask & _ENDS or str(notice.name) == place.name:
                        break
        except OSError:
            await asyncio.sleep(1)  # no more watches to be had; the timer's passes look as well


def _nearest(state: Path) -> Path:
    return next(each for each in (state, *state.absolute().parents) if each.is_dir())
