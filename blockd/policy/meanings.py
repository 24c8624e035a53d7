"""What names mean in a generation and in what is to come, and which of them differ.

A meaning is the rules without their lines, so that an entry that moved within its file is the
same. Names alone: prefixes, and what follows from all of it, are `difference`'s business.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from blockd.policy import layout, rows
from blockd.policy.packed import Packed
from blockd.policy.reader import Policy
from blockd.policy.revised import Revised
from blockd.policy.table import Rows
from blockd.policy.writer import numbers_of
from blockd.watchlist.compile import RuleSet, Slots, slots
from blockd.watchlist.model import NameEntry, Rule, Scope

Meaning = tuple[Rule | None, Rule | None]
"""The rules, without their lines, for a name itself and for the names below it."""

NOTHING: Meaning = (None, None)


class Unlike(NamedTuple):
    """A name that means another thing."""

    name: bytes
    before: Meaning
    after: Meaning


class Placeless:
    """Turns equal rules into one object without line, so that meanings compare by identity."""

    def __init__(self) -> None:
        self._by_identity: dict[int, tuple[Rule, Rule]] = {}
        self._by_value: dict[Rule, Rule] = {}

    def __call__(self, rule: Rule) -> Rule:
        """Return the one object for all rules that say the same elsewhere."""
        known = self._by_identity.get(id(rule))
        if known is None:
            bare = msgspec.structs.replace(rule, line=0)
            known = (rule, self._by_value.setdefault(bare, bare))
            self._by_identity[id(rule)] = known  # holds the rule: its identity stays its own
        return known[1]


def stored(value: bytes, by_number: list[Rule]) -> Meaning:
    """Return what a row's value means under the numbers of its generation."""
    if len(value) == layout.ONE.size:
        rule = by_number[layout.ONE.unpack(value)[0]]
        return rule, rule
    itself, _, below, _ = layout.TWO.unpack(value)
    return (
        None if itself == layout.NONE else by_number[itself],
        None if below == layout.NONE else by_number[below],
    )


def meaning(entry: NameEntry | Slots, placeless: Callable[[Rule], Rule]) -> Meaning:
    """Return what an entry means."""
    if isinstance(entry, NameEntry) and entry.scope is Scope.SUBTREE:
        rule = placeless(entry.rule)
        return rule, rule
    itself, below = slots(entry)
    return (
        None if itself is None else placeless(itself.rule),
        None if below is None else placeless(below.rule),
    )


def compared(
    old: Policy,
    new: RuleSet,
    by_number: list[Rule],
    placeless: Placeless,
    packed: Packed | None,
) -> tuple[list[tuple[bytes, NameEntry | Slots]], list[Unlike]]:
    """Return the names that are new, and the others that differ, with before and after."""
    if isinstance(new.names, Revised):  # all others are as they were
        there = new.names.before
        changes = new.names.changes
        added = [(n, e) for n, e in changes.items() if e is not None and n not in there]
        found = []
        for name, value in there.items():
            entry = changes[name]
            after = NOTHING if entry is None else meaning(entry, placeless)
            found.append(Unlike(name, stored(value, by_number), after))
        return added, [each for each in found if each.before != each.after]
    now = list(map(placeless, new.rules))
    packed = packed or Packed(new.names, new.between, numbers_of(new))
    fresh: list[bytes] = []
    differing: list[Unlike] = []
    at = 0
    for batch in old.table(layout.NAMES).batches():
        upto = packed.upto(batch[0][-1], at)
        start, at = at, upto
        if upto - start == len(batch[0]) and _are_same(batch, start, packed, by_number, now):
            continue  # nearly every batch of nearly every change
        was = dict(zip(*batch, strict=True))
        comes = dict(zip(*packed.stretch(start, upto), strict=True))
        fresh += [name for name in comes if was.get(name, layout.BETWEEN) == layout.BETWEEN]
        for name, value in was.items():
            before = stored(value, by_number)
            after = stored(comes.get(name, layout.BETWEEN), now)
            if before not in (after, NOTHING):
                differing.append(Unlike(name, before, after))
    for each, _ in packed.rest(at):
        fresh += each
    known = new.names
    return [(name, known[name]) for name in fresh if name in known], differing


def _are_same(
    before: Rows, start: int, packed: Packed, old_rules: list[Rule], new_rules: list[Rule]
) -> bool:
    """Tell whether a batch has the same names under the same rules, each for all that is below."""
    was = rows.numbers_in(before[1])
    comes = packed.numbers(start, before[0]) if len(was) == len(before[0]) else None
    return comes is not None and (
        list(map(old_rules.__getitem__, was)) == list(map(new_rules.__getitem__, comes))
    )


def both(meaning: Meaning | NameEntry | Slots) -> Meaning:
    """Return the rules for the name itself and for the names below, lines included."""
    if not isinstance(meaning, NameEntry | Slots):
        return meaning
    itself, below = slots(meaning)
    return itself and itself.rule, below and below.rule
