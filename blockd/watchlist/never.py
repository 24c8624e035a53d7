"""What no list may touch: names and prefixes, each with the reason, and which entries do.

Pure: from texts to decisions about parsed entries. Where the texts come from is `needed`'s
business, what becomes of an entry that touches one the guard's.
"""

import bisect
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from blockd import names
from blockd.errors import ConfigError
from blockd.prefixes import Prefix
from blockd.values import Target
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Scope

_WALKED = 16  # from so many names on, a walk through each entry's suffixes is the quicker way


class Untouchable(NamedTuple):
    """A target and why it may not be touched."""

    target: Target
    why: str


def read(content: bytes, path: str) -> list[Untouchable]:
    """Return what a file holds: a target a line, with a comment behind `#`.

    Raises:
        ConfigError: with file and line. Such a file is the operator's own word, as the
            configuration is, so nothing in it is passed over.
    """
    found = []
    text = content.decode("utf-8-sig", errors="replace")
    for line, written in enumerate(text.splitlines(), 1):
        target, _, comment = (part.strip() for part in written.partition("#"))
        if not target:
            continue
        try:
            said = f" ({comment})" if comment else ""
            found.append(Untouchable(Target.parse(target), f"{path}:{line}{said}"))
        except ValueError as error:
            raise ConfigError(f"{path}:{line}: {error}") from None
    return found


def write(items: Iterable[Untouchable]) -> bytes:
    """Return items as `kept` reads them."""
    return "".join(f"{item.target}\t{item.why}\n" for item in items).encode()


def kept(content: bytes) -> list[Untouchable]:
    """Return what `write` wrote."""
    rows = (line.partition("\t") for line in content.decode().splitlines())
    return [Untouchable(Target.parse(target), why) for target, _, why in rows]


class Exceptions(NamedTuple):
    """What the exceptions of all sources cover."""

    subtrees: Collection[bytes] = frozenset()
    exact: Collection[bytes] = frozenset()
    prefixes: Collection[Prefix] = frozenset()


def exceptions(sources: Iterable[Parsed]) -> Exceptions:
    """Return the exceptions that stand in the sources."""
    subtrees: set[bytes] = set()
    exact: set[bytes] = set()
    prefixes: set[Prefix] = set()
    for source in sources:
        for entry in source.names:
            if entry.rule.allow and entry.scope is not Scope.BELOW:
                (exact if entry.scope is Scope.EXACT else subtrees).add(entry.name)
        prefixes.update(entry.prefix for entry in source.prefixes if entry.rule.allow)
    return Exceptions(subtrees, exact, prefixes)


class Never:
    """All that may not be touched, for one compile."""

    def __init__(self, items: Iterable[Untouchable] = ()) -> None:
        """Take the targets; the first of several reasons for one counts."""
        self.items: tuple[Untouchable, ...] = tuple(items)
        self._at: dict[bytes, Untouchable] = {}
        self._above: dict[bytes, list[Untouchable]] = {}
        ranges: dict[Prefix, Untouchable] = {}
        for item in self.items:
            name, prefix = item.target.name, item.target.prefix
            if name is not None and name not in self._at:
                self._at[name] = item
                for above in names.above(name):
                    self._above.setdefault(above, []).append(item)
            if prefix is not None:
                ranges.setdefault(prefix, item)
        # A prefix within another one is found by that one, so those that are left are disjoint.
        self._ranges = _outermost(ranges)
        self._starts = [(prefix.family, prefix.network) for prefix, _ in self._ranges]

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.items)

    def names(
        self, entries: Sequence[NameEntry], excepted: Exceptions
    ) -> list[tuple[NameEntry, str]]:
        """Return the blocking entries that touch a name, each with a sentence."""
        if not self._at:
            return []
        if len(self._at) < _WALKED:
            tails, above = tuple(self._at), self._above
            entries = [e for e in entries if e.name.endswith(tails) or e.name in above]
        return [
            (entry, said)
            for entry in entries
            if not entry.rule.allow and (said := self._name(entry, excepted))
        ]

    def prefixes(
        self, entries: Iterable[PrefixEntry], excepted: Exceptions
    ) -> list[tuple[PrefixEntry, str]]:
        """Return the blocking entries that touch a prefix, each with a sentence."""
        if not self._ranges:
            return []
        return [
            (entry, said)
            for entry in entries
            if not entry.rule.allow and (said := self._prefix(entry.prefix, excepted.prefixes))
        ]

    def _name(self, entry: NameEntry, excepted: Exceptions) -> str:
        name = entry.name
        if entry.scope is not Scope.EXACT:
            for item in self._above.get(name, ()):
                if not _is_excepted(item.target, name, excepted):
                    return _said(names.to_text(name), item, "covers")
        same = self._at.get(name)
        if same is not None and not (same.target.exact and entry.scope is Scope.BELOW):
            return _said(names.to_text(name), same, "is")
        for above in names.above(name):
            higher = self._at.get(above)
            if higher is not None and not higher.target.exact:
                return _said(names.to_text(name), higher, "lies below")
        return ""

    def _prefix(self, prefix: Prefix, excepted: Collection[Prefix]) -> str:
        # The last that begins at or before the prefix's last address may reach into it.
        at = bisect.bisect_right(self._starts, (prefix.family, prefix.last)) - 1
        while at >= 0:
            other, item = self._ranges[at]
            if other.family != prefix.family or other.last < prefix.network:
                return ""
            if other.covers(prefix):
                return _said(str(prefix), item, "is" if other == prefix else "lies within")
            if not any(prefix.covers(hole) and hole.covers(other) for hole in excepted):
                return _said(str(prefix), item, "covers")
            at -= 1
        return ""


def _outermost(ranges: dict[Prefix, Untouchable]) -> list[tuple[Prefix, Untouchable]]:
    found: list[tuple[Prefix, Untouchable]] = []
    for prefix in sorted(ranges):
        if not found or not found[-1][0].covers(prefix):
            found.append((prefix, ranges[prefix]))
    return found


def _is_excepted(target: Target, listed: bytes, excepted: Exceptions) -> bool:
    """Tell whether an exception below what is listed covers a target whole."""
    name = target.name or b""
    if target.exact and name in excepted.exact:
        return True
    nearer = (each for each in names.suffixes(name) if len(each) > len(listed))
    return any(each in excepted.subtrees for each in nearer)


def _said(text: str, item: Untouchable, how: str) -> str:
    if how == "is":
        return f"{text} is what no list may block: {item.why}; remove it"
    remedy = "remove it"
    if how == "covers":
        remedy = f"except {item.target} by an [[allow]] entry, or list what is meant more narrowly"
    return f"{text} {how} {item.target}, which no list may block: {item.why}; {remedy}"
