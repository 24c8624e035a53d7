"""Which of several entries for one name, or for one prefix, counts, and what is said of the rest.

Pure decisions about one key at a time, independent of the order in which its entries come. Which
entries are in force is `compile`'s business, what zones with an order decide before `zones`'.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from blockd.watchlist.model import NameEntry, PrefixEntry, Rule, Scope


class Slots(NamedTuple):
    """Which entry decides about a name itself, and which about the names below it."""

    itself: NameEntry | None
    below: NameEntry | None


def slots(entry: NameEntry | Slots) -> Slots:
    """Return the slots that an entry of `RuleSet.names` fills."""
    if isinstance(entry, Slots):
        return entry
    scope = entry.scope
    return Slots(
        entry if scope is not Scope.BELOW else None, entry if scope is not Scope.EXACT else None
    )


def rank(entries: list[NameEntry]) -> None:
    """Put the entries for one name into order: exceptions, then the exact ones, then by place."""
    entries.sort(key=_rank)


def rank_prefixes(entries: list[PrefixEntry]) -> None:
    """Put the entries for one prefix into order: exceptions, then by place (source, line)."""
    entries.sort(key=_rank_prefix)


def deciding(ranked: Sequence[NameEntry]) -> NameEntry | Slots:
    """Return what decides about a name of which at least one entry, in their order, speaks.

    An exception wins, then the more exact scope, then the earlier place.
    """
    if len(ranked) == 1 or all(entry.scope is Scope.SUBTREE for entry in ranked):
        return ranked[0]
    itself = next((e for e in ranked if e.scope is not Scope.BELOW), None)
    below = next((e for e in sorted(ranked, key=_rank_below) if e.scope is not Scope.EXACT), None)
    return itself if itself is not None and itself is below else Slots(itself, below)


def repeating(
    ranked: Sequence[NameEntry] | Sequence[PrefixEntry],
) -> Iterator[NameEntry | PrefixEntry]:
    """Yield the entries for one key that say the same as the first of them, in other sources."""
    first, *rest = ranked
    for entry in rest:
        if entry.rule.source != first.rule.source and entry.rule.allow == first.rule.allow:
            yield entry


class _Spelled:
    """A rule by all that it says: spelled out only where two have the same place."""

    __slots__ = ("_rule",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Spelled) and self._rule == other._rule

    def __lt__(self, other: "_Spelled") -> bool:
        return repr(self._rule) < repr(other._rule)


_Place = tuple[str, int, str, _Spelled]


def _place(rule: Rule) -> _Place:
    # Places decide; the rest of the rule settles what hand-made rules without places say.
    return rule.source, rule.line, rule.id, _Spelled(rule)


def _rank(entry: NameEntry) -> tuple[bool, bool, _Place, int, Scope]:
    scope, rule = entry.scope, entry.rule
    return not rule.allow, scope is not Scope.EXACT, _place(rule), entry.line, scope


def _rank_below(entry: NameEntry) -> tuple[bool, bool, _Place, int]:
    return not entry.rule.allow, entry.scope is not Scope.BELOW, _place(entry.rule), entry.line


def _rank_prefix(entry: PrefixEntry) -> tuple[bool, _Place, int]:
    return not entry.rule.allow, _place(entry.rule), entry.line
