"""Which of an AdBlock list's rules wins, where that is not what blockd would do by itself.

An exception takes out everything below it, however exact the other rule is, unless that one is
`$important`; `$badfilter` switches the same rule off. With blockd the longest match wins, so
what the list itself does not want to block is taken out of it here. Exceptions stay entries:
they also hold for other lists, as everywhere.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from blockd import names
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.model import NameEntry, Scope

_Key = tuple[bytes, Scope, bool]
"""A name, what it covers, and whether it is an exception."""


IMPORTANT: Mapping[str, Any] = {"reason": "$important in the list"}
"""What tells the rule of `$important` blocks apart; `important` notes exceptions, and repeated
lines."""


class Order:
    """The rules of one list that speak about others."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._important: dict[_Key, int] = {}
        self._off: dict[tuple[_Key, bool], int] = {}

    def important(self, wire: bytes, scope: Scope, *, allow: bool) -> None:
        """Note that the line being read has `$important`."""
        self._important.setdefault((wire, scope, allow), self._feed.line)

    def switch_off(self, wire: bytes, scope: Scope, *, allow: bool, important: bool) -> None:
        """Note that the line being read switches a rule off."""
        self._off.setdefault(((wire, scope, allow), important), self._feed.line)

    def settle(self) -> None:
        """Take the rules out that others of the list beat, each with a warning."""
        feed = self._feed
        feed.linewise = feed.linewise and not (self._off or self._important)
        if self._off:
            feed.withdraw(list(self._switched_off()))
        if any(entry.rule.allow for entry in feed.parsed.names):
            feed.withdraw(list(self._beaten(by_allow=False)))
        if any(entry.rule.allow for entry in feed.parsed.names):
            feed.withdraw(list(self._beaten(by_allow=True)))

    def _switched_off(self) -> Iterator[tuple[NameEntry, str]]:
        for entry in self._feed.parsed.names:
            key = (entry.name, entry.scope, entry.rule.allow)
            line = self._off.get((key, self._is_important(entry)))
            if line:
                self._important.pop(key, None)
                yield entry, f"{_text(entry)} is switched off by $badfilter at line {line}"

    def _beaten(self, *, by_allow: bool) -> Iterator[tuple[NameEntry, str]]:
        """Yield blocks beaten by exceptions, or exceptions beaten by `$important` blocks."""
        winners: dict[bytes, dict[Scope, NameEntry]] = {}
        important: dict[bytes, dict[Scope, NameEntry]] = {}
        for entry in self._feed.parsed.names:
            if entry.rule.allow is by_allow:
                is_important = self._is_important(entry)
                if by_allow or is_important:
                    winners.setdefault(entry.name, {})[entry.scope] = entry
                if is_important:
                    important.setdefault(entry.name, {})[entry.scope] = entry
        said = "is excepted by the rule" if by_allow else "is beaten by the $important rule"
        for entry in self._feed.parsed.names:
            if entry.rule.allow is by_allow:
                continue
            is_important = self._is_important(entry)
            # An important exception beats an important block, the other way round never.
            among = winners if not is_important else important if by_allow else {}
            winner = _covering(entry, among)
            if winner is not None:
                yield entry, f"{_text(entry)} {said} at line {winner.line}"

    def _is_important(self, entry: NameEntry) -> bool:
        key = (entry.name, entry.scope, entry.rule.allow)
        return entry.rule.reason == IMPORTANT["reason"] or key in self._important


def _covering(entry: NameEntry, among: dict[bytes, dict[Scope, NameEntry]]) -> NameEntry | None:
    """Return a rule that holds for all that the entry covers; None: there is none."""
    wire = entry.name
    at = 0
    while at < len(wire):
        for scope, rule in among.get(wire[at:], {}).items():
            if at:
                covers = scope is not Scope.EXACT
            else:
                covers = scope is entry.scope or scope is Scope.SUBTREE
            if covers:
                return rule
        at += 1 + wire[at]
    return None


def _text(entry: NameEntry) -> str:
    return names.to_unicode(entry.name)
