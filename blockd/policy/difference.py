"""What a rule set would change against a generation: names and prefixes, counted and shown."""

import hashlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from functools import cached_property
from operator import itemgetter
from typing import overload

import msgspec

from blockd import names
from blockd.policy import layout
from blockd.policy.limits import Moved, Scale, over
from blockd.policy.meanings import NOTHING, Meaning, Placeless, both, compared
from blockd.policy.packed import Packed
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.watchlist.compile import RuleSet, Slots
from blockd.watchlist.model import NameEntry, Rule

Shown = tuple[str, str]
"""An entry as its list writes it, and its platform's id."""

Found = tuple[bytes | Prefix, Meaning | NameEntry | Slots]
"""A name or prefix that differs, and what it means."""

DIGITS = 20
"""Hexadecimal digits of a change's digest: 80 bits, to be copied by a person."""


class Entries(Sequence[Shown]):
    """Entries that differ, sorted; made into text only when somebody looks at them.

    A first load adds a million, of which nearly everybody wants to know the number alone.
    """

    def __init__(self, *found: Collection[Found]) -> None:
        """Take keys with what they mean, in several collections that do not change."""
        self._found = found

    def __len__(self) -> int:
        """Return how many there are."""
        return sum(map(len, self._found))

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

    def items(self) -> Iterator[Found]:
        """Yield keys with what they mean, in no order."""
        return itertools.chain(*self._found)

    @cached_property
    def _texts(self) -> tuple[Shown, ...]:
        return tuple(sorted(_shown(key, meaning) for key, meaning in self.items()))


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
            rows = [(_key(key), both(meaning)) for key, meaning in entries.items()]
            if sign == "-":
                rows = [row for row in rows if not all(over(rule, today) for rule in row[1])]
            digest.update(f"{sign}{len(rows)}".encode())
            for key, slots in sorted(rows, key=itemgetter(0)):
                digest.update(b"%d:%b" % (len(key), key))
                digest.update(b"".join(map(rules, slots)))
        return digest.hexdigest()[:DIGITS]


def difference(
    old: Policy | None, new: RuleSet, today: date | None = None, packed: Packed | None = None
) -> Difference:
    """Return what changes when the rule set takes the generation's place.

    Lines do not matter: an entry that moved within its file is the same entry. Without an
    old generation everything is added.

    Args:
        old: the generation in force.
        new: what is to come.
        today: what expired before it does not count as lifted.
        packed: the names to come, for a caller that has them so.
    """
    placeless = Placeless()
    names_moved, prefixes_moved = Scale(today), Scale(today)
    prefixes = {entry.prefix: entry.rule for entry in new.prefixes}
    removed: list[Found] = []
    changed: list[Found] = []
    known_prefixes: set[Prefix] = set()
    fresh: list[tuple[bytes, NameEntry | Slots]] = []
    if old is not None:
        by_number = [placeless(rule) for rule in old.rules()]
        fresh, found = compared(old, new, by_number, placeless, packed)
        for name, before, after in found:
            names_moved.add(before, after)
            (removed if after == NOTHING else changed).append(
                (name, before if after == NOTHING else after)
            )
        for prefix, rule in ((entry.prefix, placeless(entry.rule)) for entry in old.prefixes()):
            known_prefixes.add(prefix)
            if prefix not in prefixes:
                removed.append((prefix, (rule, rule)))
                prefixes_moved.add((rule, rule), NOTHING)
            elif (now := placeless(prefixes[prefix])) != rule:
                changed.append((prefix, (now, now)))
                prefixes_moved.add((rule, rule), (now, now))
    new_prefixes: list[Found] = [
        (prefix, (rule, rule)) for prefix, rule in prefixes.items() if prefix not in known_prefixes
    ]
    if old is None:
        return Difference(Entries(new.names.items(), new_prefixes))
    for scale, those in ((names_moved, fresh), (prefixes_moved, new_prefixes)):
        for _, meaning in those:
            scale.add(NOTHING, both(meaning))
    return Difference(
        Entries(fresh, new_prefixes), Entries(removed), Entries(changed),
        names_moved.moved(len(old)), prefixes_moved.moved(len(known_prefixes)),
    )  # fmt: skip


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


def _key(key: bytes | Prefix) -> bytes:
    return b"n" + key if isinstance(key, bytes) else b"p" + layout.pack_prefix(key)


def _shown(key: bytes | Prefix, meaning: Meaning | NameEntry | Slots) -> Shown:
    itself, below = both(meaning)
    rule = itself or below
    sign = "" if itself is not None and below is not None else "=" if itself else "*."
    text = sign + names.to_text(key) if isinstance(key, bytes) else str(key)
    return text, rule.id if rule else ""
