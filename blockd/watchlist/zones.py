"""Precedence between sources that have an order, as response policy zones have.

For a name the first zone counts that says anything about it, be it by a shorter match (draft-
vixie-dnsop-dns-rpz 5.1); so what a later zone says behind an earlier one's back is taken out here,
and the longest match among the rest is the right one. Sources without an order are not touched.
Each entry is decided by itself, so that `policy.precedence` can do the same for a few of them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from blockd import names
from blockd.counting import counted
from blockd.prefixes import Prefix
from blockd.watchlist.model import (
    Issue,
    NameEntry,
    Origin,
    Parsed,
    PrefixEntry,
    Scope,
    Severity,
)

_Entry = TypeVar("_Entry", NameEntry, PrefixEntry)

Lookup = Callable[[bytes], NameEntry | None]
"""From a name in wire form to what the first of the zones before says about it."""


class Lost(Struct, frozen=True):
    """Entries about which, in whole or in part, an earlier zone decides; as they are listed."""

    names: tuple[NameEntry, ...] = ()
    prefixes: tuple[PrefixEntry, ...] = ()


class Loss(NamedTuple):
    """An entry that does not count, and the earlier one that does."""

    entry: NameEntry | PrefixEntry
    earlier: NameEntry | PrefixEntry


class Ordered(NamedTuple):
    """Sources without what earlier zones decide."""

    sources: list[Parsed]
    lost: Lost
    issues: list[Issue]
    """One for each zone that lost something."""


def in_order(sources: Sequence[Parsed], in_force: Collection[int]) -> Ordered:
    """Return the sources without what earlier zones decide.

    Args:
        sources: parsed; those with `order` 1 and more are zones, the least of them the first.
        in_force: the identities of the rules that count.
    """
    zones = sorted((source for source in sources if source.order), key=lambda zone: zone.order)
    if len(zones) < 2:
        return Ordered(list(sources), Lost(), [])
    decided = _Decided()
    kept: dict[int, Parsed] = {}
    issues: list[Issue] = []
    lost: list[NameEntry] = []
    lost_prefixes: list[PrefixEntry] = []
    for zone in zones:
        # Nearly always all of it counts and nothing of it is lost: a million entries stay one list.
        listed = _of(zone.names, in_force)
        covered = _of(zone.prefixes, in_force)
        losses: list[Loss] = []
        rest = decided.names_left(listed, losses)
        lost += [entry for entry, _ in losses if isinstance(entry, NameEntry)]
        among = len(losses)
        remaining = [entry for entry in covered if decided.leaves(entry, losses)]
        lost_prefixes += [e for e, _ in losses[among:] if isinstance(e, PrefixEntry)]
        if listed is not zone.names:
            rest = rest + [entry for entry in zone.names if id(entry.rule) not in in_force]
        if covered is not zone.prefixes:
            remaining += [entry for entry in zone.prefixes if id(entry.rule) not in in_force]
        kept[id(zone)] = msgspec.structs.replace(zone, names=rest, prefixes=remaining)
        if zone is not zones[-1]:
            decided.add(listed, covered)
        if losses:
            issues.append(warning(min(losses, key=lambda loss: loss.entry.line), len(losses)))
    left = [kept.get(id(source), source) for source in sources]
    return Ordered(left, Lost(tuple(ordered(lost)), tuple(ordered(lost_prefixes))), issues)


def ordered(lost: Iterable[_Entry]) -> list[_Entry]:
    """Return what was lost by where it is listed, whichever zone is the first."""
    return sorted(lost, key=lambda entry: (entry.rule.source, entry.line))


def name_left(
    entry: NameEntry, itself: Lookup, below: Lookup
) -> tuple[NameEntry | None, NameEntry | None]:
    """Return what is left of an entry, and the earlier one that has taken the rest.

    Args:
        entry: of a zone.
        itself: what the zones before say about a name itself.
        below: and about names below one.
    """
    wire = entry.name
    for above in names.above(wire):
        earlier = below(above)
        if earlier is not None:
            return None, earlier
    same_itself = None if entry.scope is Scope.BELOW else itself(wire)
    same_below = None if entry.scope is Scope.EXACT else below(wire)
    same = same_itself or same_below
    if same is None:
        return entry, None
    if entry.scope is not Scope.SUBTREE or (same_itself and same_below):
        return None, same
    return entry._replace(scope=Scope.BELOW if same_itself else Scope.EXACT), same


def covering(
    prefix: Prefix, earlier: Mapping[Prefix, PrefixEntry], lengths: Iterable[int]
) -> PrefixEntry | None:
    """Return the shortest prefix of zones before that covers one.

    Args:
        prefix: of a zone.
        earlier: what the zones before list.
        lengths: the lengths of these, the least first.
    """
    for length in lengths:
        if length > prefix.length:
            break
        found = earlier.get(prefix.supernet(length))
        if found is not None:
            return found
    return None


def warning(first: Loss, count: int) -> Issue:
    """Return what is said of a zone that lost so many entries, of which one is the first."""
    entry, earlier = first
    if isinstance(entry, PrefixEntry):
        text = str(entry.prefix)
    else:
        text = ("*." if entry.scope is Scope.BELOW else "") + names.to_text(entry.name)
    origin = Origin(earlier.rule.source, earlier.line)
    more = f" (and {counted(count - 1, 'more entry')})" if count > 1 else ""
    sentence = f"{text} is decided by {origin}, in a zone before this one{more}"
    return Issue(Origin(entry.rule.source, entry.line), Severity.WARNING, sentence)


def _of(entries: list[_Entry], in_force: Collection[int]) -> list[_Entry]:
    """Return the entries whose rules count: the same list where all do."""
    if all(each in in_force for each in {id(entry.rule) for entry in entries}):
        return entries
    return [entry for entry in entries if id(entry.rule) in in_force]


class _Decided:
    """What the zones before say something about."""

    def __init__(self) -> None:
        self._itself: dict[bytes, NameEntry] = {}
        self._below: dict[bytes, NameEntry] = {}
        self._prefixes: dict[Prefix, PrefixEntry] = {}
        self._lengths: list[int] = []

    def add(self, listed: Sequence[NameEntry], covered: Sequence[PrefixEntry]) -> None:
        for entry in listed:
            if entry.scope is not Scope.BELOW:
                self._itself.setdefault(entry.name, entry)
            if entry.scope is not Scope.EXACT:
                self._below.setdefault(entry.name, entry)
        for covering_entry in covered:
            self._prefixes.setdefault(covering_entry.prefix, covering_entry)
        self._lengths = sorted({prefix.length for prefix in self._prefixes})

    def names_left(self, listed: list[NameEntry], losses: list[Loss]) -> list[NameEntry]:
        """Return what is left of entries: the same list where that is all of them."""
        if not self._itself and not self._below:
            return listed
        itself, below = self._itself, self._below
        rests: dict[int, NameEntry | None] = {}
        for place, entry in enumerate(listed):
            wire = entry[0]
            if wire not in itself and wire not in below:
                # In place, for nearly all of a million entries end here.
                at = 1 + wire[0] if wire else 0
                end = len(wire)
                while at < end and wire[at:] not in below:
                    at += 1 + wire[at]
                if at >= end:
                    continue
            rest, earlier = name_left(entry, itself.get, below.get)
            if earlier is not None:
                losses.append(Loss(entry, earlier))
                rests[place] = rest
        if not rests:
            return listed
        left = (rests.get(place, entry) for place, entry in enumerate(listed))
        return [entry for entry in left if entry is not None]

    def leaves(self, entry: PrefixEntry, losses: list[Loss]) -> bool:
        """Tell whether no zone before covers a prefix."""
        earlier = covering(entry.prefix, self._prefixes, self._lengths)
        if earlier is not None:
            losses.append(Loss(entry, earlier))
        return earlier is None
