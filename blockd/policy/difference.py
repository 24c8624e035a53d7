"""What a rule set would change against a generation: names and prefixes, counted and shown."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from operator import itemgetter
from typing import overload

import msgspec

from blockd import names
from blockd.policy import layout
from blockd.policy.limits import Moved, Scale, over
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.watchlist import compile as compiling
from blockd.watchlist.compile import RuleSet, Slots
from blockd.watchlist.model import NameEntry, Rule, Scope

Shown = tuple[str, str]
"""An entry as its list writes it, and its platform's id."""

Meaning = tuple[Rule | None, Rule | None]
"""The rules, without their lines, for a name itself and for the names below it."""

_NOTHING: Meaning = (None, None)

DIGITS = 20
"""Hexadecimal digits of a change's digest: 80 bits, to be copied by a person."""


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

    def items(self) -> Sequence[tuple[bytes | Prefix, Meaning | NameEntry | Slots]]:
        """Return keys with what they mean, in no order."""
        return self._found

    @cached_property
    def _texts(self) -> tuple[Shown, ...]:
        return tuple(sorted(_shown(key, meaning) for key, meaning in self._found))


class Difference(msgspec.Struct, frozen=True):
    """What appears, disappears, and stays under another meaning."""

    added: Entries = Entries()
    removed: Entries = Entries()
    changed: Entries = Entries()
    names: Moved = Moved()
    prefixes: Moved = Moved()
    """How much is blocked anew and lifted; nothing moves in a first load."""

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

    def digest(self, today: date) -> str:
        """Return what names exactly this change, whatever it is made against.

        Entries past their day are no part of it: they go by themselves, before or with it.
        """
        rules = _Digests()
        digest = hashlib.sha256()
        for sign, entries in (("+", self.added), ("-", self.removed), ("~", self.changed)):
            rows = [(_key(key), _both(meaning)) for key, meaning in entries.items()]
            if sign == "-":
                rows = [row for row in rows if not all(over(rule, today) for rule in row[1])]
            digest.update(f"{sign}{len(rows)}".encode())
            for key, both in sorted(rows, key=itemgetter(0)):
                digest.update(b"%d:%b" % (len(key), key))
                digest.update(b"".join(map(rules, both)))
        return digest.hexdigest()[:DIGITS]


def difference(old: Policy | None, new: RuleSet, today: date | None = None) -> Difference:
    """Return what changes when the rule set takes the generation's place.

    Lines do not matter: an entry that moved within its file is the same entry. Without an
    old generation everything is added.

    Args:
        old: the generation in force.
        new: what is to come.
        today: what expired before it does not count as lifted.
    """
    placeless = _Placeless()
    names_moved, prefixes_moved = Scale(today), Scale(today)
    prefixes = {entry.prefix: entry.rule for entry in new.prefixes}
    removed: list[tuple[bytes | Prefix, Meaning]] = []
    changed: list[tuple[bytes | Prefix, Meaning]] = []
    known_prefixes: set[Prefix] = set()
    if old is not None:
        by_number = [placeless(rule) for rule in old.rules()]
        current, one, size = new.names.get, layout.ONE.unpack, layout.ONE.size
        for name, value in old.names():
            entry = current(name)
            if (
                len(value) == size
                and isinstance(entry, NameEntry)
                and entry.scope is Scope.SUBTREE
                and by_number[one(value)[0]] is placeless(entry.rule)
            ):
                continue  # nearly every name of nearly every change
            before = _stored(value, by_number)
            if entry is None:
                removed.append((name, before))
                names_moved.add(before, _NOTHING)
            elif (after := _meaning(entry, placeless)) != before:
                changed.append((name, after))
                names_moved.add(before, after)
        for prefix, rule in ((entry.prefix, placeless(entry.rule)) for entry in old.prefixes()):
            known_prefixes.add(prefix)
            if prefix not in prefixes:
                removed.append((prefix, (rule, rule)))
                prefixes_moved.add((rule, rule), _NOTHING)
            elif (now := placeless(prefixes[prefix])) != rule:
                changed.append((prefix, (now, now)))
                prefixes_moved.add((rule, rule), (now, now))
    added: list[tuple[bytes | Prefix, Meaning | NameEntry | Slots]] = [
        item for item in new.names.items() if old is None or not old.holds(item[0])
    ]
    added += [
        (prefix, (rule, rule)) for prefix, rule in prefixes.items() if prefix not in known_prefixes
    ]
    entries = Entries(added), Entries(removed), Entries(changed)
    if old is None:
        return Difference(*entries)
    for key, meaning in added:
        scale = names_moved if isinstance(key, bytes) else prefixes_moved
        scale.add(_NOTHING, _both(meaning))
    return Difference(
        *entries, names_moved.moved(len(old)), prefixes_moved.moved(len(known_prefixes))
    )


class _Digests:
    """Digests of rules without their lines, each made once."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Rule, bytes]] = {}

    def __call__(self, rule: Rule | None) -> bytes:
        if rule is None:
            return bytes(32)
        known = self._known.get(id(rule))
        if known is None:
            packed = msgspec.msgpack.encode(msgspec.structs.replace(rule, line=0))
            known = self._known[id(rule)] = (rule, hashlib.sha256(packed).digest())
        return known[1]


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


def _both(meaning: Meaning | NameEntry | Slots) -> Meaning:
    """Return the rules for the name itself and for the names below, lines included."""
    if not isinstance(meaning, NameEntry | Slots):
        return meaning
    itself, below = compiling.slots(meaning)
    return itself and itself.rule, below and below.rule


def _key(key: bytes | Prefix) -> bytes:
    return b"n" + key if isinstance(key, bytes) else b"p" + layout.pack_prefix(key)


def _shown(key: bytes | Prefix, meaning: Meaning | NameEntry | Slots) -> Shown:
    itself, below = _both(meaning)
    rule = itself or below
    sign = "" if itself is not None and below is not None else "=" if itself else "*."
    text = sign + names.to_text(key) if isinstance(key, bytes) else str(key)
    return text, rule.id if rule else ""
