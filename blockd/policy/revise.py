"""From the rule set of the last generation to that of now, where few of the sources have changed.

The last generation and the rivals that are remembered beside it are all entries of the unchanged
sources. Only names that a change can reach are decided anew, by the steps of `watchlist.compile`,
so that the result is the one of a whole compile; the others stay rows. Whether the sources may be
taken as unchanged is not judged here. No input or output but the last generation.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date
from typing import TypeVar, cast

import msgspec
from msgspec import Struct

from blockd import names as canonical
from blockd.policy import layout, rows
from blockd.policy.patch import Patch
from blockd.policy.precedence import Reach, Settled, settle
from blockd.policy.reader import Policy
from blockd.policy.relined import GONE
from blockd.policy.revised import Revised
from blockd.policy.standing import Standing, Unlike, by_name
from blockd.policy.table import Table
from blockd.prefixes import Prefix
from blockd.watchlist import alone, conflicts
from blockd.watchlist import compile as compiling
from blockd.watchlist.compile import Counted, Rivals, RuleSet, Shadow, Slots
from blockd.watchlist.model import Issue, NameEntry, Parsed, PrefixEntry, Rule
from blockd.watchlist.zones import Lost


class Last(Struct, frozen=True):
    """What the last compile left of the sources that have not changed."""

    policy: Policy
    """The last generation, whole and open."""
    rules: Sequence[Counted]
    """The rules of each of these sources."""
    rivals: Rivals
    """What was in force, of all sources; entries of the same rules as above are theirs."""
    shadow: Rivals
    """The same of what was not enforced."""
    patches: Sequence[Patch] = ()
    """What has become of those of these sources in which a few lines are others."""
    lost: Lost = Lost()
    """Entries in force about which an earlier zone decided, of all sources as above."""
    was_zone: frozenset[str] = frozenset()
    """The sources of then that are zones."""
    orders: Mapping[str, int] = {}
    """The places of zones among these sources, from 1, by source."""


_Entry = TypeVar("_Entry", NameEntry, PrefixEntry)


class _Table(Struct, frozen=True):
    """One of a generation's two kinds of rows, names and prefixes, and what becomes of it."""

    names: Revised
    between: frozenset[bytes]
    prefixes: tuple[PrefixEntry, ...]
    rivals: Rivals
    rules: tuple[Rule, ...]
    lost: Lost
    issues: Sequence[Issue]


def revise(
    last: Last, changed: Sequence[Parsed], counts: Sequence[Counted], today: date
) -> RuleSet | None:
    """Return what is in force on a day according to unchanged and changed sources.

    Args:
        last: what is left of the sources that have not changed, or in a few lines.
        changed: the others, guarded.
        counts: the rules of each of these, see `compile.counted`.
        today: not before the day of the last compile.

    Returns:
        What `compile_rules` gives of all sources; None where what is left is not enough.
    """
    kept = [rule for source in last.rules for rule, _ in source]
    standing = compiling.standing_of(
        (each for source in (*last.rules, *counts) for each in source), today
    )
    same: dict[Rule, Rule] = {}
    for rule in kept:
        same.setdefault(rule, rule)
    staying = set(map(id, kept))
    changed = [*changed, *(patch.read for patch in last.patches)]
    orders = {**last.orders, **{each.source: each.order for each in changed if each.order}}
    nothing = msgspec.structs.replace(last, rivals=last.shadow, lost=Lost(), was_zone=frozenset())
    try:
        by_number = _numbered(last.policy.every_rule(), same)
        block = _revised(
            last, (layout.NAMES, layout.PREFIXES), by_number,
            staying & standing.in_force, changed, standing.in_force, orders,
        )  # fmt: skip
        # What is not enforced is matched whichever zone it is in.
        idle = _revised(
            nothing, (layout.SHADOW_NAMES, layout.SHADOW_PREFIXES), by_number,
            staying & standing.idle, changed, standing.idle, {},
        )  # fmt: skip
    except Unlike:
        return None
    return RuleSet(
        rules=block.rules,
        names=block.names,
        between=block.between,
        listed=len(block.names),
        prefixes=block.prefixes,
        shadowed=standing.shadowed,
        expired=standing.expired,
        expiries=standing.expiries,
        issues=tuple(sorted([*compiling.warnings(block.rivals), *block.issues])),
        shadow=Shadow(idle.rules, idle.names, idle.prefixes, idle.rivals),
        rivals=block.rivals,
        lost=block.lost,
    )


def _numbered(every: Iterable[Rule], same: Mapping[Rule, Rule]) -> list[Rule]:
    """Return a generation's rules by their numbers, those of unchanged sources as they are kept.

    A rule of a source that has changed is of no use, even where the new one is like it. One of
    an unchanged source that this source has not would be lost with all its entries.
    """
    unchanged = {rule.source for rule in same}
    found = [same.get(rule, rule) for rule in every]
    if any(rule.source in unchanged and rule not in same for rule in found):
        raise Unlike
    return found


def _revised(
    last: Last,
    tables: tuple[bytes, bytes],
    by_number: Sequence[Rule],
    staying: Collection[int],
    changed: Sequence[Parsed],
    counting: Collection[int],
    orders: Mapping[str, int],
) -> _Table:
    """Return one kind of rows as it is now.

    Args:
        last: what is left, the rivals and lost entries of this kind.
        tables: the last generation's names and prefixes.
        by_number: its rules.
        staying: the identities of the rules of unchanged sources that count.
        changed: the changed sources.
        counting: the identities of all rules that count.
        orders: the places of zones, by source.
    """
    policy, patches = last.policy, last.patches
    moved = _moved(patches, by_number)
    rivals, lost = _relined(last.rivals, patches), _relined(by_name(last.lost), patches)
    table = policy.table(tables[0], moved)
    patched = {id(patch.rule) for patch in patches}
    standing = Standing(table, by_number, rivals.names, lost.names, staying, patched)
    leaving = {number for number, rule in enumerate(by_number) if id(rule) not in staying}
    excepting = {number for number, rule in enumerate(by_number) if rule.allow}
    reached, excepted, uses, size = _scan(policy.table(tables[0]), leaving, excepting)
    touched = {name for patch in patches for name in patch.touched}
    for kept in (rivals.names, lost.names):
        touched |= {
            name for name, them in kept.items() if any(id(e.rule) not in staying for e in them)
        }
    entries: dict[bytes, list[NameEntry]] = {name: [] for name in reached}
    entries |= {name: standing.listed(name) for name in touched | (reached & lost.names.keys())}
    for source in changed:
        for entry in source.names:
            if id(entry.rule) in counting:
                there = entries.get(entry.name)
                if there is None:
                    there = entries[entry.name] = standing.listed(entry.name)
                there.append(entry)
    prefix_entries = _covered(
        policy.prefix_rows(tables[1]), by_number, staying, rivals.prefixes, moved
    ) + [e for source in changed for e in source.prefixes if id(e.rule) in counting]
    settled = Settled(entries, prefix_entries, Lost(), ())
    if len(orders) > 1 or last.lost != Lost():
        prefix_entries += [e for es in lost.prefixes.values() for e in es if id(e.rule) in staying]
        zoned = {*orders, *last.was_zone}
        others = {n for patch in patches if patch.rule.source in zoned for n in patch.touched}
        reach = Reach(policy.table(tables[0]), by_number, standing, zoned, others)
        settled = settle(orders, reach, entries, prefix_entries)
    entries = settled.names
    changes: dict[bytes, NameEntry | Slots | None] = {}
    several_now = {name: rest for name, rest in rivals.names.items() if name not in entries}
    for name, several in entries.items():
        if len(several) > 1:
            conflicts.rank(several)
            several_now[name] = several
        changes[name] = conflicts.deciding(several) if several else None
    now = excepted - changes.keys()
    now |= {name for name, entry in changes.items() if entry and alone.excepts(entry)}
    above = {each for name in excepted | now for each in canonical.above(name)}
    for name in above - changes.keys():
        if there := standing.decided(name):
            changes[name] = conflicts.deciding(there)
    between = alone.open_paths(now, cast("dict[bytes, NameEntry | Slots]", changes))
    names = Revised(table, by_number, size, changes, several_now)
    prefixes, prefix_rivals = compiling.decided_prefixes(settled.prefixes)
    uses.subtract(rows.numbers_in(list(names.before.values())))
    used = [by_number[number] for number, count in uses.items() if count > 0]
    used += compiling.deciding_rules(filter(None, changes.values()), prefixes)
    return _Table(
        names, between, prefixes, Rivals(several_now, prefix_rivals), compiling.ordered(used),
        settled.lost,
        settled.issues,
    )  # fmt: skip


def _moved(patches: Iterable[Patch], by_number: Sequence[Rule]) -> dict[int, Sequence[int]]:
    """Return where the lines of patched sources stand now, by the numbers of their rules."""
    places = {id(patch.rule): patch.places for patch in patches}
    return {n: places[id(rule)] for n, rule in enumerate(by_number) if id(rule) in places}


def _relined(rivals: Rivals, patches: Sequence[Patch]) -> Rivals:
    """Return rivals by the lines of now, those of lines that have gone left out."""
    if not patches:
        return rivals
    places = {id(patch.rule): patch.places for patch in patches}

    def relined(entries: Sequence[_Entry]) -> list[_Entry]:
        lines = [_line_now(entry, places) for entry in entries]
        return [e._replace(line=n) for e, n in zip(entries, lines, strict=True) if n is not None]

    return Rivals(
        {name: relined(several) for name, several in rivals.names.items()},
        {prefix: relined(several) for prefix, several in rivals.prefixes.items()},
    )


def _line_now(entry: NameEntry | PrefixEntry, places: Mapping[int, Sequence[int]]) -> int | None:
    """Return the line of an entry as it is now; None: it has gone."""
    now = places.get(id(entry.rule))
    return entry.line if now is None else now[entry.line] or None


def _scan(
    table: Table, lost: AbstractSet[int], excepting: AbstractSet[int]
) -> tuple[set[bytes], set[bytes], Counter[int], int]:
    """Read all rows once.

    Returns:
        The names that lose an entry; those with an exception; how often rows have each rule;
        how many names have an entry.
    """
    reached: set[bytes] = set()
    excepted: set[bytes] = set()
    uses: Counter[int] = Counter()
    size = 0
    for names, values in table.batches():
        numbers = rows.numbers_in(values)
        uses.update(numbers)
        size += len(names) - values.count(layout.BETWEEN)
        there = set(numbers)
        losing, excepts = lost & there, excepting & there
        if losing or excepts:
            for name, value in zip(names, values, strict=True):
                both = rows.numbers_in((value,))
                if not losing.isdisjoint(both):
                    reached.add(name)
                if not excepts.isdisjoint(both):
                    excepted.add(name)
    del uses[layout.NONE]
    return reached, excepted, uses, size


def _covered(
    stored: Iterable[tuple[Prefix, int, int]],
    by_number: Sequence[Rule],
    staying: Collection[int],
    rivals: Mapping[Prefix, list[PrefixEntry]],
    moved: Mapping[int, Sequence[int]],
) -> list[PrefixEntry]:
    """Return the entries of prefixes that unchanged sources have."""
    found = []
    for prefix, number, line in stored:
        rule = by_number[number]
        if id(rule) in staying and prefix not in rivals:
            now = moved[number][line] if number in moved else line
            if now != GONE or number not in moved:
                found.append(PrefixEntry(prefix, rule, now))
    found += [e for several in rivals.values() for e in several if id(e.rule) in staying]
    return found
