"""Open generations of the web process, one reader at a time: LMDB opens no file twice.

Calls block; the server makes them in threads.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from blockd import names, prefixes
from blockd.policy.reader import Policy
from blockd.policy.store import Store
from blockd.watchlist.model import Origin, Rule
from blockd.web import steps
from blockd.web.steps import Steps

T = TypeVar("T")

_REMEMBERED = 8  # differences of generations, which never change


class Found(NamedTuple):
    """What the list says of a name or address."""

    what: str
    """In canonical form."""
    unicode: str
    """The name as a person writes it; empty where that is the same."""
    entry: str
    """Empty: nothing covers it."""
    rule: Rule | None
    origin: str
    """File and line of the entry."""
    generation: int


class Shelf:
    """The current generation, held open, and others for a moment."""

    def __init__(self, store: Store) -> None:
        """Open nothing yet."""
        self._store = store
        self._held: Policy | None = None
        self._lock = threading.Lock()
        self._steps: dict[int, Steps] = {}

    def close(self) -> None:
        """Close what is open."""
        with self._lock:
            self._drop()

    def find(self, text: str) -> Found:
        """Return what decides about a name, an address or a prefix.

        Raises:
            NameFormError, PrefixFormError: the text is neither.
            StoreError: there is no generation that can be read.
        """
        text = text.strip()
        if prefixes.is_meant(text):
            prefix = prefixes.parse(text)
            return self._reading(lambda policy: _address(policy, prefix))
        wire = names.parse(text.removeprefix("=").removeprefix("*."))
        return self._reading(lambda policy: _name(policy, wire))

    def rules(self) -> list[Rule]:
        """Return the rules in force; raises StoreError."""
        return self._reading(lambda policy: policy.rules())

    def steps(self, number: int) -> Steps:
        """Return what a generation changed against the one before; raises StoreError."""
        with self._lock:
            found = self._steps.get(number)
            if found is None:
                with self._generation(number - 1) as old, self._generation(number) as new:
                    found = steps.between(old, new)
                self._steps[number] = found
                while len(self._steps) > _REMEMBERED:
                    del self._steps[next(iter(self._steps))]
            return found

    def _reading(self, read: Callable[[Policy], T]) -> T:
        with self._lock:
            newer = self._store.open_after(self._held.number if self._held else None)
            if newer is not None:
                self._drop()
                self._held = newer
            assert self._held is not None  # noqa: S101 - `open_after` gives one or raises
            return read(self._held)

    @contextmanager
    def _generation(self, number: int) -> Iterator[Policy]:
        if self._held is not None and self._held.number == number:
            yield self._held
            return
        policy = self._store.open_generation(number)
        try:
            yield policy
        finally:
            policy.close()

    def _drop(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


def _name(policy: Policy, wire: bytes) -> Found:
    what = names.to_text(wire)
    shown = names.to_unicode(wire)
    verdict = policy.match(wire)
    if verdict is None and policy.shadow is not None:
        verdict = policy.shadow.match(wire)
    unicode = shown if shown != what else ""
    if verdict is None:
        return Found(what, unicode, "", None, "", policy.number)
    origin = str(Origin(verdict.rule.source, verdict.line))
    entry = names.to_text(verdict.matched)
    return Found(what, unicode, entry, verdict.rule, origin, policy.number)


def _address(policy: Policy, prefix: prefixes.Prefix) -> Found:
    what = str(prefix).removesuffix("/32" if prefix.family == 4 else "/128")
    entry = policy.match_prefix(prefix)
    if entry is None and policy.shadow is not None:
        entry = policy.shadow.match_prefix(prefix)
    if entry is None:
        return Found(what, "", "", None, "", policy.number)
    origin = str(Origin(entry.rule.source, entry.line))
    return Found(what, "", str(entry.prefix), entry.rule, origin, policy.number)
