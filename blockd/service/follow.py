"""Follows the store's current generation: notices another, opens it, swaps it in, closes the last.

For the daemons that ask one generation at a time. What is adopted is checked in a thread, since a
large file's digest must not hold up whoever asks; what changes with it is the daemon's business.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from blockd.errors import BlockdError, StoreError
from blockd.policy.reader import Policy
from blockd.policy.store import Store

PAUSE = 0.001
"""Seconds of rest for each half megabyte that is checked, since queries are answered beside it."""

RETRY = 10.0
"""Seconds until what could not be opened is tried again: by then a file descriptor may be free,
and a damaged file costs no more than its digest once in so long."""

log = logging.getLogger(__name__)


def _alone(_policy: Policy) -> None:
    """Have nobody else use the generation: it is asked for here."""


class Follower:
    """The newest good generation, held open; LMDB opens no file twice."""

    def __init__(
        self,
        store: Store,
        use: Callable[[Policy], None] = _alone,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing yet.

        Args:
            store: needs read access only.
            use: called with each generation that is adopted; when it returns, nobody may use the
                one before any more, which is closed.
            clock: seconds, for the pause before another attempt.
        """
        self._store = store
        self._current = str(store.state / "current")
        self._use = use
        self._clock = clock
        self._link = ""
        self._failed = ""
        self._again = 0.0
        self._adopting: asyncio.Task[None] | None = None
        self.policy: Policy | None = None
        """The generation that is held; None before the first."""
        self.problem = ""
        """Why the newest generation is not the one that is held."""

    def first(self) -> None:
        """Adopt the newest good generation at once, before any `look`.

        Raises:
            NoPolicyError: there is none yet.
            StoreError: there are some, and none of them is whole.
        """
        link = self._read()
        policy, newest = self._open(None)
        if policy is not None:
            self._adopt(policy)
        if self._reached(newest):  # else the next look says why it is an earlier one
            self._link = link

    def look(self) -> None:
        """Look for another generation (one readlink), and begin to adopt it."""
        link = self._read()
        if link == self._link or self._adopting is not None:
            return
        if link != self._failed or self._clock() >= self._again:
            self._adopting = asyncio.create_task(self._follow(link))

    async def newest(self) -> Policy | None:
        """Look, and return the generation in force, once it is adopted; None before the first."""
        self.look()
        if self._adopting is not None:
            # Whoever asks right after a change is told what holds now. Others wait for it too.
            await asyncio.shield(self._adopting)
        return self.policy

    async def close(self) -> None:
        """Unmap the generation."""
        if self._adopting is not None:
            await asyncio.wait([self._adopting])  # whatever comes of it
        if self.policy is not None:
            self.policy.close()

    def _read(self) -> str:
        try:
            return os.readlink(self._current)  # noqa: PTH115 - before every batch: no Path is made
        except OSError:
            return self._link

    async def _follow(self, link: str) -> None:
        held = self.policy.number if self.policy is not None else None
        # Whatever goes wrong may be over later, so the link counts as followed after success alone.
        again, self._failed = link == self._failed, link
        try:
            policy, newest = await asyncio.to_thread(self._open, held, PAUSE)
            if policy is not None:
                self._adopt(policy)
                log.info(
                    "adopted generation %d: %d names", policy.number, len(policy),
                    extra={"generation": policy.number},
                )  # fmt: skip
            # Else two came in a row, and the later one was adopted in place of the first.
            if not self._reached(newest):
                raise StoreError("the new generation is damaged; keeping the one in force")
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

    def _open(self, held: int | None, pause: float = 0.0) -> tuple[Policy | None, int]:
        """Open what is newer than the held one; returns it, and which one it had to be."""
        newest = self._store.current() or 0
        return self._store.open_after(held, pause), newest

    def _reached(self, newest: int) -> bool:
        return self.policy is not None and self.policy.number >= newest

    def _adopt(self, policy: Policy) -> None:
        self._use(policy)
        before, self.policy = self.policy, policy
        if before is not None:
            before.close()
