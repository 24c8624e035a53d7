"""What earlier zones take from later ones, where few of the sources have changed.

`watchlist.zones` says what one entry loses; here that is found out anew for those that a change can
reach: entries of a changed name, and of the names below it. No input or output but rows.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from blockd import names as canonical
from blockd.policy import rows
from blockd.policy.standing import Standing
from blockd.policy.table import Table
from blockd.prefixes import Prefix
from blockd.watchlist import zones
from blockd.watchlist.model import Issue, NameEntry, PrefixEntry, Rule, Scope
from blockd.watchlist.zones import Lookup, Loss, Lost

_FEW = 64
"""Names that are looked for in a batch of rows as a whole, before its rows are looked at."""


class Settled(NamedTuple):
    """What is left of entries, by whichever zone is the first that says anything."""

    names: dict[bytes, list[NameEntry]]
    """Of the names that a change can reach."""
    prefixes: list[PrefixEntry]
    lost: Lost
    issues: Sequence[Issue]
    """One for each zone that lost something."""


class Reach:
    """How far a change of some names reaches."""

    def __init__(
        self,
        table: Table,
        by_number: Sequence[Rule],
        standing: Standing,
        zoned: Collection[str],
        patched: AbstractSet[bytes],
    ) -> None:
        """Look into a generation.

        Args:
            table: its names.
            by_number: its rules.
            standing: what stays of it.
            zoned: the sources that are zones, or were.
            patched: the names in lines of zones that are others now: of a line that has gone
                nothing may be left that stays.
        """
        self.standing = standing
        self._table = table
        self._by_number = by_number
        self._zoned = zoned
        self._patched = patched

    def beyond(self, changed: Mapping[bytes, Sequence[NameEntry]]) -> set[bytes]:
        """Return other names that a zone may give or take: those below, where zones differ.

        Args:
            changed: the names that have changed, with their entries now.
        """
        before = self.standing.before
        roots = {
            name
            for name, entries in changed.items()
            if any(entry.rule.source in self._zoned for entry in (*entries, *before(name)))
        }
        roots |= self._patched
        found = {*self._decided_below(roots)}
        # A zone's entry may be one of several there, and not the one that decides.
        found.update(_below(self.standing.rivals, roots), _below(self.standing.lost, roots))
        return found - changed.keys()

    def _decided_below(self, roots: AbstractSet[bytes]) -> Iterator[bytes]:
        rules = enumerate(self._by_number)
        wanted = {number for number, rule in rules if rule.source in self._zoned}
        for names, values in self._table.batches():
            if wanted.isdisjoint(rows.numbers_in(values)):
                continue
            if len(roots) <= _FEW:
                joined = b"".join(names)
                if not any(root in joined for root in roots):
                    continue
            yield from _below(names, roots)


def settle(
    orders: Mapping[str, int],
    reach: Reach,
    changed: Mapping[bytes, list[NameEntry]],
    prefixes: Sequence[PrefixEntry],
) -> Settled:
    """Return what is left.

    Args:
        orders: the places of zones, from 1, by source.
        reach: how far a change reaches.
        changed: the names that have changed, with all their entries, as they are listed.
        prefixes: all entries of prefixes, as they are listed.
    """
    standing = reach.standing
    entries = dict(changed)
    entries |= {name: standing.listed(name) for name in reach.beyond(changed)}
    zoned = _Zones(orders, entries, standing)
    left: dict[bytes, list[NameEntry]] = {}
    lost = [e for name, them in standing.lost.items() if name not in entries for e in them]
    for name, several in entries.items():
        left[name] = []
        for entry in several:
            rest, earlier = zoned.left(entry)
            if rest is not None:
                left[name].append(rest)
            if earlier is not None:
                lost.append(entry)
    prefixes_left, losses = zoned.prefixes_left(prefixes)
    found = Lost(
        tuple(zones.ordered(lost)),
        tuple(zones.ordered(e for e, _ in losses if isinstance(e, PrefixEntry))),
    )
    return Settled(left, prefixes_left, found, zoned.issues(lost, losses))


class _Zones:
    """The zones of now and their order."""

    def __init__(
        self,
        orders: Mapping[str, int],
        entries: Mapping[bytes, Sequence[NameEntry]],
        standing: Standing,
    ) -> None:
        self._orders = orders
        self._entries = entries
        self._standing = standing

    def of(self, entry: NameEntry | PrefixEntry) -> int:
        """Return the place of an entry's zone; 0: it is in none."""
        return self._orders.get(entry.rule.source, 0)

    def left(self, entry: NameEntry) -> tuple[NameEntry | None, NameEntry | None]:
        """Return what is left of an entry, and the earlier one that has taken the rest."""
        order = self.of(entry)
        if not order:
            return entry, None
        return zones.name_left(
            entry, self._first(order, Scope.BELOW), self._first(order, Scope.EXACT)
        )

    def prefixes_left(self, entries: Sequence[PrefixEntry]) -> tuple[list[PrefixEntry], list[Loss]]:
        """Return what is left of all prefixes of all sources, and what was lost."""
        left = [entry for entry in entries if not self.of(entry)]
        losses: list[Loss] = []
        earlier: dict[Prefix, PrefixEntry] = {}
        zoned: dict[int, list[PrefixEntry]] = {}
        for entry in entries:
            if order := self.of(entry):
                zoned.setdefault(order, []).append(entry)
        for _, zone in sorted(zoned.items()):
            lengths = sorted({prefix.length for prefix in earlier})
            for entry in zone:
                deciding = zones.covering(entry.prefix, earlier, lengths)
                if deciding is None:
                    left.append(entry)
                else:
                    losses.append(Loss(entry, deciding))
            for entry in zone:
                earlier.setdefault(entry.prefix, entry)
        return left, losses

    def issues(self, names: Sequence[NameEntry], prefixes: Sequence[Loss]) -> list[Issue]:
        """Return what is said of each zone that lost something."""
        count = Counter(entry.rule.source for entry in names)
        count.update(loss.entry.rule.source for loss in prefixes)
        first: dict[str, Loss] = {}
        least: dict[str, NameEntry] = {}
        for entry in names:
            there = least.setdefault(entry.rule.source, entry)
            if entry.line < there.line:
                least[entry.rule.source] = entry
        for source, entry in least.items():
            earlier = self.left(entry)[1]
            if earlier is not None:
                first[source] = Loss(entry, earlier)
        for loss in prefixes:
            source = loss.entry.rule.source
            if source not in first or loss.entry.line < first[source].entry.line:
                first[source] = loss
        return [zones.warning(loss, count[source]) for source, loss in first.items()]

    def _first(self, order: int, but: Scope) -> Lookup:
        """Return how to find what the first zone before one says, but for one scope."""

        def found(name: bytes) -> NameEntry | None:
            listed = self._entries.get(name)
            if listed is None:
                listed = self._standing.listed(name)
            before = [e for e in listed if 0 < self.of(e) < order and e.scope is not but]
            return min(before, key=lambda entry: (self.of(entry), entry.line), default=None)

        return found


def _below(names: Iterable[bytes], roots: AbstractSet[bytes]) -> Iterator[bytes]:
    """Yield the names that are or lie below some of others."""
    for name in names:
        if any(suffix in roots for suffix in canonical.suffixes(name)):
            yield name
