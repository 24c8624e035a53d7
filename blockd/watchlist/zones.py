"""Precedence between sources that have an order, as response policy zones have.

For a name the first zone counts that says anything about it, be it by a shorter match (draft-
vixie-dnsop-dns-rpz 5.1); so what a later zone says behind an earlier one's back is taken out here,
and the longest match among the rest is the right one. Sources without an order are not touched.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from blockd import names
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


class _Loss(NamedTuple):
    """An entry that does not count, and the earlier one that does."""

    text: str
    line: int
    earlier: Origin


def in_order(
    sources: Sequence[Parsed], in_force: Collection[int]
) -> tuple[list[Parsed], list[Issue]]:
    """Return the sources without what earlier zones decide, and a warning for each that lost.

    Args:
        sources: parsed; those with `order` 1 and more are zones, the least of them the first.
        in_force: the identities of the rules that count.
    """
    zones = sorted((source for source in sources if source.order), key=lambda zone: zone.order)
    if len(zones) < 2:
        return list(sources), []
    decided = _Decided()
    kept: dict[int, Parsed] = {}
    issues: list[Issue] = []
    for zone in zones:
        listed = [entry for entry in zone.names if id(entry.rule) in in_force]
        covered = [entry for entry in zone.prefixes if id(entry.rule) in in_force]
        losses: list[_Loss] = []
        rest = [each for entry in listed if (each := decided.name(entry, losses)) is not None]
        left = [entry for entry in covered if decided.leaves(entry, losses)]
        idle = [entry for entry in zone.names if id(entry.rule) not in in_force]
        idle_prefixes = [entry for entry in zone.prefixes if id(entry.rule) not in in_force]
        kept[id(zone)] = msgspec.structs.replace(
            zone, names=rest + idle, prefixes=left + idle_prefixes
        )
        if zone is not zones[-1]:
            decided.add(listed, covered)
        if losses:
            first = min(losses, key=lambda loss: loss.line)
            sentence = f"{first.text} is decided by {first.earlier}, in a zone before this one"
            more = f" (and {len(losses) - 1} more entries)" if len(losses) > 1 else ""
            issues.append(Issue(Origin(zone.source, first.line), Severity.WARNING, sentence + more))
    return [kept.get(id(source), source) for source in sources], issues


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
        for covering in covered:
            self._prefixes.setdefault(covering.prefix, covering)
        self._lengths = sorted({prefix.length for prefix in self._prefixes})

    def name(self, entry: NameEntry, losses: list[_Loss]) -> NameEntry | None:
        """Return what is left of an entry; None: nothing."""
        wire, below = entry.name, self._below
        at = 1 + wire[0] if wire and below else len(wire)
        while at < len(wire):
            above = below.get(wire[at:])
            if above is not None:
                losses.append(_lost(entry, above))
                return None
            at += 1 + wire[at]
        same_itself, same_below = self._itself.get(wire), below.get(wire)
        if entry.scope is Scope.BELOW:
            same_itself = None
        if entry.scope is Scope.EXACT:
            same_below = None
        same = same_itself or same_below
        if same is None:
            return entry
        losses.append(_lost(entry, same))
        if entry.scope is not Scope.SUBTREE or (same_itself and same_below):
            return None
        return entry._replace(scope=Scope.BELOW if same_itself else Scope.EXACT)

    def leaves(self, entry: PrefixEntry, losses: list[_Loss]) -> bool:
        """Tell whether no zone before covers a prefix."""
        for length in self._lengths:
            if length > entry.prefix.length:
                break
            earlier = self._prefixes.get(entry.prefix.supernet(length))
            if earlier is not None:
                at = Origin(earlier.rule.source, earlier.line)
                losses.append(_Loss(str(entry.prefix), entry.line, at))
                return False
        return True


def _lost(entry: NameEntry, earlier: NameEntry) -> _Loss:
    sign = "*." if entry.scope is Scope.BELOW else ""
    at = Origin(earlier.rule.source, earlier.line)
    return _Loss(sign + names.to_text(entry.name), entry.line, at)
