"""The generation in force, held open: each request is judged by the newest good one.

What is adopted is checked in a thread, since a large file's digest must not hold up others.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from blockd.errors import NoPolicyError, StoreError
from blockd.policy.reader import Policy
from blockd.policy.store import Store

RETRY = 10.0
"""Seconds until what could not be opened is tried again: by then a file descriptor may be free,
and a damaged file costs no more than its digest once in so long."""

log = logging.getLogger(__name__)


class Held:
    """One open generation; LMDB opens no file twice."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        """Open nothing yet; read access is all that is needed, and a clock for a pause."""
        self._store = store
        self._current = str(store.state / "current")
        self._clock = clock
        self._link = ""
        self._failed = ""
        self._again = 0.0
        self._adopting: asyncio.Task[None] | None = None
        self.policy: Policy | None = None
        self.problem = ""
        """Why the newest generation is not the one that is held."""

    async def newest(self) -> Policy | None:
        """Return the generation in force; None before the first. One readlink where it stays."""
        try:
            link = os.readlink(self._current)  # noqa: PTH115 - asked for every request: no Path is made
        except OSError:
            link = self._link
        is_due = link != self._failed or self._clock() >= self._again
        if link != self._link and self._adopting is None and is_due:
            self._adopting = asyncio.create_task(self._adopt(link))
        if self._adopting is not None:
            # Whoever asks right after a change is told what holds now. Others wait for it too.
            await asyncio.shield(self._adopting)
        return self.policy

    async def close(self) -> None:
        """Unmap the generation."""
        if self._adopting is not None:
            await self._adopting
        if self.policy is not None:
            self.policy.close()

    async def _adopt(self, link: str) -> None:
        held = self.policy.number if self.policy is not None else None
        # Whatever goes wrong may be over later, so the link counts as followed after success alone.
        again, self._failed = link == self._failed, link
        try:
            policy = await asyncio.to_thread(self._open, held)
        except NoPolicyError:
            pass
        except StoreError as error:
            if not again or str(error) != self.problem:
                log.error("nothing changed: %s", error)  # noqa: TRY400 - a sentence, not a traceback
            self.problem = str(error)
        else:
            self._link, self._failed, self.problem = link, "", ""
            if policy is not None:
                before, self.policy = self.policy, policy
                if before is not None:
                    before.close()
                log.info(
                    "adopted generation %d: %d names", policy.number, len(policy),
                    extra={"generation": policy.number},
                )  # fmt: skip
        finally:
            self._again = self._clock() + RETRY
            self._adopting = None

    def _open(self, held: int | None) -> Policy | None:
        policy = self._store.open_after(held)
        if policy is None and self._store.current() != held:
            raise StoreError("the new generation is damaged; keeping the one in force")
        return policy
