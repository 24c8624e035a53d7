"""What one generation changed against another, both of which are written. Reads two policies.

`policy.difference` compares a generation with what is only parsed; here both are sorted, and
are walked side by side without being held in memory.
"""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import msgspec

from blockd import names
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.watchlist.model import Rule

MOST = 500
"""Entries of each kind that are shown; all are counted."""

Meaning = tuple[Rule | None, Rule | None]
"""The rules, without their lines, for a name itself and for the names below it."""

Key = tuple[int, bytes]
"""Names before prefixes, each as its database sorts it."""


class Kind(NamedTuple):
    """Entries of one kind of change."""

    total: int
    entries: tuple[tuple[str, str], ...]
    """The first of them: as lists write them, and the platform's id."""


class Steps(NamedTuple):
    """What differs."""

    added: Kind
    removed: Kind
    changed: Kind


class _Counted:
    def __init__(self) -> None:
        self._count = 0
        self._entries: list[tuple[str, str]] = []

    def add(self, key: Key, meaning: Meaning) -> None:
        self._count += 1
        if len(self._entries) < MOST:
            self._entries.append(_shown(key, meaning))

    def kind(self) -> Kind:
        return Kind(self._count, tuple(self._entries))


def between(old: Policy, new: Policy) -> Steps:
    """Return what differs between two generations; lines do not matter."""
    added, removed, changed = _Counted(), _Counted(), _Counted()
    before, after = _entries(old), _entries(new)
    left, right = next(before, None), next(after, None)
    while left or right:
        if left and right and left[0] == right[0]:
            if left[1] != right[1]:
                changed.add(*right)
            left, right = next(before, None), next(after, None)
        elif right is None or (left is not None and left[0] < right[0]):
            assert left is not None  # noqa: S101 - one of both is there
            removed.add(*left)
            left = next(before, None)
        else:
            added.add(*right)
            right = next(after, None)
    return Steps(added.kind(), removed.kind(), changed.kind())


def _entries(policy: Policy) -> Iterator[tuple[Key, Meaning]]:
    """Yield every entry in order of its key, as it means without lines."""
    rules: list[Rule | None] = [msgspec.structs.replace(rule, line=0) for rule in policy.rules()]
    return chain(_named(policy, rules), _prefixed(policy))


def _named(policy: Policy, rules: list[Rule | None]) -> Iterator[tuple[Key, Meaning]]:
    for name, value in policy.names():
        if len(value) == layout.ONE.size:
            rule = rules[layout.ONE.unpack(value)[0]]
            yield (0, name), (rule, rule)
        else:
            itself, _, below, _ = layout.TWO.unpack(value)
            yield (
                (0, name),
                (
                    None if itself == layout.NONE else rules[itself],
                    None if below == layout.NONE else rules[below],
                ),
            )


def _prefixed(policy: Policy) -> Iterator[tuple[Key, Meaning]]:
    for entry in policy.prefixes():
        rule = msgspec.structs.replace(entry.rule, line=0)
        yield (1, layout.pack_prefix(entry.prefix)), (rule, rule)


def _shown(key: Key, meaning: Meaning) -> tuple[str, str]:
    kind, packed = key
    itself, below = meaning
    rule = itself or below
    identifier = rule.id if rule else ""
    if kind:
        return str(layout.unpack_prefix(packed)), identifier
    sign = "" if itself and below else "=" if itself else "*."
    return sign + names.to_text(packed), identifier
