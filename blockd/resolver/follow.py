"""Follows the store's current generation: notices a new one, checks it, has the engine adopt it.

What is adopted is checked in a thread, since a large file's digest must not hold up queries.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from blockd.errors import BlockdError, StoreError
from blockd.policy.reader import Policy
from blockd.policy.store import Store
from blockd.resolver.engine import Engine

RETRY = 10.0
"""Seconds until what could not be adopted is tried again: by then a file descriptor may be free,
and a damaged file costs no more than its digest once in so long."""

log = logging.getLogger(__name__)


class Follower:
    """Keeps one engine at the newest good generation."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        adopting: Callable[[], None],
        adopted: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet.

        Args:
            store: needs read access only.
            engine: judges by what is adopted.
            adopting: called before each adoption: sends what was judged by the one before.
            adopted: called after each adoption but the first.
            clock: seconds, for the pause before another attempt.
        """
        self._store = store
        self._current = str(store.state / "current")
        self._engine = engine
        self._adopting_now = adopting
        self._adopted = adopted
        self._clock = clock
        self._link = ""
        self._failed = ""
        self._again = 0.0
        self._started = False
        self._adopting: asyncio.Task[None] | None = None
        self.problem = ""
        """Why the newest generation is not the one in force."""

    def first(self) -> None:
        """Adopt the current generation; raises NoPolicyError or StoreError."""
        self._link = self._read()
        self._adopt(self._store.open())

    def begin(self) -> None:
        """From here on `look` has an effect: LMDB opens no file twice, and `first` is over."""
        self._started = True

    def look(self) -> None:
        """Look for another generation (one readlink), and begin to adopt it."""
        link = self._read()
        if link == self._link or not self._started or self._adopting is not None:
            return
        if link != self._failed or self._clock() >= self._again:
            self._adopting = asyncio.create_task(self._adopt_next(link))

    def close(self) -> None:
        """Unmap the generation."""
        if self._engine.policy is not None:
            self._engine.policy.close()

    def _read(self) -> str:
        try:
            return os.readlink(self._current)  # noqa: PTH115 - before every batch: no Path is made
        except OSError:
            return self._link

    async def _adopt_next(self, link: str) -> None:
        held = self._engine.policy.number if self._engine.policy is not None else None
        # Whatever goes wrong may be over later, so the link counts as followed after success alone.
        again, self._failed = link == self._failed, link
        try:
            policy = await asyncio.to_thread(self._store.open_after, held)
            if policy is not None:
                self._adopt(policy)
                log.info(
                    "adopted generation %d: %d names",
                    policy.number,
                    len(policy),
                    extra={"generation": policy.number},
                )
                self._adopted()
            elif self._store.current() != held:
                raise StoreError("the new generation is damaged; keeping the one in force")
            # Else two came in a row, and the later one was adopted in place of the first.
            self._link, self._failed, self.problem = link, "", ""
        except BlockdError as error:
            if not again or str(error) != self.problem:
                log.error(  # noqa: TRY400 - a sentence, not a traceback
                    "nothing changed: %s", error, extra={"generation": held}
                )
            self.problem = str(error)
        finally:
            self._again = self._clock() + RETRY
            self._adopting = None

    def _adopt(self, policy: Policy) -> None:
        self._adopting_now()
        before = self._engine.adopt(policy)
        if before is not None:
            before.close()
        self.problem = ""
