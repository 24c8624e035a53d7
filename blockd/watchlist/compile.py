"""From parsed sources to a rule set: what is in force on a day, each conflict decided.

Pure, and independent of the order in which sources and entries come. What decides between several
entries for one key is `conflicts`' business; between sources that have an order, `zones` decides
first. How the rule set follows from the last one where little changed is `policy.revise`'s, which
shares the steps that stand here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from operator import attrgetter, itemgetter

from msgspec import Struct

from blockd.prefixes import Prefix
from blockd.watchlist import alone, conflicts, repeats, zones
from blockd.watchlist.conflicts import Slots, slots
from blockd.watchlist.model import Expiry, Issue, NameEntry, Parsed, PrefixEntry, Rule
from blockd.watchlist.zones import Lost

__all__ = ["RuleSet", "Shadow", "Slots", "compile_rules", "slots"]

MOST_SHOWN = 10
"""Platforms that are named of those whose last day is the same."""

_BATCH = 4096  # entries that are looked at together
_RULE_OF = attrgetter("rule")
_NAME_OF = itemgetter(0)

Counted = Sequence[tuple[Rule, int]]
"""The rules of one source, each with the number of its entries."""


class Rivals(Struct, frozen=True):
    """All entries in force, ranked, of the names and prefixes for which there are several."""

    names: dict[bytes, list[NameEntry]] = {}
    prefixes: dict[Prefix, list[PrefixEntry]] = {}


class Shadow(Struct, frozen=True):
    """What is matched and counted, and changes no answer and no route: `enforce = false`."""

    rules: tuple[Rule, ...] = ()
    """Sorted as those of the rule set, behind which they are numbered."""
    names: Mapping[bytes, NameEntry | Slots] = {}
    prefixes: tuple[PrefixEntry, ...] = ()
    rivals: Rivals = Rivals()


class RuleSet(Struct, frozen=True, kw_only=True):
    """What one generation enforces."""

    rules: tuple[Rule, ...]
    """Every rule with an entry in force, sorted; their places are their numbers."""
    names: Mapping[bytes, NameEntry | Slots]
    """Wire name to its entry, or to its slots where the name and those below differ."""
    between: frozenset[bytes]
    """Names without an entry that lie between a blocked name and an exception below it."""
    listed: int
    """Names that entries speak of."""
    prefixes: tuple[PrefixEntry, ...]
    """One entry a prefix, sorted by prefix."""
    shadowed: int
    """Entries of rules with `enforce = false`, which are in `shadow` alone."""
    expired: int
    """Entries left out because their last day is over."""
    expiries: tuple[Expiry, ...]
    """What leaves by itself, the soonest first."""
    issues: tuple[Issue, ...]
    """Warnings about names and prefixes that several sources list."""
    shadow: Shadow = Shadow()
    rivals: Rivals = Rivals()
    lost: Lost = Lost()

    @property
    def changes_on(self) -> date | None:
        """The first day on which an entry will have expired; None: no entry expires."""
        return self.expiries[0].last_day + timedelta(days=1) if self.expiries else None


class Standing(Struct, frozen=True):
    """Which rules count on a day, by their identities, and what follows from that."""

    in_force: frozenset[int]
    idle: frozenset[int]
    """Not enforced, but matched and counted."""
    shadowed: int
    expired: int
    expiries: tuple[Expiry, ...]


def compile_rules(
    sources: Sequence[Parsed], today: date, counts: Sequence[Counted] | None = None
) -> RuleSet:
    """Return what is in force on a day (UTC) according to the sources.

    An entry is in force until the end of its `expires` day. Duplicates within one source are
    that parser's to report; those between sources are reported here, as warnings.

    Args:
        sources: parsed and guarded.
        today: the day.
        counts: what `counted` gives of each, for a caller that has it.
    """
    if counts is None:
        counts = [counted(source) for source in sources]
    standing = standing_of((each for source in counts for each in source), today)
    shadow = _shadow(sources, standing.idle)
    sources, lost, zone_issues = zones.in_order(sources, standing.in_force)
    chosen, rivals = _chosen(sources, standing.in_force)
    prefixes, prefix_rivals = decided_prefixes(
        entry
        for source in sources
        for entry in source.prefixes
        if id(entry.rule) in standing.in_force
    )
    between: frozenset[bytes] = frozenset()
    rules = ordered(deciding_rules(chosen.values(), prefixes))
    if any(rule.allow for rule in rules):
        between = alone.open_paths(
            [name for name, entry in chosen.items() if alone.excepts(entry)], chosen
        )
    both = Rivals(rivals, prefix_rivals)
    return RuleSet(
        rules=rules,
        names=chosen,
        between=between,
        listed=len(chosen),
        prefixes=prefixes,
        shadowed=standing.shadowed,
        expired=standing.expired,
        expiries=standing.expiries,
        issues=tuple(sorted([*warnings(both), *zone_issues])),
        shadow=shadow,
        rivals=both,
        lost=lost,
    )


def counted(source: Parsed) -> Counted:
    """Return the rules of a source with how many entries each has."""
    rules: dict[int, Rule] = {}
    entries_of: Counter[int] = Counter()
    for entries in (source.names, source.prefixes):
        # A feed has a million entries and one rule: neither is looked at one by one.
        identities = list(map(id, map(_RULE_OF, entries)))
        entries_of.update(identities)
        rules.update(zip(identities, map(_RULE_OF, entries), strict=True))
    return [(rule, entries_of[identity]) for identity, rule in rules.items()]


def standing_of(rules: Iterable[tuple[Rule, int]], today: date) -> Standing:
    """Return which rules count on a day, what is left out, and what leaves when."""
    in_force, idle = set(), set()
    shadowed = expired = 0
    ending: dict[date, Counter[str]] = {}
    for rule, count in rules:
        if rule.expires is not None and rule.expires < today:
            expired += count
            continue
        if rule.enforce:
            in_force.add(id(rule))
        else:
            shadowed += count
            if rule.allow:
                continue  # what would not be blocked anyway
            idle.add(id(rule))
        if rule.expires is not None and rule.expires < date.max:  # there is no day after
            ending.setdefault(rule.expires, Counter())[rule.id] += count
    expiries = tuple(
        Expiry(day, those.total(), tuple(sorted(those)[:MOST_SHOWN]))
        for day, those in sorted(ending.items())
    )
    return Standing(frozenset(in_force), frozenset(idle), shadowed, expired, expiries)


def decided_prefixes(
    entries: Iterable[PrefixEntry],
) -> tuple[tuple[PrefixEntry, ...], dict[Prefix, list[PrefixEntry]]]:
    """Return one entry a prefix, sorted by prefix, and all those of prefixes that have several."""
    chosen: dict[Prefix, PrefixEntry] = {}
    rivals: dict[Prefix, list[PrefixEntry]] = {}
    for entry in entries:
        earlier = chosen.setdefault(entry.prefix, entry)
        if earlier is not entry:
            rivals.setdefault(entry.prefix, [earlier]).append(entry)
    for prefix, several in rivals.items():
        conflicts.rank_prefixes(several)
        chosen[prefix] = several[0]
    return tuple(chosen[prefix] for prefix in sorted(chosen)), rivals


def deciding_rules(
    chosen: Iterable[NameEntry | Slots], prefixes: Iterable[PrefixEntry]
) -> Iterable[Rule]:
    """Return every rule that decides about something, some of them perhaps more than once."""
    rules = {id(entry.rule): entry.rule for entry in prefixes}
    entries = iter(chosen)
    while batch := list(islice(entries, _BATCH)):
        try:
            listed = list(map(_RULE_OF, batch))
        except AttributeError:  # slots are among them
            listed = [
                slot.rule
                for entry in batch
                for slot in (entry if isinstance(entry, Slots) else (entry,))
                if slot is not None
            ]
        rules.update(zip(map(id, listed), listed, strict=True))
    return rules.values()


def ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Return rules in the order of their numbers, equal ones once."""
    return tuple(sorted(set(rules), key=lambda rule: (rule.source, rule.id, rule.line)))


def warnings(rivals: Rivals) -> list[Issue]:
    """Return warnings about entries of other sources that say what counts already."""
    return repeats.warnings(rivals.names, rivals.prefixes)


def _chosen(
    sources: Sequence[Parsed], counting: Collection[int]
) -> tuple[dict[bytes, NameEntry | Slots], dict[bytes, list[NameEntry]]]:
    """Return each name with what decides about it, and the entries of names with several."""
    chosen: dict[bytes, NameEntry | Slots] = {}
    rivals: dict[bytes, list[NameEntry]] = {}
    for source in sources:
        entries = _counting(source.names, counting)
        # Nearly every source has each name once, and nearly all of them for itself.
        fresh = dict(zip(map(_NAME_OF, entries), entries, strict=True))
        if len(fresh) == len(entries) and chosen.keys().isdisjoint(fresh):
            if chosen:
                chosen.update(fresh)
            else:
                chosen = fresh
            continue
        del fresh
        for entry in entries:
            earlier = chosen.setdefault(entry.name, entry)
            if earlier is not entry:
                rivals.setdefault(entry.name, [earlier]).append(entry)  # type: ignore[list-item]  # Slots come only below
    for name, several in rivals.items():
        conflicts.rank(several)
        chosen[name] = conflicts.deciding(several)
    return chosen, rivals


def _counting(entries: list[NameEntry], counting: Collection[int]) -> list[NameEntry]:
    """Return the entries whose rules count."""
    if set(map(id, map(_RULE_OF, entries))).issubset(counting):
        return entries
    return [entry for entry in entries if id(entry.rule) in counting]


def _shadow(sources: Sequence[Parsed], idle: Collection[int]) -> Shadow:
    """Return what would be blocked if it were enforced; exceptions among it would block nothing."""
    if not idle:
        return Shadow()
    chosen, rivals = _chosen(sources, idle)
    prefixes, prefix_rivals = decided_prefixes(
        entry for source in sources for entry in source.prefixes if id(entry.rule) in idle
    )
    rules = ordered(deciding_rules(chosen.values(), prefixes))
    return Shadow(rules, chosen, prefixes, Rivals(rivals, prefix_rivals))
