"""What a rule set would change against a generation: names and prefixes, counted and shown."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

import msgspec

from blockd import names
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.watchlist import compile as compiling
from blockd.watchlist.compile import RuleSet, Slots
from blockd.watchlist.model import NameEntry, Rule, Scope

Shown = tuple[str, str]
"""An entry as its list writes it, and its platform's id."""

Meaning = tuple[Rule | None, Rule | None]
"""The rules, without their lines, for a name itself and for the names below it."""


class Entries(Sequence[Shown]):
    """Entries that differ, sorted; made into text only when somebody looks at them.

    A first load adds a million, of which nearly everybody wants to know the number alone.
    """

    def __init__(
        self, found: Iterable[tuple[bytes | Prefix, Meaning | NameEntry | Slots]] = ()
    ) -> None:
        """Take keys with what they mean."""
        self._found = tuple(found)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._found)

    @overload
    def __getitem__(self, place: int) -> Shown: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Shown, ...]: ...
    def __getitem__(self, place: int | slice) -> Shown | tuple[Shown, ...]:
        """Return one, or some."""
        return self._texts[place]

    def __iter__(self) -> Iterator[Shown]:
        """Yield each."""
        return iter(self._texts)

    def __eq__(self, other: object) -> bool:
        """Tell whether the same entries stand in both."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        """Hash as the tuple does."""
        return hash(self._texts)

    @cached_property
    def _texts(self) -> tuple[Shown, ...]:
        return tuple(sorted(_shown(key, meaning) for key, meaning in self._found))


class Difference(msgspec.Struct, frozen=True):
    """What appears, disappears, and stays under another meaning."""

    added: Entries = Entries()
    removed: Entries = Entries()
    changed: Entries = Entries()

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.added or self.removed or self.changed)

    def plain(self) -> dict[str, tuple[Shown, ...]]:
        """Return it as JSON would have it."""
        return {
            "added": tuple(self.added),
            "removed": tuple(self.removed),
            "changed": tuple(self.changed),
        }


def difference(old: Policy | None, new: RuleSet) -> Difference:
    """Return what changes when the rule set takes the generation's place.

    Lines do not matter: an entry that moved within its file is the same entry. Without an
    old generation everything is added.
    """
    placeless = _Placeless()
    prefixes = {entry.prefix: entry.rule for entry in new.prefixes}
    removed: list[tuple[bytes | Prefix, Meaning]] = []
    changed: list[tuple[bytes | Prefix, Meaning]] = []
    known_prefixes: set[Prefix] = set()
    if old is not None:
        by_number = [placeless(rule) for rule in old.rules()]
        for name, value in old.names():
            before = _stored(value, by_number)
            entry = new.names.get(name)
            if entry is None:
                removed.append((name, before))
            elif (after := _meaning(entry, placeless)) != before:
                changed.append((name, after))
        for prefix, rule in ((entry.prefix, placeless(entry.rule)) for entry in old.prefixes()):
            known_prefixes.add(prefix)
            if prefix not in prefixes:
                removed.append((prefix, (rule, rule)))
            elif (now := placeless(prefixes[prefix])) != rule:
                changed.append((prefix, (now, now)))
    added: list[tuple[bytes | Prefix, Meaning | NameEntry | Slots]] = [
        item for item in new.names.items() if old is None or not old.holds(item[0])
    ]
    added += [
        (prefix, (rule, rule)) for prefix, rule in prefixes.items() if prefix not in known_prefixes
    ]
    return Difference(Entries(added), Entries(removed), Entries(changed))


class _Placeless:
    """Turns equal rules into one object without line, so that meanings compare by identity."""

    def __init__(self) -> None:
        self._by_identity: dict[int, tuple[Rule, Rule]] = {}
        self._by_value: dict[Rule, Rule] = {}

    def __call__(self, rule: Rule) -> Rule:
        known = self._by_identity.get(id(rule))
        if known is None:
            bare = msgspec.structs.replace(rule, line=0)
            known = (rule, self._by_value.setdefault(bare, bare))
            self._by_identity[id(rule)] = known  # holds the rule: its identity stays its own
        return known[1]


def _stored(value: bytes, by_number: list[Rule]) -> Meaning:
    if len(value) == layout.ONE.size:
        rule = by_number[layout.ONE.unpack(value)[0]]
        return rule, rule
    itself, _, below, _ = layout.TWO.unpack(value)
    return (
        None if itself == layout.NONE else by_number[itself],
        None if below == layout.NONE else by_number[below],
    )


def _meaning(entry: NameEntry | Slots, placeless: Callable[[Rule], Rule]) -> Meaning:
    if isinstance(entry, NameEntry) and entry.scope is Scope.SUBTREE:
        rule = placeless(entry.rule)
        return rule, rule
    itself, below = compiling.slots(entry)
    return (
        None if itself is None else placeless(itself.rule),
        None if below is None else placeless(below.rule),
    )


def _shown(key: bytes | Prefix, meaning: Meaning | NameEntry | Slots) -> Shown:
    if isinstance(meaning, NameEntry | Slots):
        itself, below = (slot and slot.rule for slot in compiling.slots(meaning))
    else:
        itself, below = meaning
    rule = itself or below
    sign = "" if itself is not None and below is not None else "=" if itself else "*."
    text = sign + names.to_text(key) if isinstance(key, bytes) else str(key)
    return text, rule.id if rule else ""
