"""Runs the daemons as child processes of one foreground program, for `blockd up`.

They end with it, whatever ends it. What each of them does is its own business.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

from blockd.service.prctl import end_with

_STARTED = 5.0  # seconds within which a status of its own says that a daemon cannot start
_AGAIN = 1.0  # seconds before a crashed daemon is started again
_PATIENCE = 10.0  # seconds that a daemon gets to end


class Children:
    """A set of daemons; `run` returns when all of them have ended."""

    def __init__(self, arguments: Sequence[str], tell: Callable[[str], None]) -> None:
        """Start nothing yet.

        Args:
            arguments: the program's global options, the same for each.
            tell: takes a sentence for the operator.
        """
        self._command = (sys.executable, "-m", "blockd", *arguments)
        self._tell = tell
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._stop = asyncio.Event()
        self._status = 0

    async def run(self, verbs: Sequence[str]) -> int:
        """Run the verbs until a signal, or until one cannot start; return an exit status.

        SIGHUP is passed on. A daemon that was killed, or ends later on, is started again; one
        that ends at once has said why it cannot run, and ends the others.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        keepers = [asyncio.create_task(self._keep(verb)) for verb in verbs]
        await self._stop.wait()
        self._pass_on(signal.SIGTERM)
        _, late = await asyncio.wait(keepers, timeout=_PATIENCE)
        if late:
            self._pass_on(signal.SIGKILL)
            await asyncio.wait(late)
        return self._status

    async def _keep(self, verb: str) -> None:
        end = partial(end_with, os.getpid())
        while not self._stop.is_set():
            child = await asyncio.create_subprocess_exec(
                *self._command, verb, stdin=asyncio.subprocess.DEVNULL, preexec_fn=end
            )
            self._running[verb] = child
            if self._stop.is_set():  # the signal came while it was being started
                self._pass_on(signal.SIGTERM)
            started = time.monotonic()
            status = await child.wait()
            del self._running[verb]
            if self._stop.is_set():
                return
            if status == 0 or (status > 0 and time.monotonic() - started < _STARTED):
                self._status = status
                self._stop.set()
                return
            how = f"with status {status}" if status > 0 else f"by {signal.Signals(-status).name}"
            self._tell(f"`blockd {verb}` was ended {how}; it is started again")
            await asyncio.sleep(_AGAIN)

    def _pass_on(self, number: int) -> None:
        for child in self._running.values():
            with contextlib.suppress(ProcessLookupError):  # it has ended, and is not reaped yet
                child.send_signal(number)
