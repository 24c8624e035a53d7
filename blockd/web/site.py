"""The site: reads what a page is about, and has it rendered. Knows no HTTP but statuses.

What blocks (the policy, the records) is read in threads.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from blockd.errors import FormError, NameFormError, PrefixFormError, StoreError
from blockd.hypertext.markup import e
from blockd.policy.record import Record
from blockd.policy.store import Store
from blockd.service.standing import Standing
from blockd.watchlist.model import Rule
from blockd.web.pages import frame, history, platforms, search, state
from blockd.web.ring import Ring
from blockd.web.shelf import Shelf
from blockd.web.words import Words

LONGEST = 300
"""Characters of a question that are looked at; a name has 253 at most."""

Answer = tuple[int, str]
"""An HTTP status and a document."""


class Asked(NamedTuple):
    """What a page is asked with."""

    words: Words
    text: str
    """The search field; empty: none."""
    number: int
    """Of a generation; 0: none."""


class Site:
    """The pages of one gateway."""

    def __init__(
        self, store: Store, look: Callable[[], Awaitable[Standing]], ring: Ring, shelf: Shelf
    ) -> None:
        """Take the parts.

        Args:
            store: for records.
            look: how the gateway stands at this moment.
            ring: what was answered lately.
            shelf: for what the list says.
        """
        self._store = store
        self._look = look
        self._ring = ring
        self._shelf = shelf

    async def state(self, asked: Asked) -> Answer:
        """Show how the gateway stands."""
        standing = await self._look()
        columns = self._ring.columns(time.time(), standing.of("resolver").get("outcomes"))
        return 200, state.show(asked.words, standing, columns)

    async def platforms(self, asked: Asked) -> Answer:
        """Show the platforms and exceptions in force."""
        standing = await self._look()
        rules: list[Rule] = []
        if standing.record is not None:
            try:
                rules = await asyncio.to_thread(self._shelf.rules)
            except StoreError as error:
                return self._broken(asked, "Platforms", str(error))
        resolver = standing.of("resolver")
        counted, shadowed = resolver.get("platforms", {}), resolver.get("shadowed", {})
        return 200, platforms.show(asked.words, rules, counted, shadowed, asked.text)

    async def search(self, asked: Asked) -> Answer:
        """Show what the list says of a name or address."""
        if not asked.text.strip():
            return 200, search.show(asked.words, "", None)
        try:
            found = await asyncio.to_thread(self._shelf.find, asked.text)
        except (FormError, NameFormError, PrefixFormError) as error:
            return 400, search.show(asked.words, asked.text, None, str(error))
        except StoreError as error:
            return 503, search.show(asked.words, asked.text, None, str(error))
        return 200, search.show(asked.words, asked.text, found)

    async def history(self, asked: Asked) -> Answer:
        """Show all generations."""
        records = await asyncio.to_thread(self._store.history)
        return 200, history.listed(asked.words, records, self._store.current())

    async def generation(self, asked: Asked) -> Answer:
        """Show what one generation changed."""
        record = await asyncio.to_thread(self._record, asked.number)
        if record is None:
            words = asked.words
            nothing = e("p", words("There is nothing at this address."))
            return 404, frame.page(words, words("Not found"), nothing)
        steps, problem = None, ""
        if record.number > 1:
            try:
                steps = await asyncio.to_thread(self._shelf.steps, record.number)
            except StoreError as error:
                problem = str(error)
        return 200, history.one(asked.words, record, steps, problem)

    def _record(self, number: int) -> Record | None:
        """Return a generation's record; one beyond the current was never in force."""
        if not 1 <= number <= (self._store.current() or 0):
            return None
        try:
            return self._store.record(number)
        except StoreError:
            return None

    def _broken(self, asked: Asked, title: str, problem: str) -> Answer:
        words = asked.words
        body = e("div", e("p", frame.said(problem)), class_="verdict bad", role="status")
        return 503, frame.page(words, words(title), body)
