"""From parsed sources to a rule set: what is in force on a day, each conflict decided.

Pure, and independent of the order in which sources and entries come. Where two entries say
something about the same name, an exception wins, then the more exact scope, then the earlier
place (source, line). Between sources that have an order, `zones` decides first.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from operator import attrgetter
from typing import NamedTuple

from msgspec import Struct

from blockd import names
from blockd.prefixes import Prefix
from blockd.watchlist import zones
from blockd.watchlist.model import (
    Expiry,
    Issue,
    NameEntry,
    Origin,
    Parsed,
    PrefixEntry,
    Rule,
    Scope,
    Severity,
)

MOST_SHOWN = 10
"""Platforms that are named of those whose last day is the same."""

_RULE_OF = attrgetter("rule")


class Slots(NamedTuple):
    """Which entry decides about a name itself, and which about the names below it."""

    itself: NameEntry | None
    below: NameEntry | None


class Shadow(Struct, frozen=True):
    """What is matched and counted, and changes no answer and no route: `enforce = false`."""

    rules: tuple[Rule, ...] = ()
    """Sorted as those of the rule set, behind which they are numbered."""
    names: dict[bytes, NameEntry | Slots] = {}
    prefixes: tuple[PrefixEntry, ...] = ()


class RuleSet(Struct, frozen=True, kw_only=True):
    """What one generation enforces."""

    rules: tuple[Rule, ...]
    """Every rule with an entry in force, sorted; their places are their numbers."""
    names: dict[bytes, NameEntry | Slots]
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

    @property
    def changes_on(self) -> date | None:
        """The first day on which an entry will have expired; None: no entry expires."""
        return self.expiries[0].last_day + timedelta(days=1) if self.expiries else None


def slots(entry: NameEntry | Slots) -> Slots:
    """Return the slots that an entry of `RuleSet.names` fills."""
    if isinstance(entry, Slots):
        return entry
    scope = entry.scope
    return Slots(
        entry if scope is not Scope.BELOW else None, entry if scope is not Scope.EXACT else None
    )


def compile_rules(sources: Sequence[Parsed], today: date) -> RuleSet:
    """Return what is in force on a day (UTC) according to the sources.

    An entry is in force until the end of its `expires` day. Duplicates within one source are
    that parser's to report; those between sources are reported here, as warnings.
    """
    in_force, idle, counts, expiries = _in_force(sources, today)
    shadow = _shadow(sources, idle)
    sources, zone_issues = zones.in_order(sources, in_force)
    chosen, issues = _chosen(sources, in_force)
    prefixes, prefix_issues = _prefixes(sources, in_force)
    rules = _rules(chosen, prefixes)
    between: frozenset[bytes] = frozenset()
    if any(rule.allow for rule in rules):
        between = _open_paths(chosen)
    return RuleSet(
        rules=rules,
        names=chosen,
        between=between,
        listed=len(chosen),
        prefixes=prefixes,
        shadowed=counts["shadowed"],
        expired=counts["expired"],
        expiries=expiries,
        issues=tuple(sorted([*issues, *prefix_issues, *zone_issues])),
        shadow=shadow,
    )


def _chosen(
    sources: Sequence[Parsed], in_force: Collection[int]
) -> tuple[dict[bytes, NameEntry | Slots], list[Issue]]:
    """Return each name with what decides about it, and warnings about what lost."""
    chosen: dict[bytes, NameEntry | Slots] = {}
    rivals: dict[bytes, list[NameEntry]] = {}
    for source in sources:
        for entry in source.names:
            if id(entry.rule) not in in_force:
                continue
            earlier = chosen.setdefault(entry.name, entry)
            if earlier is not entry:
                rivals.setdefault(entry.name, [earlier]).append(entry)  # type: ignore[list-item]  # Slots come only below
    issues: list[Issue] = []
    for name, entries in rivals.items():
        entries.sort(key=_rank)
        itself = next((e for e in entries if e.scope is not Scope.BELOW), None)
        entries_below = sorted(entries, key=_rank_below)
        below = next((e for e in entries_below if e.scope is not Scope.EXACT), None)
        if itself is not None and itself is below:
            chosen[name] = itself
        else:
            chosen[name] = Slots(itself, below)
        issues.extend(_twice(names.to_text(name), entries))
    return chosen, issues


def _shadow(sources: Sequence[Parsed], idle: Collection[int]) -> Shadow:
    """Return what would be blocked if it were enforced; exceptions among it would block nothing."""
    if not idle:
        return Shadow()
    chosen, _ = _chosen(sources, idle)
    prefixes, _ = _prefixes(sources, idle)
    return Shadow(_rules(chosen, prefixes), chosen, prefixes)


def _rules(
    chosen: dict[bytes, NameEntry | Slots], prefixes: Iterable[PrefixEntry]
) -> tuple[Rule, ...]:
    """Return every rule that decides about something, sorted."""
    used = {id(entry.rule): entry.rule for entry in prefixes}
    for entry in chosen.values():
        if isinstance(entry, Slots):
            used.update((id(slot.rule), slot.rule) for slot in entry if slot is not None)
        else:
            used[id(entry.rule)] = entry.rule
    return tuple(sorted(set(used.values()), key=lambda rule: (rule.source, rule.id, rule.line)))


def _open_paths(chosen: dict[bytes, NameEntry | Slots]) -> frozenset[bytes]:
    """Mark every blocked name above an exception as standing alone.

    NXDOMAIN for such a name would say that nothing exists below it, and a resolver that
    follows RFC 8020 would cut off the exception.

    Returns:
        Those of the names that have no entry themselves.
    """
    excepted = [
        name
        for name, entry in chosen.items()
        if any(slot is not None and slot.rule.allow for slot in slots(entry))
    ]
    between: set[bytes] = set()
    for name in excepted:
        is_blocked = False
        for ancestor in reversed(list(names.suffixes(name))[1:]):
            entry = chosen.get(ancestor)
            if entry is None:
                if is_blocked:
                    between.add(ancestor)
                continue
            below = slots(entry).below
            if below is not None:
                is_blocked = not below.rule.allow
            if isinstance(entry, NameEntry) and not entry.rule.allow:
                chosen[ancestor] = slots(entry)  # two slots say that the name stands alone
    return frozenset(between)


def _rule_key(rule: Rule) -> tuple[str, int, str, str]:
    # Places decide; the rest of the rule settles what hand-made rules without places say.
    return rule.source, rule.line, rule.id, repr(rule)


def _rank(entry: NameEntry) -> tuple[bool, bool, tuple[str, int, str, str], int]:
    return not entry.rule.allow, entry.scope is not Scope.EXACT, _rule_key(entry.rule), entry.line


def _rank_below(entry: NameEntry) -> tuple[bool, bool, tuple[str, int, str, str], int]:
    return not entry.rule.allow, entry.scope is not Scope.BELOW, _rule_key(entry.rule), entry.line


def _in_force(
    sources: Iterable[Parsed], today: date
) -> tuple[set[int], set[int], dict[str, int], tuple[Expiry, ...]]:
    """Return the identities of the rules in force and in shadow, what is left out, expiries."""
    rules: dict[int, Rule] = {}
    entries_of: Counter[int] = Counter()
    for source in sources:
        for entries in (source.names, source.prefixes):
            # A feed has a million entries and one rule: neither is looked at one by one.
            identities = list(map(id, map(_RULE_OF, entries)))
            entries_of.update(identities)
            rules.update(zip(identities, map(_RULE_OF, entries), strict=True))
    in_force, idle = set(), set()
    counts = {"shadowed": 0, "expired": 0}
    ending: dict[date, Counter[str]] = {}
    for identity, rule in rules.items():
        count = entries_of[identity]
        if rule.expires is not None and rule.expires < today:
            counts["expired"] += count
            continue
        if rule.enforce:
            in_force.add(identity)
        else:
            counts["shadowed"] += count
            if rule.allow:
                continue  # what would not be blocked anyway
            idle.add(identity)
        if rule.expires is not None and rule.expires < date.max:  # there is no day after
            ending.setdefault(rule.expires, Counter())[rule.id] += count
    expiries = tuple(
        Expiry(day, those.total(), tuple(sorted(those)[:MOST_SHOWN]))
        for day, those in sorted(ending.items())
    )
    return in_force, idle, counts, expiries


def _prefixes(
    sources: Iterable[Parsed], in_force: Collection[int]
) -> tuple[tuple[PrefixEntry, ...], list[Issue]]:
    rivals: dict[Prefix, list[PrefixEntry]] = {}
    for source in sources:
        for entry in source.prefixes:
            if id(entry.rule) in in_force:
                rivals.setdefault(entry.prefix, []).append(entry)
    issues: list[Issue] = []
    chosen = []
    for prefix in sorted(rivals):
        entries = sorted(
            rivals[prefix], key=lambda e: (not e.rule.allow, _rule_key(e.rule), e.line)
        )
        chosen.append(entries[0])
        if len(entries) > 1:
            issues.extend(_twice(str(prefix), entries))
    return tuple(chosen), issues


def _twice(what: str, entries: Sequence[NameEntry] | Sequence[PrefixEntry]) -> list[Issue]:
    """Warn about entries of other sources that say the same as the first of them."""
    first, *rest = entries
    return [
        Issue(
            Origin(entry.rule.source, entry.line),
            Severity.WARNING,
            f"{what} is listed at {Origin(first.rule.source, first.line)} too; that entry counts",
        )
        for entry in rest
        if entry.rule.source != first.rule.source and entry.rule.allow == first.rule.allow
    ]
