"""The compiler daemon: one compile a change, a signal, or an expiry; the last good one stays.

Reads top to bottom. A refused list is reported and changes nothing; the status keeps the
cause until it is mended.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blockd.compiler import tidings
from blockd.compiler.refused import Refused
from blockd.config import Config
from blockd.errors import BlockdError, BusyError, StoreError
from blockd.policy import publish
from blockd.policy.publish import Outcome
from blockd.policy.store import Store
from blockd.service import control
from blockd.service.notify import notify, reloading
from blockd.service.watchdog import Watchdog
from blockd.watchlist import configured, needed
from blockd.watchlist.model import Issue
from blockd.watchlist.watch import ListWatch

LOOK = 10.0
"""Seconds between looks at the clock and at directories that were missing.

The clock may jump, so expiry is not a timer of days; it is compared again and again.
"""

PROBED = 1.0
"""Seconds between looks while something is refused: somebody may confirm it by the command line."""

log = logging.getLogger(__name__)


async def run(
    config: Config, store: Store, socket_path: Path, reload: Callable[[], Config]
) -> None:
    """Compile whenever it is due, until SIGTERM or SIGINT.

    Args:
        config: names the lists and limits.
        store: where generations go; this process is its writer.
        socket_path: the control socket to serve.
        reload: reads the configuration again, on SIGHUP.

    Raises:
        StoreError: the state directory or the control socket cannot be made.
    """
    await CompilerDaemon(config, store, reload).run(socket_path)


class CompilerDaemon:
    """What the compiler process holds."""

    def __init__(self, config: Config, store: Store, reload: Callable[[], Config]) -> None:
        """Take the parts; nothing is opened before `run`."""
        self._config = config
        self._store = store
        self._reload = reload
        self._refused = Refused()
        self._misconfigured = ""
        self._outcome: Outcome | None = None
        self._seen: int | None = None
        self._whole = False
        self._busy = False
        self._stop = asyncio.Event()
        self._wake = asyncio.Event()
        self._hangup = False
        self._watchdog = Watchdog()

    async def run(self, socket_path: Path) -> None:
        """See `run` of this module."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        # A state directory that cannot be written is a start-up error; one in use is none.
        with contextlib.suppress(BusyError), self._store.lock(wait=False):
            pass
        server = await control.serve(socket_path, self.status)
        try:
            with self._watchdog:
                while not self._stop.is_set():
                    await self._watch()
        finally:
            notify("STOPPING=1")
            server.close()

    async def _watch(self) -> None:
        """Compile, then again on every event, until the end or a new configuration."""
        paths = [*configured.watched(self._config), *needed.files(self._config)]
        with ListWatch(paths) as lists:
            await self._compile()
            notify("READY=1", f"STATUS={self._summary()}")
            changed = asyncio.create_task(lists.changed())
            woken = asyncio.create_task(self._wake.wait())
            try:
                while True:
                    await asyncio.wait(
                        (changed, woken),
                        timeout=min(PROBED, LOOK) if self._refused.problem else LOOK,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if woken.done():
                        self._wake.clear()
                        if self._stop.is_set():
                            return
                        if self._hangup:
                            self._hangup = False
                            self._reconfigure()
                            return
                    if changed.done():
                        changed.result()
                        changed = asyncio.create_task(lists.changed())
                        lists.renew()
                        await self._compile()
                    elif lists.renew() or self._is_due():
                        await self._compile()
                    notify(f"STATUS={self._summary()}")
            finally:
                for task in (changed, woken):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task

    async def _compile(self) -> None:
        now = datetime.now(UTC)
        self._busy = False
        try:
            with self._watchdog.working():
                outcome = await asyncio.to_thread(
                    publish.publish, self._store, self._config, now, told=self._watchdog.told
                )
        except BusyError as error:
            self._busy = True
            if not self._stop.is_set():
                self._refuse(error, ())
            return
        except BlockdError as error:
            self._refuse(error, getattr(error, "issues", ()))
            await self._expire(now)
            return
        except Exception as error:
            # A fault of ours must not end the only process that applies changes and expiries.
            log.exception(
                "nothing changed: an error that blockd did not expect", extra=self._in_force()
            )
            self._refuse(StoreError(f"an error that blockd did not expect: {error!r}"), ())
            await self._expire(now)
            return
        if self._refused.accept(outcome.issues, outcome.more_issues, datetime.now(UTC)):
            log.info("mended: the lists are accepted again", extra={"generation": outcome.number})
        self._outcome = outcome
        self._seen = outcome.number
        if outcome.committed:
            tidings.issues(outcome.issues, logging.WARNING, outcome.more_issues)
            tidings.committed(outcome)
            if outcome.whole and not self._whole:
                tidings.whole(outcome.number, outcome.whole)
            self._whole = bool(outcome.whole)

    def _refuse(self, error: BlockdError, issues: Sequence[Issue]) -> None:
        self._seen = self._store.current()
        if self._refused.refuse(error, issues, datetime.now(UTC)):
            tidings.issues(issues, logging.ERROR)
            log.error("nothing changed: %s", error, extra=self._in_force())

    async def _expire(self, now: datetime) -> None:
        """No entry stays in force past its date because a file is broken."""
        try:
            with self._watchdog.working():
                outcome = await asyncio.to_thread(
                    publish.expire, self._store, now, self._watchdog.told
                )
        except StoreError as error:
            log.error(  # noqa: TRY400 - a sentence
                "expired entries stay in force: %s", error, extra=self._in_force()
            )
            return
        except Exception:
            log.exception(
                "expired entries stay in force: an error that blockd did not expect",
                extra=self._in_force(),
            )
            return
        if outcome is not None:
            self._outcome = outcome
            self._seen = outcome.number
            log.info(
                "generation %d: entries past their day were removed",
                outcome.number,
                extra={"generation": outcome.number},
            )

    def _expiry_is_due(self) -> bool:
        number = self._store.current()
        if number is None:
            return False
        try:
            return bool(publish.dated(self._store.record(number), datetime.now(UTC).date()))
        except StoreError:
            return False

    def _is_due(self) -> bool:
        """Tell whether to compile although no list has changed."""
        return self._busy or self._expiry_is_due() or self._is_overtaken()

    def _is_overtaken(self) -> bool:
        """Tell whether the command line committed, so that what is refused may be in force now."""
        return bool(self._refused.problem) and self._store.current() != self._seen

    def _reconfigure(self) -> None:
        reloading()
        try:
            self._config = self._reload()
        except BlockdError as error:
            self._misconfigured = str(error)
            log.error(  # noqa: TRY400 - a sentence
                "nothing changed: %s", error, extra=self._in_force()
            )
        else:
            self._misconfigured = ""

    def _hang_up(self) -> None:
        self._hangup = True
        self._wake.set()

    def _end(self) -> None:
        self._stop.set()
        self._store.stop_waiting()
        self._wake.set()

    def _in_force(self) -> dict[str, int | None]:
        """Return what a message carries that is about the generation that stays in force."""
        return {"generation": self._store.current()}

    def _summary(self) -> str:
        number = self._store.current()
        state = f"generation {number}" if number else "no generation yet"
        problem = self._refused.problem or self._misconfigured
        return f"{state}; refused: {problem}" if problem else state

    def status(self) -> dict[str, Any]:
        """Return the status that the control socket gives."""
        return {
            "plane": "compiler",
            "ready": True,
            "generation": self._store.current(),
            "problem": self._refused.problem or self._misconfigured,
            **self._refused.status(),
            "held": self._outcome is not None and self._outcome.held,
            "paths": list(self._config.list.places),
        }
